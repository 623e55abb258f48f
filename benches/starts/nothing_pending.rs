//! Part one: the server is up and nothing is pending, as at almost every start.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

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

/// Everybody once per round, in an order drawn for each round, and each divided by the floor of the same round.
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
    report(&peers, &costs)?;
    server.stop()
}

fn report(peers: &[Peer], costs: &[Vec<Cost>]) -> Result<()> {
    let floor = costs.first().context("the floor takes part")?;
    let rounds = floor.len();
    say(&format!(
        "Nothing pending: medians of {rounds} interleaved rounds, divided by the floor of the same round"
    ))?;
    say("(in brackets the middle half of the rounds; memory is the largest resident set)")?;
    let mut table = Table::default();
    table.row(["", "wall", "", "CPU", "", "memory, KiB"].map(str::to_owned));
    for (peer, costs) in peers.iter().zip(costs) {
        let [wall, wall_spread] = ratio(costs, floor, |cost| cost.wall);
        let [cpu, cpu_spread] = ratio(costs, floor, |cost| cost.cpu);
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

fn ratio(costs: &[Cost], floor: &[Cost], of: impl Fn(&Cost) -> f64) -> [String; 2] {
    let ratios: Vec<f64> = costs.iter().zip(floor).map(|(cost, floor)| of(cost) / of(floor)).collect();
    let Quartiles { lower, median, upper } = Quartiles::of(&ratios);
    [format!("{median:.2} x"), format!("[{lower:.2}–{upper:.2}]")]
}
