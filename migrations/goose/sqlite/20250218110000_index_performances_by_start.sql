-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX performance_by_start ON performance (starts_at, venue_id);

-- +goose Down
DROP INDEX performance_by_start;
