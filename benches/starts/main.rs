//! How long castoff stands between a container's start and its application, beside what else could stand there.
//!
//! Starts a PostgreSQL of its own on loopback, runs everything in interleaved rounds, prints ratios and stops what it
//! started. `docs/benchmarks.md` says how to run it and what it claims.

mod late;
mod nothing_pending;
mod peers;
mod process;
mod schema;
mod server;
mod statistics;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::peers::Castoff;

/// What to run.
#[derive(Debug, Parser)]
#[command(name = "starts", about = "castoff's start beside its peers', as ratios")]
struct Options {
    /// Few rounds against few peers; fails where castoff is slower than its bounds.
    #[arg(long)]
    check: bool,
    /// The castoff to measure: the static release build.
    #[arg(long, default_value = "target/x86_64-unknown-linux-musl/release/castoff")]
    castoff: PathBuf,
    /// Another build of castoff to measure beside it: before and after a change.
    #[arg(long)]
    other: Option<PathBuf>,
    /// The bare client to divide by, built in the same way.
    #[arg(long, default_value = "target/x86_64-unknown-linux-musl/release/examples/floor")]
    floor: PathBuf,
    /// Where `scripts/bench` installs the peers.
    #[arg(long, default_value = "target/tools/bench")]
    tools: PathBuf,
    /// Rounds with nothing pending, after three to warm up; 0 leaves the part out.
    #[arg(long, default_value_t = 60)]
    rounds: u32,
    /// Rounds with a server that starts late; 0 leaves the part out.
    #[arg(long, default_value_t = 30)]
    late_rounds: u32,
    /// Of the order within a round and of the moment at which the server starts.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Given by `cargo bench`; without it nothing is measured, so that `cargo test --benches` takes no time.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if !options.bench {
        say("nothing is measured: run `cargo bench --profile dev --bench starts`, or `scripts/bench`")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut castoffs = vec![castoff(Castoff::NAME, &options.castoff)?];
    if let Some(other) = &options.other {
        castoffs.push(castoff("castoff -- true (other)", other)?);
    }
    fastrand::seed(options.seed);
    let mut server = server::Server::prepared()?;
    if options.check {
        let quick = nothing_pending::check(&mut server, &castoffs)?;
        let prompt = late::check(&mut server, &castoffs)?;
        return Ok(if quick && prompt { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if options.rounds > 0 {
        nothing_pending::run(&mut server, &castoffs, &options.floor, &options.tools, options.rounds)?;
    }
    if options.late_rounds > 0 {
        late::run(&mut server, &castoffs, options.late_rounds)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn castoff(name: &'static str, binary: &Path) -> Result<Castoff> {
    let binary = binary.canonicalize().with_context(|| {
        format!(
            "{}: build it first: `cargo build --release --target x86_64-unknown-linux-musl`",
            binary.display()
        )
    })?;
    Ok(Castoff { name, binary })
}

/// The benchmark's result goes to standard output.
fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
