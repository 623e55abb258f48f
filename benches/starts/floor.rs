//! The floor of the benchmark: connects, authenticates, asks one question and ends.
//!
//! Built as castoff is built, from the same PostgreSQL client, so that what castoff takes beyond it is castoff's own.

use std::error::Error;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("DATABASE_URL")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection: PgConnection = PgConnectOptions::from_str(&url)?.connect().await?;
        sqlx::raw_sql("SELECT 1").execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    })
}
