/*
  Warnings:

  - What is printed on the back of a ticket is kept here from now on.
    /* Block comments nest in PostgreSQL; this one holds a statement that must not run: */
    DROP TABLE "Booking";
*/
-- CreateTable
CREATE TABLE "HouseRule" (
    "venueId" INTEGER NOT NULL,
    "position" SMALLINT NOT NULL,
    "rule" TEXT NOT NULL,

    CONSTRAINT "HouseRule_pkey" PRIMARY KEY ("venueId", "position")
);

-- AddForeignKey
ALTER TABLE "HouseRule" ADD CONSTRAINT "HouseRule_venueId_fkey" FOREIGN KEY ("venueId") REFERENCES "Venue"("id") ON DELETE CASCADE ON UPDATE CASCADE;

INSERT INTO "HouseRule" ("venueId", "position", "rule") VALUES
    (1, 1, 'No admission after the bell; no refunds -- no exceptions.'), -- the semicolon; and the dashes stay
    (1, 2, 'Coats (''Garderobe'') 2 €; umbrellas free 🌂'),
    (2, 1, E'Le bar ferme à minuit;\n-- sauf le dimanche'),
    (2, 2, $rule$Photos: $$ for the press; none for anybody else's album$rule$),
    (3, 1, '靴を脱いでください; -- 土足厳禁');

COMMENT ON TABLE "HouseRule" IS 'printed on the back; keep it short -- 120 characters at most';
COMMENT ON COLUMN "HouseRule"."rule" IS $$as the venue wrote it; it's never translated$$;
