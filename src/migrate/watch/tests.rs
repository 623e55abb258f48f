use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Watch;
use crate::engine::{Activity, BoxFuture, Cancel, DbError, Observer, Sight};
use crate::log::kept::Kept;
use crate::migrate::progress::Subject;

/// After how many seconds a look is answered, and how.
type Answer = (u64, Result<Sight, DbError>);

/// A server that answers the looks like this; used up: the session is there, and does nothing.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    looks: Arc<Mutex<u32>>,
    closed: Arc<Mutex<bool>>,
}

impl Observer for Server {
    fn look(&mut self) -> BoxFuture<'_, Result<Sight, DbError>> {
        *self.looks.lock().unwrap() += 1;
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            let (seconds, answer) = answer.unwrap_or((0, Ok(Sight::There(Activity::default()))));
            sleep(Duration::from_secs(seconds)).await;
            answer
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        *self.closed.lock().unwrap() = true;
        Box::pin(async {})
    }
}

impl Cancel for Server {
    fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async { Ok(()) })
    }

    fn observer(&self, _: bool) -> Box<dyn Observer> {
        Box::new(self.clone())
    }
}

/// The lines told of work that takes so long, and how often one looked.
async fn told(server: &Server, length: Duration) -> (Vec<(u64, String)>, u32) {
    let (kept, _guard) = Kept::here();
    let subject = Subject { id: Some("2"), name: "2_b.sql".into(), migration: None, count: (1, 3) };
    let mut watch = Watch::over(Arc::new(server.clone()), true);
    assert!(timeout(length, watch.look_after(&subject)).await.is_err(), "the session is not lost");
    watch.close().await;
    let lines = kept.events("migration.progress").into_iter().map(|line| {
        assert_eq!(line["id"], "2");
        (line["elapsed_ms"].as_u64().unwrap(), line["detail"].as_str().unwrap().to_owned())
    });
    (lines.collect(), *server.looks.lock().unwrap())
}

fn waiting(what: &str) -> Sight {
    Sight::There(Activity { waits_for: Some(what.into()), ..Activity::default() })
}

#[tokio::test(start_paused = true)]
async fn a_short_migration_costs_no_connection_and_no_line() {
    assert_eq!(told(&Server::default(), Duration::from_millis(3900)).await, (Vec::new(), 0));
    let (lines, looks) = told(&Server::default(), Duration::from_millis(4900)).await;
    assert_eq!((lines.len(), looks), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn there_is_a_line_every_five_seconds_with_what_was_seen_just_before() {
    let server = Server::default();
    server.answers.lock().unwrap().extend([(0, Ok(waiting("a lock on a"))), (0, Ok(waiting("a lock on b")))]);
    let (lines, looks) = told(&server, Duration::from_millis(15_100)).await;
    let [(5000, first), (10_000, second), (15_000, third)] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(first.starts_with("running for 5s; waiting for a lock on a"), "{first}");
    assert!(second.starts_with("running for 10s; waiting for a lock on b"), "{second}");
    assert_eq!((third.as_str(), looks), ("running for 15s", 3));
    assert!(*server.closed.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_lines_keep_coming_while_a_look_is_not_answered() {
    let server = Server::default();
    let answers = [(0, Ok(waiting("a lock on a"))), (60, Ok(waiting("never"))), (60, Ok(waiting("never")))];
    server.answers.lock().unwrap().extend(answers);
    let (lines, _) = told(&server, Duration::from_millis(20_100)).await;
    let times: Vec<u64> = lines.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [5000, 10_000, 15_000, 20_000]);
    // What was seen last is told until it is certain that the server does not answer.
    assert!(lines[2].1.contains("a lock on a"), "{lines:?}");
    assert!(lines[3].1.contains("the server has not answered for 15s"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_us_in_and_says_no_more_is_there() {
    let server = Server::default();
    server.answers.lock().unwrap().extend(vec![(0, Ok(Sight::Silent)); 20]);
    let (lines, _) = told(&server, Duration::from_secs(61)).await;
    assert!(lines[11].1.contains("the server does not say what it does"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_a_look_is_told_of_and_is_there() {
    let full = DbError { code: Some("53300".into()), message: "too many".into(), ..DbError::default() };
    let server = Server::default();
    server.answers.lock().unwrap().extend(vec![(0, Err(full)); 20]);
    let (lines, looks) = told(&server, Duration::from_secs(61)).await;
    assert_eq!((lines.len(), looks), (12, 12));
    assert!(lines[11].1.contains("it cannot be looked at: too many (53300)"), "{lines:?}");
}
