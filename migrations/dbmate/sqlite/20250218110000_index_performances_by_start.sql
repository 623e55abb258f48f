-- migrate:up
CREATE INDEX performance_by_start ON performance (starts_at, venue_id);

-- migrate:down
DROP INDEX performance_by_start;
