//! sqlx 0.8 and 0.9: `<VERSION>_<DESCRIPTION>.sql`, `.up.sql`, `.down.sql` and `_sqlx_migrations`.

/// The sqlx format.
#[derive(Debug)]
pub struct Sqlx;
