-- Selling must never pass the number of seats, whatever the application thinks; the trigger counts under a row lock.

-- AlterTable
ALTER TABLE "Performance" ADD COLUMN "seatsSold" INTEGER NOT NULL DEFAULT 0;

UPDATE "Performance"
SET "seatsSold" = "sold"."seats"
FROM (
    SELECT "performanceId", sum("seats") AS "seats" FROM "Booking" WHERE "state" <> 'CANCELLED' GROUP BY "performanceId"
) AS "sold"
WHERE "sold"."performanceId" = "Performance"."id";

CREATE FUNCTION "countSeatsSold"() RETURNS trigger
LANGUAGE plpgsql AS $function$
DECLARE
    change   integer := 0;
    capacity integer;
    sold     integer;
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') AND OLD."state" <> 'CANCELLED' THEN
        change := change - OLD."seats";
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') AND NEW."state" <> 'CANCELLED' THEN
        change := change + NEW."seats";
    END IF;

    UPDATE "Performance" SET "seatsSold" = "seatsSold" + change
    WHERE "id" = CASE TG_OP WHEN 'DELETE' THEN OLD."performanceId" ELSE NEW."performanceId" END
    RETURNING "seatsSold", (SELECT "seats" FROM "Venue" WHERE "Venue"."id" = "venueId") INTO sold, capacity;

    IF sold > capacity THEN
        -- The hint ends in a semicolon on purpose; so does this comment;
        RAISE EXCEPTION 'sold out: % of % seats', sold, capacity
            USING HINT = $$offer another evening; or the waiting list -- it's free;$$;
    END IF;
    RETURN NULL;
END;
$function$;

CREATE TRIGGER "Booking_countSeatsSold"
AFTER INSERT OR DELETE OR UPDATE OF "seats", "state" ON "Booking"
FOR EACH ROW EXECUTE FUNCTION "countSeatsSold"();

CREATE FUNCTION "seatsLeft"("performance" integer) RETURNS integer
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT "Venue"."seats" - "Performance"."seatsSold"
    FROM "Performance" JOIN "Venue" ON "Venue"."id" = "Performance"."venueId"
    WHERE "Performance"."id" = "seatsLeft"."performance";
END;
