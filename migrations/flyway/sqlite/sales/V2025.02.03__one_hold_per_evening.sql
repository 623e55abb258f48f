-- A customer holds seats for an evening once. Paid and cancelled bookings may repeat.

-- The paper book knew repeated holds: the oldest one stays.
UPDATE booking SET state = 'cancelled'
WHERE state = 'held'
  AND EXISTS (
    SELECT 1 FROM booking AS older
    WHERE older.customer_id = booking.customer_id
      AND older.performance_id = booking.performance_id
      AND older.state = 'held'
      AND older.id < booking.id
  );

CREATE UNIQUE INDEX booking_one_hold ON booking (customer_id, performance_id) WHERE state = 'held';

ALTER TABLE booking ADD COLUMN held_until TEXT;

UPDATE booking SET held_until = datetime(booked_at, '+7 days') WHERE state = 'held';
