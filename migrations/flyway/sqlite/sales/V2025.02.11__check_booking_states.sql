-- SQLite cannot add a CHECK to a table, so the table is built anew as its manual says. The foreign keys must be off
-- for that, and the pragma that switches them does nothing inside a transaction; hence the .conf beside this file.
PRAGMA foreign_keys = OFF;

CREATE TABLE booking_checked (
    id              INTEGER PRIMARY KEY,
    customer_id     INTEGER NOT NULL REFERENCES customer (id),
    performance_id  INTEGER NOT NULL REFERENCES performance (id) ON DELETE CASCADE,
    seats           INTEGER NOT NULL CHECK (seats BETWEEN 1 AND 12),
    state           TEXT NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'paid', 'cancelled')),
    note            TEXT,
    booked_at       TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    held_until      TEXT,
    CONSTRAINT hold_ends CHECK (state <> 'held' OR held_until > booked_at)
) STRICT;

INSERT INTO booking_checked (id, customer_id, performance_id, seats, state, note, booked_at, held_until)
SELECT id, customer_id, performance_id, seats, state, note, booked_at, held_until FROM booking;

DROP TABLE booking;
ALTER TABLE booking_checked RENAME TO booking;

CREATE UNIQUE INDEX booking_one_hold ON booking (customer_id, performance_id) WHERE state = 'held';

CREATE TRIGGER booking_added AFTER INSERT ON booking WHEN NEW.state <> 'cancelled'
BEGIN
    UPDATE performance SET seats_sold = seats_sold + NEW.seats WHERE id = NEW.performance_id;
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

PRAGMA foreign_keys = ON;
