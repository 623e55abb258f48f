//! The first line of a script, read as the kernel reads it (`fs/binfmt_script.c`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What a `#!` line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shebang {
    /// The program that is to run the script.
    pub(super) interpreter: PathBuf,
    /// Whether the name that would be looked up, the interpreter's or that given to `env`, ends in a carriage return.
    pub(super) carriage_return: bool,
}

/// Parses what follows `#!` in the file's first bytes; `None` where the kernel finds no interpreter in it.
pub(super) fn parse(after_mark: &[u8]) -> Option<Shebang> {
    let line = after_mark.split(|byte| *byte == b'\n').next()?;
    let line = trim(line);
    let name = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\0')).next()?;
    if name.is_empty() {
        return None;
    }
    let argument = trim(line.strip_prefix(name)?);
    // `env` takes its argument for a command's name, unless it is an option: `-S` splits at a carriage return too.
    let env_looks_up = name.ends_with(b"/env") && !argument.starts_with(b"-");
    let carriage_return = name.ends_with(b"\r") || (env_looks_up && argument.ends_with(b"\r"));
    Some(Shebang { interpreter: PathBuf::from(OsStr::from_bytes(name)), carriage_return })
}

/// Without the spaces and tabs around it; the kernel knows no other white space here.
fn trim(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Shebang, parse};

    fn interpreter(line: &str) -> Option<(String, bool)> {
        parse(line.as_bytes()).map(|Shebang { interpreter, carriage_return }| {
            (interpreter.to_str().unwrap().to_owned(), carriage_return)
        })
    }

    #[test]
    fn the_interpreter_is_the_first_word() {
        assert_eq!(interpreter("/bin/sh"), Some(("/bin/sh".to_owned(), false)));
        assert_eq!(interpreter(" \t/bin/sh -e \nrm -rf x"), Some(("/bin/sh".to_owned(), false)));
        assert_eq!(interpreter("/usr/bin/env node"), Some(("/usr/bin/env".to_owned(), false)));
        assert_eq!(interpreter("relative/sh\n"), Some(("relative/sh".to_owned(), false)));
    }

    #[test]
    fn a_line_without_a_word_names_nobody() {
        assert_eq!(interpreter(""), None);
        assert_eq!(interpreter("  \n/bin/sh"), None);
    }

    #[test]
    fn a_carriage_return_counts_where_a_name_is_looked_up() {
        assert_eq!(interpreter("/bin/sh\r\n"), Some(("/bin/sh\r".to_owned(), true)));
        assert_eq!(interpreter("/usr/bin/env node\r\n"), Some(("/usr/bin/env".to_owned(), true)));
        assert_eq!(interpreter("/usr/bin/env -S node --watch\r\n"), Some(("/usr/bin/env".to_owned(), false)));
        assert_eq!(interpreter("/usr/bin/perl -w\r\n"), Some(("/usr/bin/perl".to_owned(), false)));
    }
}
