-- The box office of a few small theatres. Every later migration builds on this one.

-- CreateTable
CREATE TABLE "Venue" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL,
    "seats" INTEGER NOT NULL,
    "openedOn" TEXT
);

-- CreateTable
CREATE TABLE "Performance" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "venueId" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "startsAt" DATETIME NOT NULL,
    "priceCents" INTEGER NOT NULL,
    CONSTRAINT "Performance_venueId_fkey" FOREIGN KEY ("venueId") REFERENCES "Venue" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- CreateIndex
CREATE UNIQUE INDEX "Venue_name_key" ON "Venue"("name");

-- CreateIndex
CREATE UNIQUE INDEX "Performance_venueId_startsAt_key" ON "Performance"("venueId", "startsAt");

INSERT INTO "Venue" ("name", "seats", "openedOn") VALUES
    ('Kammerspiele', 180, '1911-06-28'),
    ('Théâtre du Port', 96, '1987-09-01'),
    ('第二倉庫', 40, NULL);

-- Milliseconds since 1970, as Prisma's client stores a DateTime.
INSERT INTO "Performance" ("venueId", "title", "startsAt", "priceCents") VALUES
    (1, 'Der zerbrochne Krug', 1739557800000, 2800),
    (2, 'La Mouette', 1739559600000, 2400),
    (1, 'Der zerbrochne Krug', 1739644200000, 2800),
    (3, '近松心中物語', 1740819600000, 1900);
