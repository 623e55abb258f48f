CREATE INDEX performance_by_start ON performance (starts_at, venue_id);
