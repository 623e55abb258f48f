/*
  Warnings:

  - Added a check of `state` and `heldUntil` on the `Booking` table. SQLite cannot add one, so the table is built anew.

*/
-- RedefineTables
PRAGMA defer_foreign_keys=ON;
PRAGMA foreign_keys=OFF;
CREATE TABLE "new_Booking" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "customerId" INTEGER NOT NULL,
    "performanceId" INTEGER NOT NULL,
    "seats" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'HELD' CHECK ("state" IN ('HELD', 'PAID', 'CANCELLED')),
    "note; as written" TEXT,
    "bookedAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heldUntil" DATETIME,
    CONSTRAINT "Booking_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "Booking_performanceId_fkey" FOREIGN KEY ("performanceId") REFERENCES "Performance" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "Booking_hold_ends" CHECK ("state" <> 'HELD' OR "heldUntil" > "bookedAt")
);
INSERT INTO "new_Booking" ("bookedAt", "customerId", "heldUntil", "id", "note; as written", "performanceId", "seats", "state") SELECT "bookedAt", "customerId", "heldUntil", "id", "note; as written", "performanceId", "seats", "state" FROM "Booking";
DROP TABLE "Booking";
ALTER TABLE "new_Booking" RENAME TO "Booking";
CREATE UNIQUE INDEX "Booking_oneHold_key" ON "Booking"("customerId", "performanceId") WHERE "state" = 'HELD';
CREATE TRIGGER "Booking_added" AFTER INSERT ON "Booking" WHEN NEW."state" <> 'CANCELLED'
BEGIN
    UPDATE "Performance" SET "seatsSold" = "seatsSold" + NEW."seats" WHERE "id" = NEW."performanceId";
    SELECT RAISE(ABORT, 'sold out; offer another evening -- or the waiting list')
    FROM "Performance" JOIN "Venue" ON "Venue"."id" = "Performance"."venueId"
    WHERE "Performance"."id" = NEW."performanceId" AND "Performance"."seatsSold" > "Venue"."seats";
END;
CREATE TRIGGER "Booking_changed" AFTER UPDATE OF "seats", "state" ON "Booking"
BEGIN
    UPDATE "Performance"
    SET "seatsSold" = "seatsSold"
        - CASE OLD."state" WHEN 'CANCELLED' THEN 0 ELSE OLD."seats" END
        + CASE NEW."state" WHEN 'CANCELLED' THEN 0 ELSE NEW."seats" END
    WHERE "id" = NEW."performanceId";
END;
PRAGMA foreign_keys=ON;
PRAGMA defer_foreign_keys=OFF;
