-- A customer holds seats for an evening once. Paid and cancelled bookings may repeat.

-- The paper book knew repeated holds: the oldest one stays.
UPDATE booking SET state = 'cancelled'
WHERE state = 'held'
  AND EXISTS (
    SELECT FROM booking AS older
    WHERE older.customer_id = booking.customer_id
      AND older.performance_id = booking.performance_id
      AND older.state = 'held'
      AND older.id < booking.id
  );

CREATE UNIQUE INDEX booking_one_hold ON booking (customer_id, performance_id) WHERE state = 'held';

ALTER TABLE booking
    ADD COLUMN held_until timestamptz,
    ADD CONSTRAINT booking_hold_ends CHECK (state <> 'held' OR held_until > booked_at) NOT VALID;

UPDATE booking SET held_until = booked_at + interval '7 days' WHERE state = 'held';

ALTER TABLE booking VALIDATE CONSTRAINT booking_hold_ends;
