-- CreateTable
CREATE TABLE `Customer` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `name` VARCHAR(191) NOT NULL,
    `email` VARCHAR(191) NOT NULL,

    UNIQUE INDEX `Customer_email_key`(`email`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `Booking` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `customerId` INTEGER NOT NULL,
    `performanceId` INTEGER NOT NULL,
    `seats` INTEGER NOT NULL,
    `state` ENUM('HELD', 'PAID', 'CANCELLED') NOT NULL DEFAULT 'HELD',
    `note; as written` TEXT NULL,
    `bookedAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),

    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- AddForeignKey
ALTER TABLE `Booking` ADD CONSTRAINT `Booking_customerId_fkey` FOREIGN KEY (`customerId`) REFERENCES `Customer`(`id`) ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE `Booking` ADD CONSTRAINT `Booking_performanceId_fkey` FOREIGN KEY (`performanceId`) REFERENCES `Performance`(`id`) ON DELETE RESTRICT ON UPDATE CASCADE;

# Taken over from the paper book; the notes are what the box office really wrote.
INSERT INTO `Customer` (`name`, `email`) VALUES
    ('Ana Petrović', 'ana@example.org'),
    ('Seán Ó Briain', 'sean@example.org'),
    ('O''Hara; Scarlett', "scarlett@example.org");

INSERT INTO `Booking` (`customerId`, `performanceId`, `seats`, `state`, `note; as written`, `bookedAt`) VALUES
    (1, 1, 2, 'PAID', 'wheelchair; aisle seat -- call before 18:00', '2025-01-02 10:00:00.000'),
    (2, 1, 4, 'HELD', NULL, '2025-01-03 11:30:00.000'),
    (3, 2, 1, 'CANCELLED', 'tomorrow is another day /* she said */', '2025-01-03 12:00:00.000'),
    (2, 3, 2, 'PAID', 'pays at the door; says "it\'s fine" # really', '2025-01-04 09:15:00.000');
