-- Selling must never pass the number of seats, whatever the application thinks.

-- AlterTable
ALTER TABLE "Performance" ADD COLUMN "seatsSold" INTEGER NOT NULL DEFAULT 0;

UPDATE "Performance"
SET "seatsSold" = (
    SELECT coalesce(sum("seats"), 0) FROM "Booking"
    WHERE "Booking"."performanceId" = "Performance"."id" AND "state" <> 'CANCELLED'
);

CREATE TRIGGER "Booking_added" AFTER INSERT ON "Booking" WHEN NEW."state" <> 'CANCELLED'
BEGIN
    UPDATE "Performance" SET "seatsSold" = "seatsSold" + NEW."seats" WHERE "id" = NEW."performanceId";
    -- The message holds a semicolon on purpose; so does this comment;
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
