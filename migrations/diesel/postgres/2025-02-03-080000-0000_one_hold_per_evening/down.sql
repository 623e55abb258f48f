ALTER TABLE booking DROP COLUMN held_until;
DROP INDEX booking_one_hold;
