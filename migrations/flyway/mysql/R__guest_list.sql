-- Who is expected at the door, and with which ticket. Changed in place: it runs again whenever it differs.
CREATE OR REPLACE VIEW ${flyway:defaultSchema}.guest_list AS
SELECT performance.starts_at, venue.name AS venue, customer.name AS guest, booking.seats, booking.code
FROM booking
JOIN customer ON customer.id = booking.customer_id
JOIN performance ON performance.id = booking.performance_id
JOIN venue ON venue.id = performance.venue_id
WHERE booking.state = 'paid';
