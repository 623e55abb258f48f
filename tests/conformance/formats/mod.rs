//! One description for each tool.

mod diesel;
mod prisma;
mod refinery;
mod sqlx;
