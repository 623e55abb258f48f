//! 64: what was asked for makes no sense.

use crate::harness::{Migrations, Run};

use super::Situation;
use super::stage::Stage;

/// A call that gets no further than its configuration.
fn migrate(stage: &mut Stage, variables: &[(&str, &str)]) -> Option<String> {
    let files = stage.three();
    let run = variables.iter().fold(Run::new(["migrate"]), |run, (name, value)| run.env(name, value));
    stage.tell(run.migrations(&files))
}

const URL: (&str, &str) = ("DATABASE_URL", "postgres://app:secret@db:5432/app");

pub(super) const SITUATIONS: [Situation; 17] = [
    ("an unknown flag", |stage| stage.tell(Run::new(["--wait-timout", "5s", "migrate"]))),
    ("a subcommand that there is not", |stage| stage.tell(Run::new(["migrat"]))),
    ("an application without the -- before it", |stage| stage.tell(Run::new(["node", "server.js"]))),
    ("no application", |stage| stage.tell(Run::new(["--"]))),
    ("revert, both ways to say how far", |stage| {
        stage.tell(Run::new(["revert", "--steps", "1", "--to", "3"]))
    }),
    ("no database, and a misspelt variable", |stage| {
        migrate(stage, &[("CASTOFF_DATABASE_ULR", "postgres://app:secret@db:5432/app")])
    }),
    ("several mistakes at once", |stage| {
        migrate(
            stage,
            &[
                URL,
                ("CASTOFF_MODE", "migrat"),
                ("CASTOFF_WAIT_TIMEOUT", "soon"),
                ("CASTOFF_POOLER", "yes"),
                ("CASTOFF_HEALTH_LISTEN", "8080"),
                ("CASTOFF_AFTER_MIGRATE", "node 'seed.js"),
                ("CASTOFF_WAIT_FOR", "cache:6379,kafka://kafka:9092"),
            ],
        )
    }),
    ("a password that is not percent-encoded", |stage| {
        migrate(stage, &[("DATABASE_URL", "postgres://app:pass/word@db:5432/app")])
    }),
    ("a database that castoff does not know", |stage| {
        migrate(stage, &[("DATABASE_URL", "mongodb://app:secret@db:27017/app")])
    }),
    ("a TLS parameter that cannot be honoured", |stage| {
        migrate(stage, &[("DATABASE_URL", "postgres://app:secret@db:5432/app?sslmode=verify-full")])
    }),
    ("a secret in a file that is not there", |stage| {
        migrate(stage, &[("CASTOFF_DATABASE_URL_FILE", "/run/secrets/no-such-file")])
    }),
    ("a secret and its file", |stage| {
        migrate(stage, &[URL, ("CASTOFF_DATABASE_PASSWORD", "a"), ("CASTOFF_DATABASE_PASSWORD_FILE", "/a")])
    }),
    ("a secret that is not the JSON of one", |stage| {
        migrate(stage, &[("CASTOFF_DATABASE_SECRET", "{\"host\":\"db\",\"port\":\"543\"")])
    }),
    ("several migrations directories", |stage| {
        let home = stage.directory("/app");
        std::fs::create_dir_all(home.path().join("db/migrations")).expect("a directory");
        std::fs::create_dir_all(home.path().join("migrations")).expect("a directory");
        home.write("migrations/1_a.sql", "SELECT 1;\n");
        home.write("db/migrations/1_a.sql", "SELECT 1;\n");
        let database = stage.sqlite();
        stage.tell(Run::new(["migrate"]).database(&database).cwd(home.path()))
    }),
    ("files that several tools could have written", |stage| {
        let database = stage.sqlite();
        let files = stage.files(Migrations::of(&[("V1__users.sql", "CREATE TABLE users (id INT);\n")]));
        stage.tell(Run::migrate(&database, &files))
    }),
    ("a schema that is not empty, and no history", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        database.exec("CREATE TABLE orders_of_somebody (id INT)");
        stage.tell(Run::migrate(&database, &files))
    }),
    ("revert where the format has no way down", |stage| {
        let database = stage.sqlite();
        let files = stage.files(Migrations::of(&[("V1__users.sql", "CREATE TABLE users (id INT);\n")]));
        let refinery = ["--format", "refinery"];
        Run::migrate(&database, &files).option(refinery).output().succeeds();
        stage.tell(Run::new(["revert"]).database(&database).migrations(&files).option(refinery))
    }),
];
