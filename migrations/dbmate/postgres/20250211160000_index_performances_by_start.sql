-- migrate:up transaction:false
-- The programme is read all day: build the index without stopping the sale.
CREATE INDEX CONCURRENTLY performance_by_start ON performance (starts_at, venue_id);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY performance_by_start;
