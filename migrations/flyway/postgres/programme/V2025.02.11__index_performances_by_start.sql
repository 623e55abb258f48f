-- The programme is read all day: build the index without stopping the sale. Flyway sees by itself that this cannot run in a
-- transaction.
CREATE INDEX CONCURRENTLY performance_by_start ON performance (starts_at, venue_id);
