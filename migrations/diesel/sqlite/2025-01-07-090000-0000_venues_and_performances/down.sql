DROP TABLE performance;
DROP TABLE venue;
