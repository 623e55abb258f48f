DROP VIEW guest_list;
ALTER TABLE booking DROP COLUMN code;
