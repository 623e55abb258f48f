-- migrate:up
-- A customer holds seats for an evening once. Paid and cancelled bookings may repeat.

-- The paper book knew repeated holds: the oldest one stays.
UPDATE booking
JOIN booking AS older
    ON older.customer_id = booking.customer_id
    AND older.performance_id = booking.performance_id
    AND older.id < booking.id
SET booking.state = 'cancelled'
WHERE booking.state = 'held' AND older.state = 'held';

-- MySQL has no partial index: NULLs may repeat in a unique one, so a column that is NULL unless held does the same.
ALTER TABLE booking
    ADD COLUMN held_evening bigint unsigned AS (IF(state = 'held', performance_id, NULL)) VIRTUAL,
    ADD UNIQUE KEY booking_one_hold (customer_id, held_evening);

ALTER TABLE booking ADD COLUMN held_until datetime;

UPDATE booking SET held_until = booked_at + INTERVAL 7 DAY WHERE state = 'held';

ALTER TABLE booking ADD CONSTRAINT booking_hold_ends CHECK (state <> 'held' OR held_until > booked_at);

-- migrate:down
ALTER TABLE booking DROP CONSTRAINT booking_hold_ends, DROP COLUMN held_until;
-- The index on which the foreign key of the customer leans has to be there before this one goes.
ALTER TABLE booking ADD KEY booking_customer (customer_id);
ALTER TABLE booking DROP KEY booking_one_hold, DROP COLUMN held_evening;
