use super::Application;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use nix::errno::Errno;
use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

/// A directory of files, each with its mode.
fn directory(files: &[(&str, &str, u32)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, content, mode) in files {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
    }
    directory
}

fn look_up(command: &[&str], path_variable: Option<&str>) -> Result<Application, Failure> {
    let command: Vec<OsString> = command.iter().map(Into::into).collect();
    let environment: Environment = path_variable.iter().map(|path| ("PATH", path)).collect();
    Application::look_up(&command, &environment)
}

/// Looks up a file of that content by its path and expects to be refused.
fn refused(content: &str) -> Failure {
    let directory = directory(&[("app", content, 0o755)]);
    let path = directory.path().join("app");
    look_up(&[path.to_str().unwrap()], None).unwrap_err()
}

fn assert_says(failure: &Failure, exit: Exit, reason: &str, hint: &str) {
    assert_eq!(failure.exit, exit, "{failure}");
    assert!(failure.reason().contains(reason), "{failure}");
    let said = failure.hint.as_deref().unwrap_or_default();
    assert!(said.contains(hint), "{said}");
}

const SCRIPT: &str = "#!/bin/sh\n";

#[test]
fn a_name_is_searched_in_the_applications_path_and_argv_stays_as_typed() {
    let (first, second) = (directory(&[]), directory(&[("app", SCRIPT, 0o755)]));
    let path = format!("{}:{}", first.path().display(), second.path().display());
    let application = look_up(&["app", "--port", "80"], Some(&path)).unwrap();
    assert_eq!(application.path().to_str().unwrap(), format!("{}/app", second.path().display()));
    assert_eq!(application.argv(), [c"app", c"--port", c"80"].map(CString::from));
    assert_eq!(application.environment(), [CString::new(format!("PATH={path}")).unwrap()]);
}

#[test]
fn without_a_path_variable_the_default_directories_are_searched() {
    let application = look_up(&["sh"], None).unwrap();
    assert!(matches!(application.path().to_bytes(), b"/bin/sh" | b"/usr/bin/sh"), "{application:?}");
    assert_says(&look_up(&["no-such"], None).unwrap_err(), Exit::NotFound, "PATH is not set", "full path");
}

#[test]
fn an_empty_element_of_path_is_the_working_directory() {
    for path in ["", ":/nonexistent", "/nonexistent:", "/nonexistent::/nonexistent"] {
        let failure = look_up(&["Cargo.toml"], Some(path)).unwrap_err();
        assert_says(&failure, Exit::NotExecutable, "Cargo.toml is not marked executable", "chmod");
    }
    let failure = look_up(&["Cargo.toml"], Some("/nonexistent")).unwrap_err();
    assert_says(&failure, Exit::NotFound, "no program `Cargo.toml` in PATH (/nonexistent)", "check the name");
}

#[test]
fn the_search_goes_on_past_what_cannot_be_executed() {
    let locked = directory(&[("app", SCRIPT, 0o644)]);
    let lost = directory(&[("app", "#!/nonexistent/sh\n", 0o755)]);
    let good = directory(&[("app", SCRIPT, 0o755)]);
    let (locked, lost, good) = (locked.path().display(), lost.path().display(), good.path().display());
    let found = look_up(&["app"], Some(&format!("{locked}:{lost}:{good}"))).unwrap();
    assert_eq!(found.path().to_str().unwrap(), format!("{good}/app"));
    let failure = look_up(&["app"], Some(&format!("{locked}:{lost}"))).unwrap_err();
    assert_says(&failure, Exit::NotExecutable, &format!("{locked}/app is not marked executable"), "chmod");
}

#[test]
fn the_search_ends_at_a_file_whose_content_is_wrong() {
    let text = directory(&[("app", "echo hello\n", 0o755)]);
    let good = directory(&[("app", SCRIPT, 0o755)]);
    let path = format!("{}:{}", text.path().display(), good.path().display());
    assert_says(
        &look_up(&["app"], Some(&path)).unwrap_err(),
        Exit::NotExecutable,
        "without `#!`",
        "#!/bin/sh",
    );
}

#[test]
fn what_is_not_there_is_127() {
    assert_says(&look_up(&["/nonexistent/app"], None).unwrap_err(), Exit::NotFound, "does not exist", "COPY");
    assert_says(
        &look_up(&["./nonexistent"], None).unwrap_err(),
        Exit::NotFound,
        "does not exist",
        "relative",
    );
    assert_says(&look_up(&[""], Some("/bin")).unwrap_err(), Exit::NotFound, "no program ``", "");
    let one_word = look_up(&["node server.js"], Some("/bin")).unwrap_err();
    assert_says(&one_word, Exit::NotFound, "no program `node server.js`", "one word with spaces");
    let directory = directory(&[]);
    let link = directory.path().join("app");
    symlink("/nonexistent/app", &link).unwrap();
    let failure = look_up(&[link.to_str().unwrap()], None).unwrap_err();
    assert_says(&failure, Exit::NotFound, "symbolic link to /nonexistent/app", "volume");
}

#[test]
fn what_is_there_but_cannot_be_executed_is_126() {
    assert_says(
        &look_up(&["/etc"], None).unwrap_err(),
        Exit::NotExecutable,
        "is a directory",
        "program in it",
    );
    assert_says(&look_up(&["/dev/null"], None).unwrap_err(), Exit::NotExecutable, "not a regular file", "");
    assert_says(&refused(""), Exit::NotExecutable, "is empty", "whole");
    assert_says(&refused("\u{1}\u{2}\0data"), Exit::NotExecutable, "neither a program nor a script", "whole");
}

#[test]
fn a_script_without_an_interpreter_has_its_own_message() {
    assert_says(&refused("echo hello\n"), Exit::NotExecutable, "script without `#!`", "`#!/bin/sh`");
    assert_says(&refused("#!\necho hello\n"), Exit::NotExecutable, "script without `#!`", "`#!/bin/sh`");
}

#[test]
fn a_missing_interpreter_is_named() {
    let failure = refused("#! /nonexistent/bash -e\n");
    assert_says(
        &failure,
        Exit::NotExecutable,
        "exists, but its first line asks for /nonexistent/bash",
        "no shell",
    );
}

#[test]
fn an_interpreter_that_is_a_script_is_looked_at_as_well() {
    let directory = directory(&[("inner", "#!/nonexistent/sh\n", 0o755), ("outer", "", 0o755)]);
    let (inner, outer) = (directory.path().join("inner"), directory.path().join("outer"));
    fs::write(&outer, format!("#!{}\n", inner.display())).unwrap();
    let failure = look_up(&[outer.to_str().unwrap()], None).unwrap_err();
    assert_says(&failure, Exit::NotExecutable, "asks for /nonexistent/sh, which does not exist", "");
}

#[test]
fn windows_line_ends_are_recognised_where_they_hurt() {
    for script in ["#!/bin/sh\r\necho\r\n", "#!/usr/bin/env node\r\n"] {
        assert_says(&refused(script), Exit::NotExecutable, "Windows line ends", "sed -i");
    }
}

#[test]
fn what_no_program_can_be_given_is_a_usage_error_that_shows_no_value() {
    let nul = || OsString::from_vec(b"se\0cret".to_vec());
    let environment = Environment::new([("TOKEN".into(), nul())]);
    let failure = Application::look_up(&["/bin/sh".into()], &environment).unwrap_err();
    assert_says(&failure, Exit::Usage, "the variable TOKEN holds a NUL byte", "file");
    assert!(!failure.reason().contains("cret"));
    let failure = Application::look_up(&["/bin/sh".into(), nul()], &Environment::default()).unwrap_err();
    assert_says(&failure, Exit::Usage, "an argument of the application holds a NUL byte", "");
    assert_says(&look_up(&[], None).unwrap_err(), Exit::Usage, "no command after `--`", "node server.js");
}

#[test]
fn the_kernels_own_refusals_have_their_codes() {
    let application = look_up(&["/bin/sh"], Some("/bin")).unwrap();
    let exit = |errno| application.refused(errno).exit;
    assert_eq!(exit(Errno::ENOENT), Exit::NotFound);
    assert_eq!([Errno::EACCES, Errno::ENOEXEC, Errno::ETXTBSY].map(exit), [Exit::NotExecutable; 3]);
    assert_eq!([Errno::E2BIG, Errno::ENOMEM, Errno::EMFILE].map(exit), [Exit::OsError; 3]);
}

#[test]
fn too_large_an_environment_names_the_variable_and_not_its_content() {
    let environment: Environment =
        [("SMALL", "x".to_owned()), ("CERTIFICATES", "y".repeat(200_000))].into_iter().collect();
    let application = Application::look_up(&["/bin/sh".into()], &environment).unwrap();
    let failure = application.refused(Errno::E2BIG);
    assert_says(&failure, Exit::OsError, "/bin/sh cannot be executed", "CERTIFICATES has 200014 bytes");
    assert!(!failure.hint.unwrap().contains("yy"));
}

#[test]
fn a_file_that_vanished_since_is_reported_as_such() {
    let directory = directory(&[("app", SCRIPT, 0o755)]);
    let path = directory.path().join("app");
    let application = look_up(&[path.to_str().unwrap()], None).unwrap();
    fs::remove_file(&path).unwrap();
    assert_says(&application.refused(Errno::ENOENT), Exit::NotFound, "does not exist", "COPY");
}
