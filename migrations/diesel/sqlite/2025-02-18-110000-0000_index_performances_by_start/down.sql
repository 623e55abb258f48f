DROP INDEX performance_by_start;
