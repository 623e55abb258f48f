DROP TRIGGER booking_changed;
DROP TRIGGER booking_added;
ALTER TABLE performance DROP COLUMN seats_sold;
