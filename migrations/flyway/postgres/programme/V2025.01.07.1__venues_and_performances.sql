-- The box office of a few small theatres. Every later file builds on this one.

CREATE TABLE venue (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    seats      integer NOT NULL CHECK (seats > 0),
    opened_on  date
);

CREATE TABLE performance (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue_id     bigint NOT NULL REFERENCES venue (id) ON DELETE RESTRICT,
    title        text NOT NULL CHECK (title <> ''),
    starts_at    timestamptz NOT NULL,
    price_cents  integer NOT NULL CHECK (price_cents >= 0),
    UNIQUE (venue_id, starts_at)
);

INSERT INTO venue (name, seats, opened_on) VALUES
    ('Kammerspiele', 180, '1911-06-28'),
    ('Théâtre du Port', 96, '1987-09-01'),
    ('第二倉庫', 40, NULL);

INSERT INTO performance (venue_id, title, starts_at, price_cents)
SELECT venue.id, opening.title, opening.starts_at, opening.price_cents
FROM (VALUES
    ('Kammerspiele', 'Der zerbrochne Krug', timestamptz '2025-02-14 19:30+01', 2800),
    ('Kammerspiele', 'Der zerbrochne Krug', timestamptz '2025-02-15 19:30+01', 2800),
    ('Théâtre du Port', 'La Mouette', timestamptz '2025-02-14 20:00+01', 2400),
    ('第二倉庫', '近松心中物語', timestamptz '2025-03-01 18:00+09', 1900)
) AS opening (venue, title, starts_at, price_cents)
JOIN venue ON venue.name = opening.venue
ORDER BY opening.starts_at, venue.id;
