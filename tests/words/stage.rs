//! What a situation is played with, so that the same is seen in every run.

use std::path::Path;

use crate::harness::{Database, Engine, Finished, Migrations, PgBouncer, Run, Scratch, secrets};

use super::shown::shown;

/// Remembers what has to be shown under another name.
#[derive(Default)]
pub(super) struct Stage {
    replaced: Vec<(String, String)>,
    /// Kept until the situation has ended.
    pooler: Option<PgBouncer>,
    /// As [`pooler`](Self::pooler).
    directories: Vec<Scratch>,
}

impl Stage {
    /// A new database; `None` where its server is missing.
    pub(super) fn database(&mut self, engine: Engine) -> Option<Database> {
        let database = Database::on(engine)?;
        match engine {
            Engine::Sqlite => {
                let name = database.name();
                let directory = Path::new(&name).parent().expect("a directory");
                self.show(&directory.display(), "/data");
            }
            Engine::Postgres => self.server(&database, "5432", "SHOW server_version", "15.20"),
            Engine::MySql => self.server(&database, "3306", "SELECT VERSION()", "10.11.14-MariaDB"),
        }
        Some(database)
    }

    fn server(&mut self, database: &Database, port: &str, ask: &str, version: &str) {
        self.show(&format!(":{}", database.port()), &format!(":{port}"));
        let asked = database.one(ask);
        self.show(&asked.split(' ').next().unwrap_or_default(), version);
        self.show(&secrets::encode(database.password()), "secret");
        self.show(&database.name(), "app");
    }

    pub(super) fn postgres(&mut self) -> Option<Database> {
        self.database(Engine::Postgres)
    }

    pub(super) fn sqlite(&mut self) -> Database {
        self.database(Engine::Sqlite).expect("SQLite is built in")
    }

    /// A pooler before a database.
    pub(super) fn pooler(&mut self, database: &Database) -> Option<String> {
        let pooler = PgBouncer::before(database, "transaction", "")?;
        let url = pooler.url(database);
        let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port");
        self.show(&format!(":{port}"), ":6432");
        self.pooler = Some(pooler);
        Some(url)
    }

    /// The files of an image.
    pub(super) fn files(&mut self, files: Migrations) -> Migrations {
        self.show(&files.path().display(), "/app/migrations");
        files
    }

    /// Three of them that every engine can run.
    pub(super) fn three(&mut self) -> Migrations {
        self.files(Migrations::three())
    }

    /// A directory of the image.
    pub(super) fn directory(&mut self, path: &str) -> Scratch {
        let directory = Scratch::new("words");
        self.show(&directory.path().display(), path);
        directory
    }

    /// Keeps a directory until the situation has ended.
    pub(super) fn keep(&mut self, directory: Scratch) {
        self.directories.push(directory);
    }

    /// From now on this is shown as that.
    pub(super) fn show(&mut self, this: &impl ToString, that: &str) {
        self.replaced.push((this.to_string(), that.to_owned()));
    }

    /// Everything that a call prints, as it is printed unless somebody asks for something else.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "what every situation gives; some need a server that may be missing"
    )]
    pub(super) fn tell(&mut self, run: Run) -> Option<String> {
        let run = seen(run);
        Some(self.told(&run, &run.output()))
    }

    /// The same of a call that has ended.
    pub(super) fn told(&mut self, run: &Run, ended: &Finished) -> String {
        let host = nix::unistd::gethostname().expect("a host name");
        self.show(
            &format!("castoff/{} {}", env!("CARGO_PKG_VERSION"), host.display()),
            "castoff/0.1.0 web-7d9f",
        );
        let variables = run.variables().filter(|(name, _)| name != "PATH");
        let variables: Vec<_> = variables.map(|(name, value)| format!("  {name}={value}\n")).collect();
        let stream = |name, text: &String| match text.as_str() {
            "" => String::new(),
            text => format!("{name}:\n{text}"),
        };
        let printed = stream("stdout", &ended.stdout) + &stream("stderr", &ended.stderr);
        let said = format!("$ {}\n{}exit code {}\n{printed}", ended.label(), variables.concat(), ended.code);
        shown(&said, &self.replaced)
    }
}

/// A call whose log is what people see.
pub(super) fn seen(run: Run) -> Run {
    run.without("CASTOFF_LOG_FORMAT").without("CASTOFF_LOG_LEVEL")
}
