DROP FUNCTION seats_left(bigint);
DROP TRIGGER booking_counts_seats ON booking;
DROP FUNCTION count_seats_sold();
ALTER TABLE performance DROP COLUMN seats_sold;
