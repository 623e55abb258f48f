-- The box office of a few small theatres. Every later file builds on this one.

CREATE TABLE venue (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE CHECK (name <> ''),
    seats      INTEGER NOT NULL CHECK (seats > 0),
    opened_on  TEXT
) STRICT;

CREATE TABLE performance (
    id           INTEGER PRIMARY KEY,
    venue_id     INTEGER NOT NULL REFERENCES venue (id) ON DELETE RESTRICT,
    title        TEXT NOT NULL CHECK (title <> ''),
    starts_at    TEXT NOT NULL CHECK (datetime(starts_at) IS NOT NULL),
    price_cents  INTEGER NOT NULL CHECK (price_cents >= 0),
    UNIQUE (venue_id, starts_at)
) STRICT;

INSERT INTO venue (name, seats, opened_on) VALUES
    ('Kammerspiele', 180, '1911-06-28'),
    ('Théâtre du Port', 96, '1987-09-01'),
    ('第二倉庫', 40, NULL);

INSERT INTO performance (venue_id, title, starts_at, price_cents) VALUES
    (1, 'Der zerbrochne Krug', '2025-02-14T18:30:00Z', 2800),
    (2, 'La Mouette', '2025-02-14T19:00:00Z', 2400),
    (1, 'Der zerbrochne Krug', '2025-02-15T18:30:00Z', 2800),
    (3, '近松心中物語', '2025-03-01T09:00:00Z', 1900);
