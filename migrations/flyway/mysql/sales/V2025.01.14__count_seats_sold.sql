-- Selling must never pass the number of seats, whatever the application thinks; the triggers count under a row lock.
-- Flyway reads DELIMITER as the command-line client does.

ALTER TABLE performance ADD COLUMN seats_sold int NOT NULL DEFAULT 0 CHECK (seats_sold >= 0);

UPDATE performance
SET seats_sold = (
    SELECT COALESCE(SUM(seats), 0) FROM booking
    WHERE booking.performance_id = performance.id AND state <> 'cancelled'
);

DELIMITER //

CREATE PROCEDURE count_seats_sold(IN evening bigint unsigned, IN change_by int)
BEGIN
    DECLARE sold int;
    DECLARE capacity int;

    UPDATE performance SET seats_sold = seats_sold + change_by WHERE id = evening;
    SELECT performance.seats_sold, venue.seats INTO sold, capacity
    FROM performance JOIN venue ON venue.id = performance.venue_id
    WHERE performance.id = evening;

    IF sold > capacity THEN
        -- The message holds a semicolon on purpose; so does this comment;
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'sold out; offer another evening -- or the waiting list';
    END IF;
END//

CREATE TRIGGER booking_added AFTER INSERT ON booking FOR EACH ROW
BEGIN
    IF NEW.state <> 'cancelled' THEN
        CALL count_seats_sold(NEW.performance_id, NEW.seats);
    END IF;
END//

CREATE TRIGGER booking_changed AFTER UPDATE ON booking FOR EACH ROW
BEGIN
    IF OLD.state <> 'cancelled' THEN
        CALL count_seats_sold(OLD.performance_id, -OLD.seats);
    END IF;
    IF NEW.state <> 'cancelled' THEN
        CALL count_seats_sold(NEW.performance_id, NEW.seats);
    END IF;
END//

DELIMITER ;
