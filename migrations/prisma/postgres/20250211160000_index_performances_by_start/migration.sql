-- The programme is read all day: build the index without stopping the sale. It has a migration of its own because
-- it cannot run in a transaction.

-- CreateIndex
CREATE INDEX CONCURRENTLY "Performance_startsAt_venueId_idx" ON "Performance"("startsAt", "venueId");
