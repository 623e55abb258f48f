-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

ALTER TABLE booking ADD COLUMN code TEXT;

UPDATE booking
SET code = 'BO-' || performance_id || '-' || id || '-' || printf('%04X', (id * 7919 + performance_id * 104729) % 65536);

CREATE UNIQUE INDEX booking_code_unique ON booking (code);

CREATE VIEW guest_list AS
SELECT performance.starts_at, venue.name AS venue, customer.name AS guest, booking.seats, booking.code
FROM booking
JOIN customer ON customer.id = booking.customer_id
JOIN performance ON performance.id = booking.performance_id
JOIN venue ON venue.id = performance.venue_id
WHERE booking.state = 'paid';
