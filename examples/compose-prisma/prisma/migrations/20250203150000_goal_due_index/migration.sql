-- Written by hand, so that the running replicas can go on writing while it is built.
CREATE INDEX CONCURRENTLY "Goal_dueAt_idx" ON "Goal"("dueAt");
