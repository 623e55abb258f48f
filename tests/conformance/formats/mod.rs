//! One description for each tool.

mod prisma;
mod sqlx;
