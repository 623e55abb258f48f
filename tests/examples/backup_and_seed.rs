//! `examples/backup-and-seed`: `pg_dump` before the migrations, rows behind them.

use crate::example::Example;

const RELEASE: &str = "## A release";
const FAILURE: &str = "## When the backup fails";
const BACKUP: &str = "## When a migration needs the backup";

fn shelves(example: &Example) -> String {
    let psql =
        "docker compose exec db psql -XAtq --username library --command 'SELECT name FROM shelf ORDER BY id'";
    example.run(psql).text.trim().replace('\n', " ")
}

#[test]
fn a_release_is_dumped_before_and_seeded_behind_and_a_failed_dump_applies_nothing() {
    let Some(example) = Example::new("backup-and-seed", &["library-migrate"]) else { return };
    example.follow(RELEASE);
    assert_eq!(shelves(&example), "Poetry Travel");

    // The next release: its dump holds the shelves and not what it adds itself.
    example.write(
        "migrations/20250301090000_loan.sql",
        "-- migrate:up\nCREATE TABLE loan (shelf_id INTEGER);\n-- migrate:down\nDROP TABLE loan;\n",
    );
    assert_eq!(example.run("docker compose build").code, 0);
    example.follow(FAILURE);
    let status = example.run("docker compose run --rm migrate castoff status");
    assert!(status.code == 82 && status.text.contains("20250301090000"), "{}", status.text);

    let run = example.run("docker compose run --rm migrate");
    assert!(run.code == 0 && run.text.contains("1 migration applied"), "{}", run.text);
    example.follow(BACKUP);
    let list =
        example.run("docker compose run --rm --entrypoint pg_restore migrate --list /backup/before.dump");
    assert!(!list.text.contains("TABLE public loan"), "{}", list.text);
    assert_eq!(shelves(&example), "Poetry Travel");
}
