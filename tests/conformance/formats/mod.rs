//! One description for each tool.

mod diesel;
mod golang_migrate;
mod goose;
mod dbmate;
mod prisma;
mod refinery;
mod sqlx;
