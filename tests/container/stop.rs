//! `docker stop` in castoff's own phases: PID 1 answers, with 143, long before Docker's SIGKILL (137).

use crate::docker::{Container, Network, available};
use crate::image;

fn start(network: &Network, image: &str) -> Container {
    let url = image::database_url();
    Container::run(network, &["--env=CASTOFF_LOG_FORMAT=json", "--env", &url], image, &[])
}

#[test]
fn a_container_that_waits_for_its_database_stops_with_143() {
    if !available() {
        return;
    }
    let Some(image) = image::with_castoff(image::endless().path()) else { return };
    let network = Network::new();
    let waiting = start(&network, &image);
    waiting.until("wait.retry");

    assert_eq!(waiting.stop(), 143);
    assert_eq!(waiting.until("signal")["phase"], "wait");
}

#[test]
fn containers_that_migrate_and_queue_stop_with_143_and_leave_nothing_on_the_server() {
    if !available() {
        return;
    }
    let Some(image) = image::with_castoff(image::endless().path()) else { return };
    let network = Network::new();
    let Some(database) = image::postgres(&network) else { return };
    let migrating = start(&network, &image);
    migrating.until("migration.start");
    let queueing = start(&network, &image);
    queueing.until("lock.waiting");

    assert_eq!(queueing.stop(), 143);
    assert_eq!(queueing.until("signal")["phase"], "lock");
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep'";
    assert_eq!(image::query(&database, asleep), "1", "the migration runs on");

    assert_eq!(migrating.stop(), 143);
    assert_eq!(migrating.until("signal")["phase"], "migrate");
    assert_eq!(image::query(&database, asleep), "0", "the statement is cancelled");
    assert_eq!(image::query(&database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
    assert_eq!(
        image::query(&database, "SELECT to_regclass('endless') IS NULL"),
        "t",
        "the migration is rolled back"
    );
}
