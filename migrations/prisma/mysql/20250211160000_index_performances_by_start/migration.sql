-- The programme is read all day: fail rather than stop the sale while the index is built.

-- CreateIndex
CREATE INDEX `Performance_startsAt_venueId_idx` ON `Performance`(`startsAt`, `venueId`) ALGORITHM = INPLACE LOCK = NONE;
