-- Selling must never pass the number of seats, whatever the application thinks; the triggers count under a row lock.
-- Each body is sent as it stands: DELIMITER is a word of the command-line client, not of the server.

-- AlterTable
ALTER TABLE `Performance` ADD COLUMN `seatsSold` INTEGER NOT NULL DEFAULT 0;

UPDATE `Performance`
SET `seatsSold` = (
    SELECT COALESCE(SUM(`seats`), 0) FROM `Booking`
    WHERE `Booking`.`performanceId` = `Performance`.`id` AND `state` <> 'CANCELLED'
);

CREATE PROCEDURE `countSeatsSold`(IN evening INTEGER, IN change_by INTEGER)
BEGIN
    DECLARE sold INTEGER;
    DECLARE capacity INTEGER;

    UPDATE `Performance` SET `seatsSold` = `seatsSold` + change_by WHERE `id` = evening;
    SELECT `Performance`.`seatsSold`, `Venue`.`seats` INTO sold, capacity
    FROM `Performance` JOIN `Venue` ON `Venue`.`id` = `Performance`.`venueId`
    WHERE `Performance`.`id` = evening;

    IF sold > capacity THEN
        -- The message holds a semicolon on purpose; so does this comment;
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'sold out; offer another evening -- or the waiting list';
    END IF;
END;

CREATE TRIGGER `Booking_added` AFTER INSERT ON `Booking` FOR EACH ROW
BEGIN
    IF NEW.`state` <> 'CANCELLED' THEN
        CALL `countSeatsSold`(NEW.`performanceId`, NEW.`seats`);
    END IF;
END;

CREATE TRIGGER `Booking_changed` AFTER UPDATE ON `Booking` FOR EACH ROW
BEGIN
    IF OLD.`state` <> 'CANCELLED' THEN
        CALL `countSeatsSold`(OLD.`performanceId`, -OLD.`seats`);
    END IF;
    IF NEW.`state` <> 'CANCELLED' THEN
        CALL `countSeatsSold`(NEW.`performanceId`, NEW.`seats`);
    END IF;
END;
