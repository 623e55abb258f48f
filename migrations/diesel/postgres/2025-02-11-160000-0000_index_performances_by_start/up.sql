-- The programme is read all day: build the index without stopping the sale.
CREATE INDEX CONCURRENTLY performance_by_start ON performance (starts_at, venue_id);
