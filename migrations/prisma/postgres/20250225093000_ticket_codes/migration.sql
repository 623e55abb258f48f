-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

-- AlterTable
ALTER TABLE "Booking" ADD COLUMN "code" TEXT;

UPDATE "Booking"
SET "code" = 'BO-' || "performanceId" || '-' || "id" || '-' || upper(left(md5("id" || ';' || "performanceId"), 4));

-- AlterTable
ALTER TABLE "Booking" ALTER COLUMN "code" SET NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "Booking_code_key" ON "Booking"("code");

CREATE VIEW "GuestList" AS
SELECT "Performance"."startsAt", "Venue"."name" AS "venue", "Customer"."name" AS "guest", "Booking"."seats", "Booking"."code"
FROM "Booking"
JOIN "Customer" ON "Customer"."id" = "Booking"."customerId"
JOIN "Performance" ON "Performance"."id" = "Booking"."performanceId"
JOIN "Venue" ON "Venue"."id" = "Performance"."venueId"
WHERE "Booking"."state" = 'PAID';
