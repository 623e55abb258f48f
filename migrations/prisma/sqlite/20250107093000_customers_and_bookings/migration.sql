-- CreateTable
CREATE TABLE "Customer" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL,
    "email" TEXT NOT NULL
);

-- CreateTable
CREATE TABLE "Booking" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "customerId" INTEGER NOT NULL,
    "performanceId" INTEGER NOT NULL,
    "seats" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'HELD',
    "note; as written" TEXT,
    "bookedAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "Booking_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "Booking_performanceId_fkey" FOREIGN KEY ("performanceId") REFERENCES "Performance" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE UNIQUE INDEX "Customer_email_key" ON "Customer"("email");

-- Taken over from the paper book; the notes are what the box office really wrote.
INSERT INTO "Customer" ("name", "email") VALUES
    ('Ana Petrović', 'ana@example.org'),
    ('Seán Ó Briain', 'sean@example.org'),
    ('O''Hara; Scarlett', 'scarlett@example.org');

INSERT INTO "Booking" ("customerId", "performanceId", "seats", "state", "note; as written", "bookedAt") VALUES
    (1, 1, 2, 'PAID', 'wheelchair; aisle seat -- call before 18:00', 1735812000000),
    (2, 1, 4, 'HELD', NULL, 1735903800000),
    (3, 2, 1, 'CANCELLED', 'tomorrow is another day /* she said */', 1735905600000),
    (2, 3, 2, 'PAID', 'pays at the door; says "it''s fine"', 1735982100000);
