//! Alembic.
mod python;
