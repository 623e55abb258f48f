ALTER TABLE booking DROP CONSTRAINT booking_hold_ends, DROP COLUMN held_until;
-- The index on which the foreign key of the customer leans has to be there before this one goes.
ALTER TABLE booking ADD KEY booking_customer (customer_id);
ALTER TABLE booking DROP KEY booking_one_hold, DROP COLUMN held_evening;
