-- Unversioned, so that it may also be merged after a later one: nothing depends on it. refinery runs everything in a
-- transaction, so the index cannot be built concurrently.
CREATE INDEX performance_by_start ON performance (starts_at, venue_id);
