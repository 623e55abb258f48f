//! A scripted server, so that policy is tested without one and with paused time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{
    BoxFuture, Cancel, Connector, DbError, Engine, Facts, Holder, Ledger, LockKey, Observer, Reading, Row,
    ScriptError, Session, Statement, TableName, Unobserved, Verdict,
};
use crate::duration::whole;

/// What the server will say, and what it was asked.
#[derive(Default)]
pub(crate) struct Server {
    /// Answers to the next attempts to connect; when they are used up, connecting works.
    pub(crate) refusals: VecDeque<DbError>,
    /// The history at each reading; the last one stays.
    pub(crate) histories: VecDeque<Option<Vec<Row>>>,
    /// Whether somebody else holds each lock at each try; used up: free.
    pub(crate) held: VecDeque<bool>,
    /// Whether nobody is seen to hold a lock at each question; the last one stays, and without any somebody is seen.
    pub(crate) free: VecDeque<bool>,
    /// Errors of the next scripts sent, `None` for success; used up: success.
    pub(crate) scripts: VecDeque<Option<DbError>>,
    /// How many statements went through before each of those errors; used up: none.
    pub(crate) completed: VecDeque<usize>,
    /// Errors of the next statements of the bookkeeping, `None` for success; used up: success.
    pub(crate) executions: VecDeque<Option<DbError>>,
    /// What the others see of the lock's holder.
    pub(crate) announced: Option<String>,
    /// Whether the server has slots to spare.
    pub(crate) crowded: bool,
    /// Why it takes no writes, at each reading; used up: it does.
    pub(crate) read_only: VecDeque<String>,
    /// Everything that happened, in order.
    pub(crate) log: Vec<String>,
    /// Whether scripts give the locks back.
    pub(crate) loses_locks: bool,
    /// Whether the password comes from a file.
    pub(crate) rotating: bool,
}

impl Server {
    pub(crate) fn shared(self) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(self))
    }
}

/// Connects to a scripted server.
pub(crate) struct Fake(pub(crate) Arc<Mutex<Server>>);

pub(crate) fn error(verdict: Verdict, message: &str) -> DbError {
    DbError { verdict, message: message.into(), ..DbError::default() }
}

impl Connector for Fake {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn address(&self) -> String {
        "db:5432/app".into()
    }

    fn connect(&mut self, refused: bool) -> BoxFuture<'_, Result<Box<dyn Session>, DbError>> {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            let mut state = server.lock().unwrap();
            state.log.push(if refused { "connect again".into() } else { "connect".into() });
            match state.refusals.pop_front() {
                Some(error) => Err(error),
                None => Ok(Box::new(FakeSession(Arc::clone(&server))) as Box<dyn Session>),
            }
        })
    }

    fn password_can_change(&self) -> bool {
        self.0.lock().unwrap().rotating
    }

    fn create_database(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        self.0.lock().unwrap().log.push("create database".into());
        Box::pin(async { Ok(()) })
    }
}

struct FakeSession(Arc<Mutex<Server>>);

impl FakeSession {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().log.push(what.into());
    }
}

impl Session for FakeSession {
    fn read<'a>(&'a mut self, _: Option<&'a Ledger>) -> BoxFuture<'a, Result<Reading, DbError>> {
        self.note("read");
        let mut state = self.0.lock().unwrap();
        let history = match state.histories.len() {
            0 => None,
            1 => state.histories.front().cloned().flatten(),
            _ => state.histories.pop_front().flatten(),
        };
        let facts = Facts {
            server_version: "15.20".into(),
            database: "app".into(),
            user: "app".into(),
            schema: "public".into(),
            read_only: state.read_only.pop_front(),
            pooled: false,
            slots_to_spare: !state.crowded,
            schema_exists: true,
            holds_tables: false,
        };
        Box::pin(async { Ok(Reading { facts, history }) })
    }

    fn try_lock<'a>(&'a mut self, _: &'a LockKey) -> BoxFuture<'a, Result<bool, DbError>> {
        let held = self.0.lock().unwrap().held.pop_front().unwrap_or(false);
        self.note(if held { "try lock: held" } else { "try lock" });
        Box::pin(async move { Ok(!held) })
    }

    fn unlock<'a>(&'a mut self, _: &'a LockKey) -> BoxFuture<'a, Result<(), DbError>> {
        self.note("unlock");
        Box::pin(async { Ok(()) })
    }

    fn holder<'a>(&'a mut self, _: &'a LockKey) -> BoxFuture<'a, Result<Option<Holder>, DbError>> {
        let mut state = self.0.lock().unwrap();
        let free = match state.free.len() {
            0 | 1 => state.free.front().copied().unwrap_or_default(),
            _ => state.free.pop_front().unwrap_or_default(),
        };
        Box::pin(async move { Ok((!free).then(|| Holder { pid: Some(7), ..Holder::default() })) })
    }

    fn secure<'a>(&'a mut self, _: &'a [LockKey]) -> BoxFuture<'a, Result<bool, DbError>> {
        let still_locked = !self.0.lock().unwrap().loses_locks;
        Box::pin(async move { Ok(still_locked) })
    }

    fn begin_within(&mut self, limit: Duration) -> BoxFuture<'_, Result<(), ScriptError>> {
        self.note(format!("BEGIN within {}", whole(limit)));
        Box::pin(async { Ok(()) })
    }

    fn limit_queueing(&mut self, limit: Option<Duration>) -> BoxFuture<'_, Result<(), DbError>> {
        self.note(limit.map_or("no limit".into(), |limit| format!("limit {}", whole(limit))));
        Box::pin(async { Ok(()) })
    }

    fn send<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<(), ScriptError>> {
        self.note(sql);
        let setting = sql.starts_with("SET ") || sql.contains("set_config(");
        let bracket = setting || ["BEGIN", "COMMIT", "ROLLBACK"].contains(&sql);
        let mut state = self.0.lock().unwrap();
        let error = if bracket { None } else { state.scripts.pop_front().flatten() };
        let completed = if error.is_some() { state.completed.pop_front().unwrap_or_default() } else { 0 };
        drop(state);
        Box::pin(async move {
            match error {
                Some(error) => Err(ScriptError { completed, error }),
                None => Ok(()),
            }
        })
    }

    fn send_apart<'a>(&'a mut self, statement: &'a str, _: bool) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { self.send(statement).await.map_err(|failed| failed.error) })
    }

    fn columns<'a>(&'a mut self, _: &'a TableName) -> BoxFuture<'a, Result<Option<Vec<String>>, DbError>> {
        Box::pin(async { Ok(None) })
    }

    fn execute<'a>(
        &'a mut self,
        _: &'a Ledger,
        statement: &'a Statement,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        self.note(statement.sql.split_whitespace().next().unwrap_or_default());
        let error = self.0.lock().unwrap().executions.pop_front().flatten();
        Box::pin(async { error.map_or(Ok(()), Err) })
    }

    fn announce_failure<'a>(&'a mut self, mark: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        self.note("announce failure");
        self.0.lock().unwrap().announced = Some(mark.to_owned());
        Box::pin(async { Ok(()) })
    }

    fn failure_announced<'a>(
        &'a mut self,
        _: &'a LockKey,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<bool, DbError>> {
        let announced = self.0.lock().unwrap().announced.as_deref() == Some(mark);
        Box::pin(async move { Ok(announced) })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        struct Nothing;
        impl Cancel for Nothing {
            fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
                Box::pin(async { Ok(()) })
            }

            fn observer(&self, _: bool) -> Box<dyn Observer> {
                Box::new(Unobserved)
            }
        }
        Arc::new(Nothing)
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.note("close");
        Box::pin(async {})
    }
}
