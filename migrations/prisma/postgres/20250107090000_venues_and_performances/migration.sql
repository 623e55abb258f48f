-- The box office of a few small theatres. Every later migration builds on this one.

-- CreateTable
CREATE TABLE "Venue" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "seats" INTEGER NOT NULL,
    "openedOn" DATE,

    CONSTRAINT "Venue_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Performance" (
    "id" SERIAL NOT NULL,
    "venueId" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "startsAt" TIMESTAMPTZ(3) NOT NULL,
    "priceCents" INTEGER NOT NULL,

    CONSTRAINT "Performance_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Venue_name_key" ON "Venue"("name");

-- CreateIndex
CREATE UNIQUE INDEX "Performance_venueId_startsAt_key" ON "Performance"("venueId", "startsAt");

-- AddForeignKey
ALTER TABLE "Performance" ADD CONSTRAINT "Performance_venueId_fkey" FOREIGN KEY ("venueId") REFERENCES "Venue"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

INSERT INTO "Venue" ("name", "seats", "openedOn") VALUES
    ('Kammerspiele', 180, '1911-06-28'),
    ('Théâtre du Port', 96, '1987-09-01'),
    ('第二倉庫', 40, NULL);

-- The last one names no zone: Prisma leaves the time zone of the session as the server has it.
INSERT INTO "Performance" ("venueId", "title", "startsAt", "priceCents") VALUES
    (1, 'Der zerbrochne Krug', '2025-02-14 19:30+01', 2800),
    (2, 'La Mouette', '2025-02-14 20:00+01', 2400),
    (1, 'Der zerbrochne Krug', '2025-02-15 19:30+01', 2800),
    (3, '近松心中物語', '2025-03-01 18:00', 1900);
