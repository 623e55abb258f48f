//! Fifty writers, one reader that does not end, and a migration between them.
//!
//! How long a writer stands in the queue is what the server says, not what a client measures: on a busy machine a client
//! is late for reasons of its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Reader, with_second};
use crate::harness::{Client, Database, Engine, Run, Running, heavy};

const WRITERS: usize = 50;

/// `--ddl-lock-timeout` here.
const LIMIT: Duration = Duration::from_secs(1);

/// What a writer may stand in the queue beyond that.
const MARGIN: Duration = Duration::from_millis(100);

/// What the servers say of writers that wait for the table: how many, and how long the first of them has, in milliseconds.
fn queue_query(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "SELECT count(*), COALESCE(max(extract(epoch FROM clock_timestamp() - waitstart) * 1000), 0)::int \
             FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock' AND relation = 'busy'::regclass"
        }
        _ => {
            "SELECT count(*), COALESCE(FLOOR(MAX(TIME_MS)), 0) FROM information_schema.PROCESSLIST \
             WHERE STATE = 'Waiting for table metadata lock' AND INFO LIKE 'INSERT INTO busy%' AND DB = DATABASE()"
        }
    }
}

/// What came of the writers.
#[derive(Debug, Default)]
struct Traffic {
    stop: AtomicBool,
    written: AtomicU64,
    /// The longest that an INSERT took, as its client saw it, in milliseconds.
    slowest: AtomicU64,
}

impl Traffic {
    fn write(&self, database: &Database) {
        let mut client = database.client();
        while !self.stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            client.exec("INSERT INTO busy (id) VALUES (1)");
            let took = u64::try_from(started.elapsed().as_millis()).expect("milliseconds");
            self.slowest.fetch_max(took, Ordering::Relaxed);
            self.written.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Ends the writers, whatever becomes of the test.
struct Ending<'a>(&'a Traffic);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// What was seen of the queue.
#[derive(Debug, Default)]
struct Seen {
    /// The most writers at one moment.
    most: u64,
    /// The longest that one of them stood there.
    longest: Duration,
}

impl Seen {
    fn look(&mut self, observer: &mut Client, engine: Engine) {
        let rows = observer.rows(queue_query(engine));
        let number = |column: usize| rows[0][column].as_ref().expect("a number").parse().expect("a number");
        self.most = self.most.max(number(0));
        self.longest = self.longest.max(Duration::from_millis(number(1)));
    }
}

/// Runs the migration among reader and writers; `is_enough` says when the reader may go.
fn among_traffic(database: &Database, limit: &str, is_enough: impl Fn(&Seen, &Running) -> bool) -> Seen {
    let _alone = heavy();
    let engine = database.engine();
    let files = with_second(database, "ALTER TABLE busy ADD more INT;\n");
    let (traffic, mut seen) = (Traffic::default(), Seen::default());
    let mut observer = database.client();
    let mut baseline = 0;
    let run = thread::scope(|scope| {
        let _ending = Ending(&traffic);
        for _ in 0..WRITERS {
            scope.spawn(|| traffic.write(database));
        }
        while traffic.written.load(Ordering::Relaxed) < 500 {
            thread::yield_now();
        }
        baseline = traffic.slowest.swap(0, Ordering::Relaxed);
        let mut reader = Some(Reader::of(database, "busy"));
        let run = Run::migrate(database, &files).option(["--format", "sqlx", "--ddl-lock-timeout", limit]);
        let running = run.spawn();
        while !running.has_logged("migration.applied") && !running.has_logged("exit") {
            seen.look(&mut observer, engine);
            if is_enough(&seen, &running) {
                reader.take().into_iter().for_each(Reader::leave);
            }
            thread::sleep(Duration::from_millis(5));
        }
        running.wait()
    });
    let run = run.succeeds();
    assert_eq!((run.applied(), database.versions()), (vec!["2".into()], vec![1, 2]));
    println!(
        "{engine:?}, limit {limit}: {} tries, {} of {WRITERS} writers in the queue at once, for at most {:?}; slowest INSERT \
         {} ms (before: {baseline} ms), {} rows, {:?}",
        run.events("migration.retry").len() + 1,
        seen.most,
        seen.longest,
        traffic.slowest.load(Ordering::Relaxed),
        traffic.written.load(Ordering::Relaxed),
        run.elapsed,
    );
    seen
}

fn no_writer_waits_longer_than_the_limit(database: &Database) {
    let seen = among_traffic(database, "1s", |_, running| running.count_logged("migration.retry") >= 3);
    assert!(seen.longest <= LIMIT + MARGIN, "{seen:?}");
    assert!(seen.most >= 40 && seen.longest >= LIMIT / 2, "they did stand behind it: {seen:?}");
}

/// What the test above prevents.
fn without_a_limit_they_wait_for_the_reader(database: &Database) {
    let seen = among_traffic(database, "0", |seen, _| seen.longest > LIMIT * 2);
    assert!(seen.longest > LIMIT * 2, "{seen:?}");
}

#[test]
fn no_writer_waits_longer_than_the_limit_on_postgres() {
    Database::on(Engine::Postgres).as_ref().into_iter().for_each(no_writer_waits_longer_than_the_limit);
}

#[test]
fn no_writer_waits_longer_than_the_limit_on_mariadb() {
    Database::on(Engine::MySql).as_ref().into_iter().for_each(no_writer_waits_longer_than_the_limit);
}

#[test]
fn without_a_limit_they_wait_for_the_reader_on_postgres() {
    Database::on(Engine::Postgres).as_ref().into_iter().for_each(without_a_limit_they_wait_for_the_reader);
}

#[test]
fn without_a_limit_they_wait_for_the_reader_on_mariadb() {
    Database::on(Engine::MySql).as_ref().into_iter().for_each(without_a_limit_they_wait_for_the_reader);
}
