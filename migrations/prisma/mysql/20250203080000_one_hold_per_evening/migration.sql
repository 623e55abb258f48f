-- A customer holds seats for an evening once. Paid and cancelled bookings may repeat.

-- The paper book knew repeated holds: the oldest one stays.
UPDATE `Booking`
JOIN `Booking` AS `older`
    ON `older`.`customerId` = `Booking`.`customerId`
    AND `older`.`performanceId` = `Booking`.`performanceId`
    AND `older`.`id` < `Booking`.`id`
SET `Booking`.`state` = 'CANCELLED'
WHERE `Booking`.`state` = 'HELD' AND `older`.`state` = 'HELD';

-- MySQL has no partial index: NULLs may repeat in a unique one, so a column that is NULL unless held does the same.
-- AlterTable
ALTER TABLE `Booking` ADD COLUMN `heldEvening` INTEGER AS (IF(`state` = 'HELD', `performanceId`, NULL)) VIRTUAL,
    ADD UNIQUE INDEX `Booking_oneHold_key`(`customerId`, `heldEvening`);

-- AlterTable
ALTER TABLE `Booking` ADD COLUMN `heldUntil` DATETIME(3) NULL;

UPDATE `Booking` SET `heldUntil` = `bookedAt` + INTERVAL 7 DAY WHERE `state` = 'HELD';

ALTER TABLE `Booking` ADD CONSTRAINT `Booking_hold_ends` CHECK (`state` <> 'HELD' OR `heldUntil` > `bookedAt`);
