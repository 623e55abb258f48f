/* What is printed on the back of a ticket.
   This comment holds a statement that must not run:
   DROP TABLE booking;
*/
CREATE TABLE house_rule (
    venue_id  bigint unsigned NOT NULL,
    position  smallint NOT NULL CHECK (position > 0),
    rule      text NOT NULL COMMENT 'as the venue wrote it; it''s never translated',
    PRIMARY KEY (venue_id, position),
    CONSTRAINT house_rule_venue FOREIGN KEY (venue_id) REFERENCES venue (id) ON DELETE CASCADE
) DEFAULT CHARSET = utf8mb4 COMMENT = 'printed on the back; keep it short -- 120 characters at most';

INSERT INTO house_rule (venue_id, position, rule) VALUES
    (1, 1, 'No admission after the bell; no refunds -- no exceptions.'), -- the semicolon; and the dashes stay
    (1, 2, 'Coats (''Garderobe'') 2 €; umbrellas free 🌂'), # so does this; comment
    (2, 1, 'Le bar ferme à minuit;\n-- sauf le dimanche'),
    (2, 2, "Photos: `$$` for the press; none for anybody else's album"),
    (3, 1, '靴を脱いでください; -- 土足厳禁');
