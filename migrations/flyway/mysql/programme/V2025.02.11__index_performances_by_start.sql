-- The programme is read all day: fail rather than stop the sale while the index is built.
CREATE INDEX performance_by_start ON performance (starts_at, venue_id) ALGORITHM = INPLACE LOCK = NONE;
