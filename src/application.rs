//! The command castoff will become, looked up before anything is waited for, so that a typo fails in milliseconds.

mod elf;
mod executable;
mod shebang;

#[cfg(test)]
mod tests;

use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use executable::Unusable;
use nix::errno::Errno;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where a command is searched if the environment has no PATH: musl's own choice (`execvp.c`).
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// The longest single argument or variable, with its name and NUL, in bytes (the kernel's `MAX_ARG_STRLEN`).
const LONGEST_STRING: usize = 128 * 1024;

/// A program that was found and, as far as can be seen from outside, can be executed.
#[derive(Clone, Debug)]
pub struct Application {
    path: CString,
    argv: Vec<CString>,
    environment: Vec<CString>,
}

impl Application {
    /// Finds the command as `execvp` would in the application's own environment: a name with a slash is taken as it
    /// is, any other is searched in that PATH, whose empty elements mean the working directory.
    ///
    /// # Errors
    /// 127 where there is no such program, 126 where there is one that cannot be executed, 64 where an
    /// argument or variable cannot be given to any program; each with its own hint.
    pub fn look_up(command: &[OsString], environment: &Environment) -> Result<Self, Failure> {
        let Some(name) = command.first() else {
            return Err(Failure::message(Exit::Usage, "there is no command after `--`")
                .hint("name the application: `castoff -- node server.js`"));
        };
        Self::found_at(find(name, environment)?, command, environment)
    }

    /// One that has been found before.
    ///
    /// # Errors
    /// 64 where an argument or variable cannot be given to any program.
    pub(crate) fn found_at(
        path: PathBuf,
        command: &[OsString],
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let argv = command.iter().map(|argument| {
            c_string(argument.as_bytes().to_vec(), || "an argument of the application".to_owned())
        });
        let environment = environment.iter().map(|(variable, value)| entry(variable, value));
        Ok(Self {
            path: c_string(path.into_os_string().into_vec(), || "the application's path".to_owned())?,
            argv: argv.collect::<Result<_, _>>()?,
            environment: environment.collect::<Result<_, _>>()?,
        })
    }

    /// Gives the application a variable, in the place of one of that name.
    ///
    /// # Errors
    /// 64 where the value cannot be given to any program.
    pub fn set_variable(&mut self, variable: &str, value: &str) -> Result<(), Failure> {
        let entry = entry(variable.as_ref(), value.as_ref())?;
        let prefix = format!("{variable}=");
        let same = |present: &&mut CString| present.as_bytes().starts_with(prefix.as_bytes());
        match self.environment.iter_mut().find(same) {
            Some(present) => *present = entry,
            None => self.environment.push(entry),
        }
        Ok(())
    }

    /// The file that will be executed.
    pub fn path(&self) -> &CStr {
        &self.path
    }

    /// Its arguments; the first is the name as it was typed.
    pub(crate) fn argv(&self) -> &[CString] {
        &self.argv
    }

    /// Its whole environment, `NAME=value`.
    pub(crate) fn environment(&self) -> &[CString] {
        &self.environment
    }

    /// What the kernel's refusal to execute the application means.
    pub(crate) fn refused(&self, errno: Errno) -> Failure {
        let path = Path::new(OsStr::from_bytes(self.path.to_bytes()));
        // The file may have changed since it was looked up, and this knows more than an error number.
        if let Err(unusable) = executable::inspect(path) {
            return unusable.failure(path);
        }
        let exit = match errno {
            Errno::ENOENT => Exit::NotFound,
            Errno::EACCES
            | Errno::EPERM
            | Errno::ENOEXEC
            | Errno::ELIBBAD
            | Errno::EINVAL
            | Errno::ETXTBSY
            | Errno::ELOOP
            | Errno::ENOTDIR
            | Errno::EISDIR => Exit::NotExecutable,
            _ => Exit::OsError,
        };
        let reason = std::io::Error::from(errno);
        let failure = Failure::message(exit, format_args!("{} cannot be executed: {reason}", path.display()));
        match errno {
            Errno::E2BIG => failure.hint(self.too_big()),
            Errno::EACCES | Errno::EPERM => failure.hint(
                "the kernel refused it although the file's mode allows it: look for a security module \
                 (AppArmor, SELinux), a seccomp profile or user ids that this container does not map",
            ),
            Errno::ENOEXEC => failure.hint("is it built for this machine, and is the file whole?"),
            Errno::ETXTBSY => failure.hint("some process has the file open for writing"),
            _ => failure,
        }
    }

    /// The hint for E2BIG: which string is too long, without its content.
    fn too_big(&self) -> String {
        let length = |string: &CString| string.as_bytes_with_nul().len();
        let too_long = self.environment.iter().find(|variable| length(variable) > LONGEST_STRING);
        if let Some(variable) = too_long {
            let name = variable.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default();
            return format!(
                "the variable {} has {} bytes and Linux allows {LONGEST_STRING}: pass it as a file",
                String::from_utf8_lossy(name),
                length(variable)
            );
        }
        let bytes: usize = self.argv.iter().chain(&self.environment).map(length).sum();
        format!(
            "arguments and variables have {bytes} bytes together, and Linux allows {LONGEST_STRING} for one and a \
             quarter of the stack limit (`ulimit -s`) for all"
        )
    }
}

/// Finds a program as `execvp` would in this environment.
///
/// # Errors
/// 127 where there is none, 126 where there is one that cannot be executed.
pub(crate) fn find(name: &OsStr, environment: &Environment) -> Result<PathBuf, Failure> {
    let path_variable = environment.iter().filter(|(variable, _)| *variable == "PATH").last();
    search(name, path_variable.map(|(_, value)| value))
}

/// Finds the file, and says why if there is none that can be executed.
fn search(name: &OsStr, path_variable: Option<&OsStr>) -> Result<PathBuf, Failure> {
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return match executable::inspect(&path) {
            Ok(()) => Ok(path),
            Err(unusable) => Err(unusable.failure(&path)),
        };
    }
    let directories = path_variable.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut first_unusable = None;
    if !name.is_empty() {
        for directory in directories.as_bytes().split(|byte| *byte == b':') {
            // Joining with an empty element gives the bare name, which the kernel takes from the working directory.
            let path = Path::new(OsStr::from_bytes(directory)).join(name);
            match executable::inspect(&path) {
                Ok(()) => return Ok(path),
                Err(Unusable::Missing) => {}
                Err(unusable) => {
                    let ends_the_search = unusable.ends_a_search();
                    first_unusable.get_or_insert((unusable, path));
                    if ends_the_search {
                        break;
                    }
                }
            }
        }
    }
    Err(match first_unusable {
        Some((unusable, path)) => unusable.failure(&path),
        None => not_in_path(name, path_variable),
    })
}

fn not_in_path(name: &OsStr, path_variable: Option<&OsStr>) -> Failure {
    let searched = match path_variable {
        Some(directories) => format!("in PATH ({})", directories.display()),
        None => format!("in {DEFAULT_PATH} (PATH is not set)"),
    };
    let shown = name.display();
    let failure = Failure::message(Exit::NotFound, format_args!("there is no program `{shown}` {searched}"));
    if name.as_bytes().contains(&b' ') {
        return failure.hint(
            "this is one word with spaces in it: write every argument as a word of its own, as in \
             CMD [\"node\", \"server.js\"]",
        );
    }
    failure.hint(
        "check the name after `--` (ENTRYPOINT, CMD, `command:`) and that the image holds it; outside PATH, write \
         its full path. What only a shell knows (cd, export, &&) needs [\"sh\", \"-c\", \"...\"]",
    )
}

fn c_string(bytes: Vec<u8>, what: impl Fn() -> String) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|_| {
        Failure::message(
            Exit::Usage,
            format_args!("{} holds a NUL byte, which no program can be given", what()),
        )
        .hint("if it comes from a file, check what wrote that file")
    })
}

/// `NAME=value`.
fn entry(variable: &OsStr, value: &OsStr) -> Result<CString, Failure> {
    let entry = [variable.as_bytes(), b"=", value.as_bytes()].concat();
    c_string(entry, || format!("the variable {}", variable.display()))
}
