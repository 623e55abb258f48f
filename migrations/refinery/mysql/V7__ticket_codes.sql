-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

ALTER TABLE booking ADD COLUMN code varchar(60);

-- `||` is OR: refinery leaves sql_mode as the server has it.
UPDATE booking
SET code = CONCAT('BO-', performance_id, '-', id, '-', UPPER(LEFT(MD5(CONCAT(id, ';', performance_id)), 4)))
WHERE code IS NULL || code = '';

ALTER TABLE booking
    MODIFY COLUMN code varchar(60) NOT NULL,
    ADD CONSTRAINT booking_code_unique UNIQUE (code);

CREATE VIEW guest_list AS
SELECT performance.starts_at, venue.name AS venue, customer.name AS guest, booking.seats, booking.code
FROM booking
JOIN customer ON customer.id = booking.customer_id
JOIN performance ON performance.id = booking.performance_id
JOIN venue ON venue.id = performance.venue_id
WHERE booking.state = 'paid';
