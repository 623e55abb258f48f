-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

ALTER TABLE booking ADD COLUMN code text;

UPDATE booking
SET code = 'BO-' || performance_id || '-' || id || '-' || upper(left(md5(id || ';' || performance_id), 4));

ALTER TABLE booking
    ALTER COLUMN code SET NOT NULL,
    ADD CONSTRAINT booking_code_unique UNIQUE (code);

CREATE VIEW guest_list AS
SELECT performance.starts_at, venue.name AS venue, customer.name AS guest, booking.seats, booking.code
FROM booking
JOIN customer ON customer.id = booking.customer_id
JOIN performance ON performance.id = booking.performance_id
JOIN venue ON venue.id = performance.venue_id
WHERE booking.state = 'paid';
