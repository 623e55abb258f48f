DROP INDEX CONCURRENTLY performance_by_start;
