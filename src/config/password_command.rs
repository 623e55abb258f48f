//! A command whose stdout is the password.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use tokio::process::Command;

use crate::command::{Group, Line, find};
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};
use crate::target::Secret;

/// The command, split into words.
#[derive(Clone)]
pub(crate) struct PasswordCommand(Line);

impl PasswordCommand {
    /// Splits the words as a shell does.
    pub(crate) fn new(origin: &str, line: &str) -> std::result::Result<Self, String> {
        let example = "aws rds generate-db-auth-token --hostname db --port 5432 --username app";
        Line::split(origin, line, example).map(Self)
    }

    /// The flag or variable.
    pub(crate) fn origin(&self) -> &str {
        self.0.origin()
    }

    /// Looks its program up, so that a typo is said before anything is waited for.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] where there is none that can be executed.
    pub(crate) fn look_up(&self, environment: &Environment) -> Result<()> {
        find(&self.0, environment).map(drop).map_err(|failure| Failure { exit: Exit::Usage, ..failure })
    }

    /// Runs it once. Dropping the future kills it with all it started.
    ///
    /// Its stderr is not shown: it may quote the secrets it works with.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] where the program cannot be started, [`Exit::Unavailable`] where it ran and gave no password,
    /// which another attempt may cure.
    pub(crate) async fn ask(&self, environment: &Environment) -> Result<Secret> {
        let line = &self.0;
        let mut command = Command::new(line.program());
        command.args(line.arguments()).env_clear().envs(environment.iter());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.kill_on_drop(true).process_group(0);
        let child = command.spawn().map_err(|error| {
            Failure::message(
                Exit::Usage,
                format!("{}: `{}` cannot be started: {error}", line.origin(), line.name()),
            )
            .hint("give the path of a program that is in the image; there is no shell around it")
        })?;
        // Whatever the command left running ends with it: the application inherits no children.
        let _group = child.id().and_then(|child| Group::led_by(child, None));
        let output = child
            .wait_with_output()
            .await
            .map_err(|error| self.failed(&format!("`{}` could not be waited for: {error}", line.name())))?;
        if let Some(code) = output.status.code().filter(|code| *code != 0) {
            return Err(self.failed(&format!("`{}` ended with code {code}", line.name())));
        }
        if let Some(signal) = output.status.signal() {
            return Err(self.failed(&format!("`{}` was killed by signal {signal}", line.name())));
        }
        let password = String::from_utf8(output.stdout)
            .map_err(|_| self.failed(&format!("`{}` printed something that is not UTF-8", line.name())))?;
        match without_trailing_newlines(&password) {
            "" => Err(self.failed(&format!("`{}` printed nothing", line.name()))),
            password => Ok(Secret::new(password)),
        }
    }

    fn failed(&self, what: &str) -> Failure {
        Failure::message(Exit::Unavailable, format!("{}: {what}", self.origin()))
            .hint("run the command by hand to see what it says; castoff does not show its stderr, which may hold secrets")
    }
}

/// A text without the newlines a file or a command ends in.
pub(crate) fn without_trailing_newlines(text: &str) -> &str {
    let mut text = text;
    while let Some(shorter) = text.strip_suffix('\n') {
        text = shorter.strip_suffix('\r').unwrap_or(shorter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{PasswordCommand, without_trailing_newlines};
    use crate::environment::Environment;
    use crate::exit::{Exit, Failure};
    use std::time::Duration;

    async fn ask(line: &str) -> Result<String, Failure> {
        let environment: Environment =
            [("PATH", "/usr/bin:/bin"), ("TOKEN", "from the environment")].into_iter().collect();
        let command = PasswordCommand::new("CMD", line).unwrap();
        command.ask(&environment).await.map(|secret| secret.expose().to_owned())
    }

    #[tokio::test]
    async fn stdout_without_its_newline_is_the_password() {
        assert_eq!(ask("printf '%s\\n' 'S7#tY4^ zN9'").await.unwrap(), "S7#tY4^ zN9");
        assert_eq!(ask("printf 'a\\r\\n\\n'").await.unwrap(), "a");
        assert_eq!(ask("printenv TOKEN").await.unwrap(), "from the environment");
    }

    #[tokio::test]
    async fn a_command_that_fails_says_how_and_not_what() {
        for (line, wanted) in [
            ("sh -c 'echo hunter2; echo hunter2 >&2; exit 3'", "ended with code 3"),
            ("sh -c 'kill -9 $$'", "killed by signal 9"),
            ("true", "printed nothing"),
            ("printf '\\377'", "not UTF-8"),
        ] {
            let failure = ask(line).await.unwrap_err();
            assert_eq!(failure.exit, Exit::Unavailable);
            assert!(failure.reason().contains(wanted), "{line}: {}", failure.reason());
            assert!(!failure.reason().contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_a_mistake() {
        assert_eq!(ask("no-such-program").await.unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn words_that_do_not_split_are_a_mistake_without_being_shown() {
        let error = PasswordCommand::new("CMD", "echo 'hunter2").err().unwrap();
        assert!(error.starts_with("CMD: ") && !error.contains("hunter2"), "{error}");
        assert!(PasswordCommand::new("CMD", "  ").is_err());
    }

    #[tokio::test]
    async fn giving_up_kills_what_the_command_started() {
        let directory = tempfile::tempdir().unwrap();
        let mark = directory.path().join("mark");
        // The background process holds stdout open, so that the command outlives its shell.
        let line = format!("sh -c '(sleep 1; echo late > {}) & wait'", mark.display());
        assert!(tokio::time::timeout(Duration::from_millis(200), ask(&line)).await.is_err());
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(!mark.exists());
    }

    #[test]
    fn only_newlines_are_taken_from_the_end() {
        assert_eq!(without_trailing_newlines("a \r\n\n"), "a ");
        assert_eq!(without_trailing_newlines("a\r"), "a\r");
        assert_eq!(without_trailing_newlines("\n"), "");
    }
}
