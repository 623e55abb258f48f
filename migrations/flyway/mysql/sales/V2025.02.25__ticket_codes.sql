-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

ALTER TABLE booking ADD COLUMN code varchar(60);

-- `||` is a logical or, as the server has it.
UPDATE booking
SET code = CONCAT('BO-', performance_id, '-', id, '-', UPPER(LEFT(MD5(CONCAT(id, ';', performance_id)), 4)));

ALTER TABLE booking
    MODIFY COLUMN code varchar(60) NOT NULL,
    ADD CONSTRAINT booking_code_unique UNIQUE (code);
