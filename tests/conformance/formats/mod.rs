//! One description for each tool.

mod diesel;
mod golang_migrate;
mod goose;
mod prisma;
mod refinery;
mod sqlx;
