ALTER TABLE booking DROP CONSTRAINT booking_hold_ends;
ALTER TABLE booking DROP COLUMN held_until;
ALTER TABLE booking ADD KEY booking_customer (customer_id), DROP KEY booking_one_hold, DROP COLUMN held_evening;
