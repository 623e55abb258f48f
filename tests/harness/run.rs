//! Builds one call of castoff.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use super::{Database, Finished, Migrations, Running, Scratch, spawn};

/// A call of castoff: arguments, an environment that holds only what is given, a directory.
///
/// Logs are JSON at level debug unless the test says otherwise, so that every test also searches the most
/// talkative output for secrets.
#[derive(Clone)]
pub(crate) struct Run {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: PathBuf,
    wrapper: Vec<OsString>,
    stdout_may_hold_secrets: bool,
    /// Held so that a call never finds its files gone.
    files: Option<Arc<Scratch>>,
}

impl Run {
    /// castoff with these arguments.
    pub(crate) fn new<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self {
            program: env!("CARGO_BIN_EXE_castoff").into(),
            args: args.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
            env: Vec::new(),
            cwd: "/".into(),
            wrapper: Vec::new(),
            stdout_may_hold_secrets: false,
            files: None,
        }
        .env("PATH", "/usr/bin:/bin")
        .env("CASTOFF_LOG_FORMAT", "json")
        .env("CASTOFF_LOG_LEVEL", "debug")
    }

    /// `castoff [OPTIONS] migrate` on this database with these files.
    pub(crate) fn migrate(database: &Database, files: &Migrations) -> Self {
        Self::new(["migrate"]).database(database).migrations(files)
    }

    /// `castoff -- COMMAND…` on this database with these files.
    pub(crate) fn start<A: AsRef<OsStr>>(
        database: &Database,
        files: &Migrations,
        command: impl IntoIterator<Item = A>,
    ) -> Self {
        Self::new(["--"]).database(database).migrations(files).command(command)
    }

    /// Another command after `--`.
    pub(crate) fn command<A: AsRef<OsStr>>(mut self, command: impl IntoIterator<Item = A>) -> Self {
        let start = self.args.iter().position(|arg| arg == "--").expect("a command after --") + 1;
        self.args.truncate(start);
        self.args.extend(command.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The application by itself, without castoff: what a start through castoff is compared with.
    pub(crate) fn directly(mut self) -> Self {
        let command = self.args.iter().position(|arg| arg == "--").expect("a command after --") + 1;
        self.program.clone_from(&self.args[command]);
        self.args.drain(..=command);
        self
    }

    /// Adds an option before `--`, or at the end where there is none.
    pub(crate) fn option<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        let at = self.args.iter().position(|arg| arg == "--").unwrap_or(self.args.len());
        self.args.splice(at..at, args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self = self.without(name.as_ref());
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Takes a variable back.
    pub(crate) fn without(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(known, _)| known != name.as_ref());
        self
    }

    /// The working directory.
    pub(crate) fn cwd(mut self, path: impl AsRef<Path>) -> Self {
        path.as_ref().clone_into(&mut self.cwd);
        self
    }

    /// Where the database is, as an application would be told.
    pub(crate) fn database(self, database: &Database) -> Self {
        let url = database.url();
        self.env("DATABASE_URL", url)
    }

    /// Which migrations.
    pub(crate) fn migrations(mut self, files: &Migrations) -> Self {
        self.files = Some(files.keep());
        self.env("CASTOFF_MIGRATIONS", files.path())
    }

    /// The application is expected to print a secret on stdout: its environment, say.
    pub(crate) fn secrets_on_stdout(mut self) -> Self {
        self.stdout_may_hold_secrets = true;
        self
    }

    /// Runs under another program, given with its arguments; castoff and its own follow.
    pub(crate) fn under<A: AsRef<OsStr>>(mut self, wrapper: impl IntoIterator<Item = A>) -> Self {
        let mut words: Vec<OsString> = wrapper.into_iter().map(|word| word.as_ref().to_owned()).collect();
        words.append(&mut self.wrapper);
        self.wrapper = words;
        self
    }

    /// As PID 1 of its own PID namespace, where the kernel ignores signals without a handler.
    pub(crate) fn pid1(self) -> Self {
        self.under(["/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"])
    }

    /// With another `/etc/resolv.conf`, in a mount namespace of its own.
    pub(crate) fn resolv_conf(self, file: &Path) -> Self {
        self.with_file(file, "/etc/resolv.conf")
    }

    /// With another file in the place of this one, in a mount namespace of its own.
    pub(crate) fn with_file(self, file: &Path, place: &str) -> Self {
        let script = "/usr/bin/mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
        let words: [&OsStr; 7] = [
            "/usr/bin/unshare".as_ref(),
            "--mount".as_ref(),
            "/bin/sh".as_ref(),
            "-c".as_ref(),
            script.as_ref(),
            file.as_ref(),
            place.as_ref(),
        ];
        self.under(words)
    }

    /// Whether castoff starts in another PID namespace, so that the spawned process is not castoff itself.
    pub(super) fn forks(&self) -> bool {
        self.wrapper.iter().any(|word| word == "--fork")
    }

    /// The variables that a test has set, in its order.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let shown = |text: &OsString| text.to_string_lossy().into_owned();
        self.env.iter().map(move |(name, value)| (shown(name), shown(value)))
    }

    /// Starts it.
    pub(crate) fn spawn(&self) -> Running {
        let mut words = self.wrapper.iter().chain([&self.program]).chain(&self.args);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).env_clear().envs(self.env.iter().cloned()).current_dir(&self.cwd);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Before, so that no moment of the program's is missed where the machine is busy.
        let started = Instant::now();
        let child = spawn::spawn(command).unwrap_or_else(|error| panic!("{}: {error}", self.label()));
        Running::new(
            (child, started),
            self.label(),
            self.forks(),
            self.stdout_may_hold_secrets,
            self.files.clone(),
        )
    }

    /// Runs it to its end.
    pub(crate) fn output(&self) -> Finished {
        self.spawn().wait()
    }

    /// For messages: the arguments; never the environment, which holds secrets.
    fn label(&self) -> String {
        let words: Vec<_> = self.args.iter().map(|arg| arg.to_string_lossy()).collect();
        let label: String = format!("castoff {}", words.join(" ")).chars().take(200).collect();
        label
    }
}
