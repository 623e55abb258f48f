//! The oracle: the original migration tool and castoff on the same databases, each going on where the other stopped.
//!
//! Needs the tool itself, which `scripts/test` installs below `target/tools`; the servers are the harness's.

// Alembic 1.20.
#[cfg(test)]
#[path = "interop/alembic.rs"]
mod alembic;
#[cfg(test)]
#[path = "interop/alembic_command.rs"]
mod alembic_command;
#[cfg(test)]
#[path = "interop/alembic_driver.rs"]
mod alembic_driver;
#[cfg(test)]
#[path = "interop/alembic_graphs.rs"]
mod alembic_graphs;
#[cfg(test)]
#[path = "interop/alembic_turns.rs"]
mod alembic_turns;
#[cfg(test)]
#[path = "interop/back.rs"]
mod back;
#[cfg(test)]
#[path = "interop/corpus.rs"]
mod corpus;
// dbmate 2.36.
#[cfg(test)]
#[path = "interop/dbmate.rs"]
mod dbmate;
#[cfg(test)]
#[path = "interop/dbmate_cli.rs"]
mod dbmate_cli;
// diesel_cli 2.3.
#[cfg(test)]
#[path = "interop/diesel.rs"]
mod diesel;
#[cfg(test)]
#[path = "interop/diesel_cli.rs"]
mod diesel_cli;
#[cfg(test)]
#[path = "interop/dump.rs"]
mod dump;
// No tool, two corpora beside sqlx's.
#[cfg(test)]
#[path = "interop/go_corpora.rs"]
mod go_corpora;
#[cfg(test)]
#[expect(dead_code, unused_imports, reason = "the suite uses what these tests do not")]
mod harness;
// Prisma 6.19.3, on PostgreSQL.
#[cfg(test)]
#[path = "interop/prisma.rs"]
mod prisma;
#[cfg(test)]
#[path = "interop/prisma_cli.rs"]
mod prisma_cli;
#[cfg(test)]
#[path = "interop/prisma_states.rs"]
mod prisma_states;
// refinery_cli 0.10.
#[cfg(test)]
#[path = "interop/refinery.rs"]
mod refinery;
#[cfg(test)]
#[path = "interop/refinery_cli.rs"]
mod refinery_cli;
// sqlx-cli 0.9.
#[cfg(test)]
#[path = "interop/sqlx.rs"]
mod sqlx;
#[cfg(test)]
#[path = "interop/sqlx_cli.rs"]
mod sqlx_cli;
#[cfg(test)]
#[path = "interop/tool.rs"]
mod tool;
