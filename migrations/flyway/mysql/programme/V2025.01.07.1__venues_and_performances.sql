-- The box office of a few small theatres. Every later file builds on this one.

CREATE TABLE venue (
    id         bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name       varchar(120) NOT NULL UNIQUE CHECK (name <> ''),
    seats      int NOT NULL CHECK (seats > 0),
    opened_on  date
) DEFAULT CHARSET = utf8mb4;

CREATE TABLE performance (
    id           bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    venue_id     bigint unsigned NOT NULL,
    title        varchar(200) NOT NULL CHECK (title <> ''),
    starts_at    timestamp NOT NULL DEFAULT '2000-01-01 00:00:00',
    price_cents  int NOT NULL CHECK (price_cents >= 0),
    UNIQUE KEY one_at_a_time (venue_id, starts_at),
    CONSTRAINT performance_venue FOREIGN KEY (venue_id) REFERENCES venue (id) ON DELETE RESTRICT
) DEFAULT CHARSET = utf8mb4;

INSERT INTO venue (name, seats, opened_on) VALUES
    ('Kammerspiele', 180, '1911-06-28'),
    ('Théâtre du Port', 96, '1987-09-01'),
    ('第二倉庫', 40, NULL);

-- Times are the server's.
INSERT INTO performance (venue_id, title, starts_at, price_cents) VALUES
    (1, 'Der zerbrochne Krug', '2025-02-14 18:30:00', 2800),
    (2, 'La Mouette', '2025-02-14 19:00:00', 2400),
    (1, 'Der zerbrochne Krug', '2025-02-15 18:30:00', 2800),
    (3, '近松心中物語', '2025-03-01 09:00:00', 1900);
