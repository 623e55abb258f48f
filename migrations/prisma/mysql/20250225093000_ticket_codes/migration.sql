-- What the scanner at the door reads: BO-<evening>-<booking>-<check digits>.

-- AlterTable
ALTER TABLE `Booking` ADD COLUMN `code` VARCHAR(191) NULL,
    ADD COLUMN `needsHelp` BOOLEAN NOT NULL DEFAULT false;

UPDATE `Booking`
SET `code` = CONCAT('BO-', `performanceId`, '-', `id`, '-', UPPER(LEFT(MD5(CONCAT(`id`, ';', `performanceId`)), 4)));

-- `||` means OR: Prisma leaves the SQL mode of the session as the server has it.
UPDATE `Booking` SET `needsHelp` = (`note; as written` LIKE '%wheelchair%' || `seats` > 3) IS TRUE;

-- AlterTable
ALTER TABLE `Booking` MODIFY `code` VARCHAR(191) NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX `Booking_code_key` ON `Booking`(`code`);

CREATE VIEW `GuestList` AS
SELECT `Performance`.`startsAt`, `Venue`.`name` AS `venue`, `Customer`.`name` AS `guest`, `Booking`.`seats`, `Booking`.`code`
FROM `Booking`
JOIN `Customer` ON `Customer`.`id` = `Booking`.`customerId`
JOIN `Performance` ON `Performance`.`id` = `Booking`.`performanceId`
JOIN `Venue` ON `Venue`.`id` = `Performance`.`venueId`
WHERE `Booking`.`state` = 'PAID';
