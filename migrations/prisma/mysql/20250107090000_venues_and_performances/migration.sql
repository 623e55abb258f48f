-- The box office of a few small theatres. Every later migration builds on this one.

-- CreateTable
CREATE TABLE `Venue` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `name` VARCHAR(191) NOT NULL,
    `seats` INTEGER NOT NULL,
    `openedOn` DATE NULL,

    UNIQUE INDEX `Venue_name_key`(`name`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `Performance` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `venueId` INTEGER NOT NULL,
    `title` VARCHAR(191) NOT NULL,
    `startsAt` TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00',
    `priceCents` INTEGER NOT NULL,

    UNIQUE INDEX `Performance_venueId_startsAt_key`(`venueId`, `startsAt`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- AddForeignKey
ALTER TABLE `Performance` ADD CONSTRAINT `Performance_venueId_fkey` FOREIGN KEY (`venueId`) REFERENCES `Venue`(`id`) ON DELETE RESTRICT ON UPDATE CASCADE;

INSERT INTO `Venue` (`name`, `seats`, `openedOn`) VALUES
    ('Kammerspiele', 180, '1911-06-28'),
    ('Théâtre du Port', 96, '1987-09-01'),
    ('第二倉庫', 40, NULL);

-- Prisma leaves the time zone of the session as the server has it.
INSERT INTO `Performance` (`venueId`, `title`, `startsAt`, `priceCents`) VALUES
    (1, 'Der zerbrochne Krug', '2025-02-14 19:30:00', 2800),
    (2, 'La Mouette', '2025-02-14 20:00:00', 2400),
    (1, 'Der zerbrochne Krug', '2025-02-15 19:30:00', 2800),
    (3, '近松心中物語', '2025-03-01 10:00:00', 1900);
