-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

-- AlterTable
ALTER TABLE "Booking" ADD COLUMN "code" TEXT;

UPDATE "Booking"
SET "code" = 'BO-' || "performanceId" || '-' || "id" || '-' || printf('%04X', ("id" * 7919 + "performanceId" * 104729) % 65536);

-- CreateIndex
CREATE UNIQUE INDEX "Booking_code_key" ON "Booking"("code");

CREATE VIEW "GuestList" AS
SELECT "Performance"."startsAt", "Venue"."name" AS "venue", "Customer"."name" AS "guest", "Booking"."seats", "Booking"."code"
FROM "Booking"
JOIN "Customer" ON "Customer"."id" = "Booking"."customerId"
JOIN "Performance" ON "Performance"."id" = "Booking"."performanceId"
JOIN "Venue" ON "Venue"."id" = "Performance"."venueId"
WHERE "Booking"."state" = 'PAID';
