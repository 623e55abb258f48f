//! A migration held in its middle for as long as the test wants.

use nix::sys::signal::Signal;

use crate::harness::{Engine, Gate, Running, eventually};
use crate::site::Site;

/// What a migration's script comes to stand at.
pub(crate) enum Stand {
    /// A lock on the server.
    Gate(Gate, Engine),
    /// A sleep on MariaDB that ends in an error when it is cancelled; waiting for a lock there ends as if it had come.
    Sleep,
    /// SQLite has nothing to wait for: there the process itself is stopped while it takes so many steps, about five
    /// million a second in a debug build.
    Process(u64),
}

impl Stand {
    /// A closed one.
    pub(crate) fn closed(site: &Site) -> Self {
        match site.engine() {
            Engine::Postgres | Engine::MySql => Self::Gate(Gate::closed(&site.database), site.engine()),
            Engine::Sqlite => Self::Process(4_000_000),
        }
    }

    /// A closed one for a migration that will be cancelled and never gets through.
    pub(crate) fn for_good(site: &Site) -> Self {
        match site.engine() {
            Engine::MySql => Self::Sleep,
            Engine::Postgres => Self::closed(site),
            Engine::Sqlite => Self::Process(10_000_000_000),
        }
    }

    /// The statements that come to stand; they need no transaction and end none.
    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Gate(gate, _) => gate.sql(),
            Self::Sleep => "SELECT SLEEP(600);\n".to_owned(),
            Self::Process(steps) => format!(
                "CREATE TABLE counted AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c \
                 WHERE x < {steps}) SELECT count(*) AS n FROM c;\n"
            ),
        }
    }

    /// Waits until this castoff stands in the middle of the migration.
    pub(crate) fn hold(&mut self, site: &Site, running: &mut Running, id: &str) {
        running.until_line("the migration's start", |line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            (line["event"] == "migration.start" && line["id"] == id).then_some(())
        });
        match self {
            Self::Gate(gate, _) => drop(gate.visitor()),
            Self::Sleep => {
                let sql = format!(
                    "SELECT count(*) FROM information_schema.processlist WHERE user = '{}' AND state = 'User sleep'",
                    site.database.name()
                );
                eventually("it sleeps", || (site.database.one(&sql) == "1").then_some(()));
            }
            Self::Process(_) => {
                // Nothing else keeps it busy for so long.
                let before = ticks(running);
                eventually("it computes", || (ticks(running) >= before + 5).then_some(()));
                running.signal(Signal::SIGSTOP);
            }
        }
    }

    /// Kills castoff where it stands, and waits until its session is gone as well.
    pub(crate) fn kill(&mut self, mut running: Running) {
        running.signal(Signal::SIGKILL);
        assert!(running.wait().killed);
        if let Self::Gate(gate, engine) = self {
            // PostgreSQL is told to look for its client twice a second; MariaDB looks every five seconds by itself.
            match engine {
                Engine::MySql => drop(gate.end_visitor()),
                _ => gate.deserted(),
            }
        }
    }

    /// Lets a process that was stopped go on; whoever stands at a gate still does.
    pub(crate) fn let_go(&self, held: &mut Running) {
        if matches!(self, Self::Process(_)) {
            held.signal(Signal::SIGCONT);
        }
    }

    /// Lets everybody through, from now on.
    pub(crate) fn open(self) {
        if let Self::Gate(gate, _) = self {
            gate.open();
        }
    }
}

/// Hundredths of a second that the process has computed in user mode.
fn ticks(running: &mut Running) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.pid())).expect("it runs");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    fields.split(' ').nth(11).expect("utime").parse().expect("a number")
}
