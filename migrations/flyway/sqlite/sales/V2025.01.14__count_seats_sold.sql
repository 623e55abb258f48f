-- Selling must never pass the number of seats, whatever the application thinks.

ALTER TABLE performance ADD COLUMN seats_sold INTEGER NOT NULL DEFAULT 0 CHECK (seats_sold >= 0);

UPDATE performance
SET seats_sold = (
    SELECT coalesce(sum(seats), 0) FROM booking
    WHERE booking.performance_id = performance.id AND state <> 'cancelled'
);

CREATE TRIGGER booking_added AFTER INSERT ON booking WHEN NEW.state <> 'cancelled'
BEGIN
    UPDATE performance SET seats_sold = seats_sold + NEW.seats WHERE id = NEW.performance_id;
    -- The message holds a semicolon on purpose; so does this comment;
    SELECT RAISE(ABORT, 'sold out; offer another evening -- or the waiting list')
    FROM performance JOIN venue ON venue.id = performance.venue_id
    WHERE performance.id = NEW.performance_id AND performance.seats_sold > venue.seats;
END;

CREATE TRIGGER booking_changed AFTER UPDATE OF seats, state ON booking
BEGIN
    UPDATE performance
    SET seats_sold = seats_sold
        - CASE OLD.state WHEN 'cancelled' THEN 0 ELSE OLD.seats END
        + CASE NEW.state WHEN 'cancelled' THEN 0 ELSE NEW.seats END
    WHERE id = NEW.performance_id;
END;
