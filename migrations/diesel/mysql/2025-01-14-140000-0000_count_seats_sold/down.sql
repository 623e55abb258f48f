DROP TRIGGER booking_changed;
DROP TRIGGER booking_added;
DROP PROCEDURE count_seats_sold;
ALTER TABLE performance DROP COLUMN seats_sold;
