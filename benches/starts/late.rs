//! Part two: the server starts late. How long from "it accepts connections" to "the application has run"?

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::peers::{Castoff, Peer, bare};
use crate::process::Running;
use crate::server::{Server, succeed};
use crate::statistics::{Quartiles, interval_of_ratio, median, quantile};
use crate::table::Table;
use crate::{say, schema};

/// What everybody is divided by.
const BASE: &str = "until pg_isready; sleep 0.1";

/// The check fails above this ratio to the loop that sleeps 0.1 s.
const SLOWEST: f64 = 1.5;

/// The check's rounds, with this many of each waiter for the same start of the server: quick, where the whole
/// benchmark takes one at a time. A bad median may be chance, so it is looked at again with as many rounds more.
const CHECK_ROUNDS: u32 = 12;
const CHECK_ABREAST: usize = 3;
const CHECKS: u32 = 2;

/// Waiters of the same start begin up to this long after one another.
const STAGGER: Duration = Duration::from_millis(50);

/// No waiter takes longer once the server is up.
const LIMIT: Duration = Duration::from_mins(1);

/// When the server starts after the waiter: somewhere in the second after `earliest`, so that no pause fits it.
#[derive(Clone, Copy, Debug)]
struct Delay {
    earliest: Duration,
    spread: Duration,
}

impl Delay {
    fn draw(self) -> Duration {
        self.earliest + self.spread.mul_f64(fastrand::f64())
    }
}

/// A waiter and, for each round, the seconds from the server's readiness to the application's end.
struct Waiter {
    peer: Peer,
    delays: Vec<f64>,
}

/// All waiters side by side.
pub(crate) fn run(server: &mut Server, castoffs: &[Castoff], rounds: u32) -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut waiters = prepared(server, castoffs, home.path())?;
    for (name, shell, sleep) in [
        ("until pg_isready; sleep 1", "sh", "1"),
        ("until >/dev/tcp; sleep 0.1", "bash", "0.1"),
        ("until >/dev/tcp; sleep 1", "bash", "1"),
    ] {
        waiters.push(Waiter { peer: looping(server, name, shell, sleep), delays: Vec::new() });
    }
    let delay = Delay { earliest: Duration::from_secs(3), spread: Duration::from_secs(1) };
    for _ in 0..rounds {
        let mut order: Vec<usize> = (0..waiters.len()).collect();
        fastrand::shuffle(&mut order);
        for index in order {
            one_start(server, &mut waiters, &[index], delay)?;
        }
    }
    report(&waiters)
}

/// castoff and the loop it is compared with, in few rounds, until one set of them is good enough.
pub(crate) fn check(server: &mut Server, castoffs: &[Castoff]) -> Result<bool> {
    let home = tempfile::tempdir()?;
    let mut waiters = prepared(server, castoffs, home.path())?;
    let delay = Delay { earliest: Duration::from_millis(700), spread: Duration::from_millis(300) };
    for _ in 0..CHECKS {
        for _ in 0..CHECK_ROUNDS {
            let mut order = (0..waiters.len()).collect::<Vec<_>>().repeat(CHECK_ABREAST);
            fastrand::shuffle(&mut order);
            one_start(server, &mut waiters, &order, delay)?;
        }
        report(&waiters)?;
        if ratio_to_loop(&waiters)? <= SLOWEST {
            return Ok(true);
        }
    }
    say(&format!("castoff is slower than {SLOWEST} x the loop, the most it may be"))?;
    Ok(false)
}

/// castoff with all its migrations applied, and the loop that sleeps 0.1 s.
fn prepared(server: &mut Server, castoffs: &[Castoff], home: &Path) -> Result<Vec<Waiter>> {
    let migrations = schema::sqlx(home)?;
    let mut peers = vec![looping(server, BASE, "sh", "0.1")];
    peers.extend(castoffs.iter().map(|castoff| castoff.peer(&migrations, &server.url("late"))));
    server.start()?;
    server.create_database("late")?;
    // The first castoff applies them.
    peers.get(1).map_or(Ok(()), |peer| succeed(peer.command()))?;
    server.stop()?;
    Ok(peers.into_iter().map(|peer| Waiter { peer, delays: Vec::new() }).collect())
}

/// The loop of an entrypoint.sh: `pg_isready`, or bash's own probe of the port as wait-for-it makes it.
fn looping(server: &Server, name: &'static str, shell: &'static str, sleep: &str) -> Peer {
    let port = server.port();
    let probe = match shell {
        "bash" => format!("(: </dev/tcp/127.0.0.1/{port}) 2>/dev/null"),
        _ => format!("{} --quiet --host=127.0.0.1 --port={port}", server.binary("pg_isready").display()),
    };
    let script = format!("until {probe}; do sleep {sleep}; done; exec true");
    Peer::new(name, move || {
        let mut command: Command = bare(Path::new(shell));
        command.args(["-c", &script]);
        command
    })
}

/// Starts the waiters at these places, some time later the server, and sees how long each takes from its readiness.
fn one_start(server: &mut Server, waiters: &mut [Waiter], places: &[usize], delay: Delay) -> Result<()> {
    let mut started = Vec::new();
    for place in places {
        let Waiter { peer, .. } = waiters.get(*place).context("a waiter")?;
        // Several waiters of a kind would otherwise wake in step.
        std::thread::sleep(STAGGER.mul_f64(fastrand::f64()));
        let waiting = Running::start(peer.name, peer.command())?;
        started.push(std::thread::spawn(move || waiting.finish(LIMIT)));
    }
    std::thread::sleep(delay.draw());
    let ready = server.start()?;
    for (place, waiting) in places.iter().zip(started) {
        let ended = waiting.join().ok().context("a waiter's thread")??.ended;
        waiters.get_mut(*place).context("a waiter")?.delays.push(seconds_between(ready, ended));
    }
    server.stop()
}

/// Negative where the application ran before the server took connections.
fn seconds_between(ready: Instant, ended: Instant) -> f64 {
    match ended.checked_duration_since(ready) {
        Some(after) => after.as_secs_f64(),
        None => -(ready - ended).as_secs_f64(),
    }
}

fn base(waiters: &[Waiter]) -> Result<&[f64]> {
    let base = waiters.iter().find(|waiter| waiter.peer.name == BASE);
    base.map(|waiter| waiter.delays.as_slice()).context("the loop takes part")
}

fn ratio_to_loop(waiters: &[Waiter]) -> Result<f64> {
    let castoff = waiters.iter().find(|waiter| waiter.peer.name == Castoff::NAME);
    Ok(median(&castoff.context("castoff takes part")?.delays) / median(base(waiters)?))
}

fn report(waiters: &[Waiter]) -> Result<()> {
    let base = base(waiters)?;
    let loop_median = median(base);
    let rounds = base.len();
    say(&format!(
        "A late server: from \"it accepts connections\" to the application, {rounds} interleaved rounds,"
    ))?;
    say("divided by the median of the loop that sleeps 0.1 s (in brackets the middle half of the rounds)")?;
    let mut table = Table::default();
    table.row(["", "median", "", "95 % interval", "9 of 10", "too early"].map(str::to_owned));
    for Waiter { peer, delays } in waiters {
        let Quartiles { lower, median, upper } = Quartiles::of(delays);
        let (low, high) = interval_of_ratio(delays, base);
        let early = delays.iter().filter(|delay| **delay < 0.0).count();
        let times = |value: f64| format!("{:.2}", value / loop_median);
        table.row([
            peer.name.to_owned(),
            times(median) + " x",
            format!("[{}–{}]", times(lower), times(upper)),
            format!("{low:.2}–{high:.2}"),
            times(quantile(delays, 0.9)) + " x",
            format!("{early} of {rounds}"),
        ]);
    }
    table.print()?;
    Ok(())
}
