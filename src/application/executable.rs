//! Whether a file can be executed, and if not, what stands in the way.

use super::elf::{self, Elf};
use super::shebang::{self, Shebang};
use crate::exit::{Exit, Failure};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, eaccess};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How many bytes of a file the kernel looks at to tell what it is (`BINPRM_BUF_SIZE`).
const HEAD: u64 = 256;

/// How many interpreters of interpreters the kernel follows (`exec_binprm`).
const DEPTH: u8 = 5;

/// What stands in the way of executing a file.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Nothing by that name.
    Missing,
    /// A symbolic link to nothing.
    DanglingLink(PathBuf),
    /// The system would not even say what is there.
    Hidden(io::Error),
    /// A directory.
    Directory,
    /// A socket, a pipe, a device.
    NotAFile,
    /// No execute bit in this mode.
    NotMarked(u32),
    /// An execute bit, but not for us: mode and owner.
    NotForUs { mode: u32, uid: u32, gid: u32 },
    /// The file system is mounted `noexec`.
    NoExec,
    /// Nothing in it.
    Empty,
    /// Text without a first line that says who should run it.
    NoShebang,
    /// Neither text nor a program.
    UnknownFormat,
    /// An ELF file that is no program, or damaged.
    NoProgram(&'static str),
    /// A program for another machine.
    WrongMachine(String),
    /// The dynamic loader it asks for is missing.
    LoaderMissing(PathBuf),
    /// The first line ends as on Windows, so it asks for a program whose name ends in a carriage return.
    CarriageReturn,
    /// The interpreter its first line asks for cannot be executed.
    Interpreter(PathBuf, Box<Unusable>),
}

/// Looks at a file as `execve` would, as far as one can from outside.
///
/// A file that may be executed but not read is taken on trust. So is one the kernel might run through a
/// format registered with `binfmt_misc`, where that is visible.
pub(super) fn inspect(path: &Path) -> Result<(), Unusable> {
    inspect_nested(path, DEPTH)
}

fn inspect_nested(path: &Path, depth: u8) -> Result<(), Unusable> {
    check_permission(path)?;
    let Ok(mut file) = File::open(path) else { return Ok(()) };
    let mut head = Vec::new();
    if file.by_ref().take(HEAD).read_to_end(&mut head).is_err() {
        return Ok(());
    }
    if head.is_empty() {
        return Err(Unusable::Empty);
    }
    if let Some(line) = head.strip_prefix(b"#!") {
        let Some(Shebang { interpreter, carriage_return }) = shebang::parse(line) else {
            return Err(Unusable::NoShebang);
        };
        if carriage_return {
            return Err(Unusable::CarriageReturn);
        }
        return match depth.checked_sub(1) {
            None => Ok(()),
            Some(depth) => inspect_nested(&interpreter, depth)
                .map_err(|unusable| Unusable::Interpreter(interpreter, Box::new(unusable))),
        };
    }
    if !head.starts_with(elf::MAGIC) {
        return unknown(&head);
    }
    match elf::read(&head, &file) {
        Elf::Program { loader: Some(loader) } if is_missing(&loader) => Err(Unusable::LoaderMissing(loader)),
        Elf::Program { .. } => Ok(()),
        Elf::NoProgram(why) => Err(Unusable::NoProgram(why)),
        Elf::WrongMachine(_) if other_formats_registered() => Ok(()),
        Elf::WrongMachine(machine) => Err(Unusable::WrongMachine(machine)),
    }
}

fn unknown(head: &[u8]) -> Result<(), Unusable> {
    if other_formats_registered() {
        return Ok(());
    }
    let is_text = !head.contains(&0)
        && String::from_utf8_lossy(head).chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    Err(if is_text { Unusable::NoShebang } else { Unusable::UnknownFormat })
}

fn check_permission(path: &Path) -> Result<(), Unusable> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_absence(&error) => {
            return Err(match fs::read_link(path) {
                Ok(target) => Unusable::DanglingLink(target),
                Err(_) => Unusable::Missing,
            });
        }
        Err(error) => return Err(Unusable::Hidden(error)),
    };
    if metadata.is_dir() {
        return Err(Unusable::Directory);
    }
    if !metadata.is_file() {
        return Err(Unusable::NotAFile);
    }
    if eaccess(path, AccessFlags::X_OK).is_ok() {
        return Ok(());
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if statvfs(path).is_ok_and(|found| found.flags().contains(FsFlags::ST_NOEXEC)) {
        return Err(Unusable::NoExec);
    }
    Err(if mode & 0o111 == 0 {
        Unusable::NotMarked(mode)
    } else {
        Unusable::NotForUs { mode, uid: metadata.uid(), gid: metadata.gid() }
    })
}

fn is_missing(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| is_absence(&error))
}

/// The errors after which `execvp` looks in the next directory as if nothing had been there.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

/// Whether the kernel may know formats beside its own (emulators, `java -jar`), as far as this can be seen: in most
/// containers it cannot, and then there is none.
fn other_formats_registered() -> bool {
    fs::read_dir("/proc/sys/fs/binfmt_misc").is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name() != "register" && entry.file_name() != "status")
        })
    })
}

impl Unusable {
    /// Whether `execvp` would look no further: the file is there and permitted, and only its content is wrong.
    pub(super) fn ends_a_search(&self) -> bool {
        matches!(
            self,
            Self::Empty | Self::NoShebang | Self::UnknownFormat | Self::NoProgram(_) | Self::WrongMachine(_)
        )
    }

    /// The failure that ends castoff.
    pub(super) fn failure(&self, path: &Path) -> Failure {
        let exit = match self {
            Self::Missing | Self::DanglingLink(_) => Exit::NotFound,
            _ => Exit::NotExecutable,
        };
        let failure = Failure::message(exit, format_args!("{} {self}", path.display()));
        match self.hint(path) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn hint(&self, path: &Path) -> Option<String> {
        Some(match self {
            Self::Missing if path.is_relative() => format!(
                "the path is relative to the working directory, {}; write it absolute, or check WORKDIR",
                std::env::current_dir().unwrap_or_default().display()
            ),
            Self::Missing | Self::DanglingLink(_) => {
                "check the command, what the image's COPY puts there, and whether a volume hides it".to_owned()
            }
            Self::Hidden(_) => "the user the container runs as may not search one of the directories".to_owned(),
            Self::Directory => "name the program in it".to_owned(),
            Self::NotMarked(_) => "mark it executable: `COPY --chmod=755`, or `chmod +x` before the image is built \
                                   (`git update-index --chmod=+x` keeps it)"
                .to_owned(),
            Self::NotForUs { .. } => format!(
                "castoff runs as user {}, group {}: `chmod a+x` it, or change its owner or the image's USER",
                nix::unistd::geteuid(),
                nix::unistd::getegid()
            ),
            Self::NoExec => "put the program on a file system that is not mounted noexec".to_owned(),
            Self::NoShebang => "add a first line that says what runs it, such as `#!/bin/sh`, or put `sh` before it \
                                in the command"
                .to_owned(),
            Self::CarriageReturn => "save the script with Unix line ends (`sed -i 's/\\r$//'`; in git: \
                                     `*.sh text eol=lf` in .gitattributes)"
                .to_owned(),
            Self::WrongMachine(_) => "build the image for this platform (`docker build --platform`), or check \
                                      the platform of the stage the program is copied from"
                .to_owned(),
            Self::LoaderMissing(loader) => elf::loader_hint(loader),
            Self::Interpreter(_, why) if matches!(**why, Self::Missing) => {
                "install it in the image, or name one that is there; an image FROM scratch or distroless has no \
                 shell"
                    .to_owned()
            }
            Self::Interpreter(interpreter, why) => return why.hint(interpreter),
            Self::Empty | Self::UnknownFormat | Self::NoProgram(_) => {
                "check how the file got into the image: is it whole, and is it the program itself?".to_owned()
            }
            Self::NotAFile => return None,
        })
    }
}

/// The rest of a sentence that begins with the file.
impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "does not exist"),
            Self::DanglingLink(target) => {
                write!(f, "is a symbolic link to {}, which does not exist", target.display())
            }
            Self::Hidden(error) => write!(f, "cannot be looked at: {error}"),
            Self::Directory => write!(f, "is a directory, not a program"),
            Self::NotAFile => write!(f, "is not a regular file"),
            Self::NotMarked(mode) => write!(f, "is not marked executable (mode {mode:04o})"),
            Self::NotForUs { mode, uid, gid } => {
                write!(f, "may not be executed by this user (mode {mode:04o}, owner {uid}:{gid})")
            }
            Self::NoExec => write!(f, "is on a file system mounted noexec"),
            Self::Empty => write!(f, "is empty"),
            Self::NoShebang => write!(f, "is a script without `#!`, which the kernel cannot execute"),
            Self::UnknownFormat => write!(f, "is neither a program nor a script"),
            Self::NoProgram(why) => write!(f, "is an ELF file but no program: {why}"),
            Self::WrongMachine(machine) => {
                write!(f, "is a program for {machine}, and this machine is {}", std::env::consts::ARCH)
            }
            Self::LoaderMissing(loader) => {
                write!(f, "exists, but its dynamic loader {} does not", loader.display())
            }
            Self::CarriageReturn => {
                write!(f, "has Windows line ends: its `#!` line ends in a carriage return")
            }
            Self::Interpreter(interpreter, why) => {
                write!(f, "exists, but its first line asks for {}, which ", interpreter.display())?;
                why.fmt(f)
            }
        }
    }
}
