CREATE TYPE booking_state AS ENUM ('held', 'paid', 'cancelled');

CREATE TABLE customer (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name   text NOT NULL,
    email  text NOT NULL UNIQUE CHECK (email LIKE '%_@_%')
);

CREATE TABLE booking (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id     bigint NOT NULL REFERENCES customer (id),
    performance_id  bigint NOT NULL REFERENCES performance (id) ON DELETE CASCADE,
    seats           integer NOT NULL CHECK (seats BETWEEN 1 AND 12),
    state           booking_state NOT NULL DEFAULT 'held',
    note            text,
    booked_at       timestamptz NOT NULL DEFAULT now()
);

-- Taken over from the paper book; the notes are what the box office really wrote.
COPY customer (name, email) FROM stdin;
Ana Petrović	ana@example.org
Seán Ó Briain	sean@example.org
O'Hara; Scarlett	scarlett@example.org
\.

INSERT INTO booking (customer_id, performance_id, seats, state, note, booked_at) VALUES
    (1, 1, 2, 'paid', 'wheelchair; aisle seat -- call before 18:00', '2025-01-02 10:00+00'),
    (2, 1, 4, 'held', NULL, '2025-01-03 11:30+00'),
    (3, 2, 1, 'cancelled', 'tomorrow is another day /* she said */', '2025-01-03 12:00+00'),
    (2, 3, 2, 'paid', E'pays at the door; says "it\'s fine"', '2025-01-04 09:15+00');
