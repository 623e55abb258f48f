//! One description for each tool.

mod dbmate;
mod diesel;
mod flyway;
mod golang_migrate;
mod goose;
mod prisma;
mod refinery;
mod sqlx;
