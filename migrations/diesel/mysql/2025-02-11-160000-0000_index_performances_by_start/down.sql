DROP INDEX performance_by_start ON performance;
