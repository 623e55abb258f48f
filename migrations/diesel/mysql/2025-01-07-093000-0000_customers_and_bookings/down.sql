DROP TABLE booking;
DROP TABLE customer;
