-- CreateIndex
CREATE INDEX "Performance_startsAt_venueId_idx" ON "Performance"("startsAt", "venueId");
