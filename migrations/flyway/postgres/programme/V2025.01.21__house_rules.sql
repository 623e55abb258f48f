/* What is printed on the back of a ticket.
   /* Block comments nest in PostgreSQL; this one holds a statement that must not run: */
   DROP TABLE booking;
*/
CREATE TABLE house_rule (
    venue_id  bigint NOT NULL REFERENCES venue (id) ON DELETE CASCADE,
    position  smallint NOT NULL CHECK (position > 0),
    rule      text NOT NULL,
    PRIMARY KEY (venue_id, position)
);

INSERT INTO house_rule (venue_id, position, rule) VALUES
    (1, 1, 'No admission after the bell; no refunds -- no exceptions.'), -- the semicolon; and the dashes stay
    (1, 2, 'Coats (''Garderobe'') 2 €; umbrellas free 🌂'),
    (2, 1, E'Le bar ferme à minuit;\n-- sauf le dimanche'),
    (2, 2, $rule$Photos: $$ for the press; none for anybody else's album$rule$),
    (3, 1, '靴を脱いでください; -- 土足厳禁');

COMMENT ON TABLE house_rule IS 'printed on the back; keep it short -- 120 characters at most';
COMMENT ON COLUMN house_rule.rule IS $$as the venue wrote it; it's never translated$$;
