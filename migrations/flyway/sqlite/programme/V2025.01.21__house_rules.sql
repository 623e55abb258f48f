/* What is printed on the back of a ticket.
   This comment holds a statement that must not run:
   DROP TABLE booking;
*/
CREATE TABLE house_rule (
    venue_id  INTEGER NOT NULL REFERENCES venue (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL CHECK (position > 0),
    rule      TEXT NOT NULL,
    PRIMARY KEY (venue_id, position)
) STRICT, WITHOUT ROWID;

INSERT INTO house_rule (venue_id, position, rule) VALUES
    (1, 1, 'No admission after the bell; no refunds -- no exceptions.'), -- the semicolon; and the dashes stay
    (1, 2, 'Coats (''Garderobe'') 2 €; umbrellas free 🌂'),
    (2, 1, 'Le bar ferme à minuit;
-- sauf le dimanche'),
    (2, 2, 'Photos: $$ for the press; none for anybody else''s album'),
    (3, 1, '靴を脱いでください; -- 土足厳禁');
