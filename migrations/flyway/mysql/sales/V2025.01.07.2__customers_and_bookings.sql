CREATE TABLE customer (
    id     bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name   varchar(200) NOT NULL,
    email  varchar(200) NOT NULL UNIQUE CHECK (email LIKE '%_@_%')
) DEFAULT CHARSET = utf8mb4;

CREATE TABLE booking (
    id              bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer_id     bigint unsigned NOT NULL,
    performance_id  bigint unsigned NOT NULL,
    seats           int NOT NULL CHECK (seats BETWEEN 1 AND 12),
    state           enum('held', 'paid', 'cancelled') NOT NULL DEFAULT 'held',
    note            text,
    booked_at       datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT booking_customer FOREIGN KEY (customer_id) REFERENCES customer (id),
    CONSTRAINT booking_performance FOREIGN KEY (performance_id) REFERENCES performance (id)
) DEFAULT CHARSET = utf8mb4;

# Taken over from the paper book; the notes are what the box office really wrote.
INSERT INTO customer (name, email) VALUES
    ('Ana Petrović', 'ana@example.org'),
    ('Seán Ó Briain', 'sean@example.org'),
    ('O''Hara; Scarlett', "scarlett@example.org");

INSERT INTO booking (customer_id, performance_id, seats, state, note, booked_at) VALUES
    (1, 1, 2, 'paid', 'wheelchair; aisle seat -- call before 18:00', '2025-01-02 10:00:00'),
    (2, 1, 4, 'held', NULL, '2025-01-03 11:30:00'),
    (3, 2, 1, 'cancelled', 'tomorrow is another day /* she said */', '2025-01-03 12:00:00'),
    (2, 3, 2, 'paid', 'pays at the door; says "it\'s fine" # really', '2025-01-04 09:15:00');
