//! A migration held in its middle for as long as the test wants.

use nix::sys::signal::Signal;

use crate::harness::{Engine, Gate, Running, eventually};
use crate::site::Site;

/// What a migration's script comes to stand at.
pub(crate) enum Stand {
    /// A lock on the server.
    Gate(Gate, Engine),
    /// SQLite has nothing to wait for: there the process itself is stopped while it computes.
    Process,
}

impl Stand {
    /// A closed one.
    pub(crate) fn closed(site: &Site) -> Self {
        match site.engine() {
            Engine::Postgres | Engine::MySql => Self::Gate(Gate::closed(&site.database), site.engine()),
            Engine::Sqlite => Self::Process,
        }
    }

    /// The statements that come to stand; they need no transaction and end none.
    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Gate(gate, _) => gate.sql(),
            // About a second of work in a debug build.
            Self::Process => {
                "CREATE TABLE counted AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c \
                              WHERE x < 4000000) SELECT count(*) AS n FROM c;\n"
                    .to_owned()
            }
        }
    }

    /// Waits until this castoff stands in the middle of the migration.
    pub(crate) fn hold(&mut self, running: &mut Running, id: &str) {
        running.until_line("the migration's start", |line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            (line["event"] == "migration.start" && line["id"] == id).then_some(())
        });
        match self {
            Self::Gate(gate, _) => drop(gate.visitor()),
            Self::Process => {
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

    /// Lets the one that was held go on, and everybody after it.
    pub(crate) fn open(self, held: Option<&mut Running>) {
        match self {
            Self::Gate(gate, _) => gate.open(),
            Self::Process => {
                if let Some(held) = held {
                    held.signal(Signal::SIGCONT);
                }
            }
        }
    }
}

/// Hundredths of a second that the process has computed in user mode.
fn ticks(running: &mut Running) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.pid())).expect("it runs");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    fields.split(' ').nth(11).expect("utime").parse().expect("a number")
}
