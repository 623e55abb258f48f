-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

ALTER TABLE booking ADD COLUMN code TEXT;

UPDATE booking
SET code = 'BO-' || performance_id || '-' || id || '-' || printf('%04X', (id * 7919 + performance_id * 104729) % 65536);

CREATE UNIQUE INDEX booking_code_unique ON booking (code);
