DROP TABLE booking;
DROP TABLE customer;
DROP TYPE booking_state;
