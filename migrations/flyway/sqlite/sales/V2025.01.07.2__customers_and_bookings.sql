CREATE TABLE customer (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    email  TEXT NOT NULL UNIQUE CHECK (email LIKE '%_@_%')
) STRICT;

CREATE TABLE booking (
    id              INTEGER PRIMARY KEY,
    customer_id     INTEGER NOT NULL REFERENCES customer (id),
    performance_id  INTEGER NOT NULL REFERENCES performance (id) ON DELETE CASCADE,
    seats           INTEGER NOT NULL CHECK (seats BETWEEN 1 AND 12),
    state           TEXT NOT NULL DEFAULT 'held',
    note            TEXT,
    booked_at       TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

-- Taken over from the paper book; the notes are what the box office really wrote.
INSERT INTO customer (name, email) VALUES
    ('Ana Petrović', 'ana@example.org'),
    ('Seán Ó Briain', 'sean@example.org'),
    ('O''Hara; Scarlett', 'scarlett@example.org');

INSERT INTO booking (customer_id, performance_id, seats, state, note, booked_at) VALUES
    (1, 1, 2, 'paid', 'wheelchair; aisle seat -- call before 18:00', '2025-01-02 10:00:00'),
    (2, 1, 4, 'held', NULL, '2025-01-03 11:30:00'),
    (3, 2, 1, 'cancelled', 'tomorrow is another day /* she said */', '2025-01-03 12:00:00'),
    (2, 3, 2, 'paid', 'pays at the door; says "it''s fine"', '2025-01-04 09:15:00');
