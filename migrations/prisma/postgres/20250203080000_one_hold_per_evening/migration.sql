-- A customer holds seats for an evening once. Paid and cancelled bookings may repeat.

-- The paper book knew repeated holds: the oldest one stays.
UPDATE "Booking" SET "state" = 'CANCELLED'
WHERE "state" = 'HELD'
  AND EXISTS (
    SELECT 1 FROM "Booking" AS "older"
    WHERE "older"."customerId" = "Booking"."customerId"
      AND "older"."performanceId" = "Booking"."performanceId"
      AND "older"."state" = 'HELD'
      AND "older"."id" < "Booking"."id"
  );

-- CreateIndex
CREATE UNIQUE INDEX "Booking_oneHold_key" ON "Booking"("customerId", "performanceId") WHERE "state" = 'HELD';

-- AlterTable
ALTER TABLE "Booking" ADD COLUMN "heldUntil" TIMESTAMP(3),
ADD CONSTRAINT "Booking_hold_ends" CHECK ("state" <> 'HELD' OR "heldUntil" > "bookedAt") NOT VALID;

UPDATE "Booking" SET "heldUntil" = "bookedAt" + interval '7 days' WHERE "state" = 'HELD';

ALTER TABLE "Booking" VALIDATE CONSTRAINT "Booking_hold_ends";
