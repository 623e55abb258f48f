-- CreateEnum
CREATE TYPE "BookingState" AS ENUM ('HELD', 'PAID', 'CANCELLED');

-- CreateTable
CREATE TABLE "Customer" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT NOT NULL,

    CONSTRAINT "Customer_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Booking" (
    "id" SERIAL NOT NULL,
    "customerId" INTEGER NOT NULL,
    "performanceId" INTEGER NOT NULL,
    "seats" INTEGER NOT NULL,
    "state" "BookingState" NOT NULL DEFAULT 'HELD',
    "note; as written" TEXT,
    "bookedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Booking_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Customer_email_key" ON "Customer"("email");

-- AddForeignKey
ALTER TABLE "Booking" ADD CONSTRAINT "Booking_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Booking" ADD CONSTRAINT "Booking_performanceId_fkey" FOREIGN KEY ("performanceId") REFERENCES "Performance"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Taken over from the paper book; the notes are what the box office really wrote.
INSERT INTO "Customer" ("name", "email") VALUES
    ('Ana Petrović', 'ana@example.org'),
    ('Seán Ó Briain', 'sean@example.org'),
    ('O''Hara; Scarlett', 'scarlett@example.org');

INSERT INTO "Booking" ("customerId", "performanceId", "seats", "state", "note; as written", "bookedAt") VALUES
    (1, 1, 2, 'PAID', 'wheelchair; aisle seat -- call before 18:00', '2025-01-02 10:00:00'),
    (2, 1, 4, 'HELD', NULL, '2025-01-03 11:30:00'),
    (3, 2, 1, 'CANCELLED', 'tomorrow is another day /* she said */', '2025-01-03 12:00:00'),
    (2, 3, 2, 'PAID', E'pays at the door; says "it\'s fine"', '2025-01-04 09:15:00');
