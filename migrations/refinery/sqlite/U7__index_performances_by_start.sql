-- Unversioned, so that it may also be merged after a later one: nothing depends on it.
CREATE INDEX performance_by_start ON performance (starts_at, venue_id);
