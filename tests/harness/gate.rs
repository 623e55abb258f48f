//! A migration that goes on when the test says so, instead of after some seconds.

use super::{Client, Database, Engine, eventually};

/// Holds back whoever runs [`sql`](Self::sql) in this database, until opened or dropped.
pub(crate) struct Gate {
    keeper: Client,
    engine: Engine,
    name: String,
}

impl Gate {
    /// A closed one; PostgreSQL and MariaDB only, SQLite has nothing to wait for.
    pub(crate) fn closed(database: &Database) -> Self {
        let (engine, name) = (database.engine(), database.name());
        let mut keeper = database.client();
        match engine {
            // The key of two numbers is of another space than the keys under test.
            Engine::Postgres => keeper.exec("SELECT pg_advisory_lock(1, 777)"),
            Engine::MySql => assert_eq!(keeper.one(&format!("SELECT GET_LOCK('gate-{name}', 0)")), "1"),
            Engine::Sqlite => panic!("SQLite has no gate"),
        }
        Self { keeper, engine, name }
    }

    /// The statement that waits before the gate; it neither needs nor ends a transaction.
    pub(crate) fn sql(&self) -> String {
        match self.engine {
            Engine::Postgres => "SELECT pg_advisory_xact_lock(1, 777);\n".to_owned(),
            _ => format!("SELECT GET_LOCK('gate-{0}', 600);\nSELECT RELEASE_LOCK('gate-{0}');\n", self.name),
        }
    }

    /// Waits until a session stands before the gate, and returns its id on the server.
    pub(crate) fn visitor(&mut self) -> i64 {
        eventually("a session stands before the gate", || self.visitors().first().copied())
    }

    /// Waits until nobody stands before it any more.
    pub(crate) fn deserted(&mut self) {
        eventually("nobody stands before the gate", || self.visitors().is_empty().then_some(()));
    }

    fn visitors(&mut self) -> Vec<i64> {
        let sql = match self.engine {
            Engine::Postgres => {
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid = 777 AND NOT granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    .to_owned()
            }
            _ => format!(
                "SELECT id FROM information_schema.processlist WHERE state = 'User lock' AND user = '{}'",
                self.name
            ),
        };
        let rows = self.keeper.rows(&sql);
        rows.iter().map(|row| row[0].as_ref().expect("an id").parse().expect("a number")).collect()
    }

    /// Ends the session that stands before the gate, as an administrator would, and returns its id.
    pub(crate) fn end_visitor(&mut self) -> i64 {
        let id = self.visitor();
        if self.engine == Engine::Postgres {
            assert_eq!(self.keeper.one(&format!("SELECT pg_terminate_backend({id})")), "t");
        } else {
            self.keeper.exec(&format!("KILL CONNECTION {id}"));
        }
        self.deserted();
        id
    }

    /// Lets everybody through, from now on.
    pub(crate) fn open(self) {
        drop(self);
    }
}
