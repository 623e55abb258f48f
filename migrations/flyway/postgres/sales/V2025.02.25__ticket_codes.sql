-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

ALTER TABLE booking ADD COLUMN code text;

UPDATE booking
SET code = 'BO-' || performance_id || '-' || id || '-' || upper(left(md5(id || ';' || performance_id), 4));

ALTER TABLE booking
    ALTER COLUMN code SET NOT NULL,
    ADD CONSTRAINT booking_code_unique UNIQUE (code);
