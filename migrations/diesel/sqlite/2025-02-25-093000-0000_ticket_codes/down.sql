DROP VIEW guest_list;
DROP INDEX booking_code_unique;
ALTER TABLE booking DROP COLUMN code;
