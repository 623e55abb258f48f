//! Part one: the server is up and nothing is pending, as at almost every start.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::peers::{self, Castoff, Peer};
use crate::process::{Cost, Running};
use crate::say;
use crate::server::Server;
use crate::statistics::{Quartiles, median};
use crate::table::Table;

/// Rounds before anything counts: binaries and catalogues come into memory.
const WARM_UP: u32 = 3;

/// No start takes longer, on a busy machine either.
const LIMIT: Duration = Duration::from_mins(1);

/// The check fails above this ratio to `psql -c 'select 1'`.
const SLOWEST: f64 = 1.5;

/// The check's rounds.
const CHECK_ROUNDS: u32 = 20;

/// Everybody, divided by the floor.
pub(crate) fn run(
    server: &mut Server,
    castoffs: &[Castoff],
    floor: &Path,
    tools: &Path,
    rounds: u32,
) -> Result<()> {
    server.start()?;
    let home = tempfile::tempdir()?;
    let peers = peers::all(server, castoffs, floor, tools, home.path())?;
    let costs = measure(&peers, rounds)?;
    report(&peers, &costs)?;
    server.stop()
}

/// castoff, divided by a `psql` that asks one question: needs no build but castoff's.
pub(crate) fn check(server: &mut Server, castoffs: &[Castoff]) -> Result<bool> {
    server.start()?;
    let home = tempfile::tempdir()?;
    let peers = peers::for_check(server, castoffs, home.path())?;
    let costs = measure(&peers, CHECK_ROUNDS)?;
    report(&peers, &costs)?;
    server.stop()?;
    let [psql, castoff, ..] = costs.as_slice() else { bail!("psql and castoff take part") };
    let ratio = median(&ratios(castoff, psql, |cost| cost.wall));
    if ratio > SLOWEST {
        say(&format!("castoff took {ratio:.2} x as long as psql; {SLOWEST} x is the most it may"))?;
    }
    Ok(ratio <= SLOWEST)
}

/// Everybody once per round, in an order drawn for each round.
fn measure(peers: &[Peer], rounds: u32) -> Result<Vec<Vec<Cost>>> {
    let mut costs: Vec<Vec<Cost>> = peers.iter().map(|_| Vec::new()).collect();
    for round in 0..WARM_UP + rounds {
        let mut order: Vec<(&Peer, &mut Vec<Cost>)> = peers.iter().zip(&mut costs).collect();
        fastrand::shuffle(&mut order);
        for (peer, costs) in order {
            let cost = Running::start(peer.name, peer.command())?.finish(LIMIT)?;
            if round >= WARM_UP {
                costs.push(cost);
            }
        }
    }
    Ok(costs)
}

/// Each divided by the first of the same round.
fn report(peers: &[Peer], costs: &[Vec<Cost>]) -> Result<()> {
    let base = costs.first().context("somebody takes part")?;
    let name = peers.first().map_or("", |peer| peer.name);
    let rounds = base.len();
    say(&format!(
        "Nothing pending: medians of {rounds} interleaved rounds, divided by \"{name}\" of the same round"
    ))?;
    say("(in brackets the middle half of the rounds; memory is the largest resident set)")?;
    let mut table = Table::default();
    table.row(["", "wall", "", "CPU", "", "memory, KiB"].map(str::to_owned));
    for (peer, costs) in peers.iter().zip(costs) {
        let [wall, wall_spread] = ratio(costs, base, |cost| cost.wall);
        let [cpu, cpu_spread] = ratio(costs, base, |cost| cost.cpu);
        let memory: Vec<f64> = costs.iter().map(|cost| cost.memory).collect();
        table.row([
            peer.name.to_owned(),
            wall,
            wall_spread,
            cpu,
            cpu_spread,
            format!("{:.0}", median(&memory)),
        ]);
    }
    table.print()?;
    Ok(())
}

fn ratio(costs: &[Cost], base: &[Cost], of: impl Fn(&Cost) -> f64) -> [String; 2] {
    let Quartiles { lower, median, upper } = Quartiles::of(&ratios(costs, base, of));
    [format!("{median:.2} x"), format!("[{lower:.2}–{upper:.2}]")]
}

fn ratios(costs: &[Cost], base: &[Cost], of: impl Fn(&Cost) -> f64) -> Vec<f64> {
    costs.iter().zip(base).map(|(cost, base)| of(cost) / of(base)).collect()
}
