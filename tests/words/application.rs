//! 126, 127 and 128+n: there is no application to become, or somebody wants it to end.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::Run;

use super::stage::Stage;
use super::{Situation, database};

/// `castoff --mode off -- /app/server` with this content and this mode.
fn become_file(stage: &mut Stage, mode: u32, content: &[u8]) -> Option<String> {
    let home = stage.directory("/app");
    let server = home.write("server", content);
    std::fs::set_permissions(&server, std::fs::Permissions::from_mode(mode)).expect("its mode");
    stage.tell(Run::new(["--mode".as_ref(), "off".as_ref(), "--".as_ref(), server.as_os_str()]))
}

fn become_words(stage: &mut Stage, words: &[&str]) -> Option<String> {
    stage.tell(Run::new(["--mode", "off", "--"]).command(words))
}

pub(super) const SITUATIONS: [Situation; 9] = [
    ("an application that is not executable", |stage| become_file(stage, 0o644, b"#!/bin/sh\n")),
    ("a script with Windows line ends", |stage| become_file(stage, 0o755, b"#!/bin/sh\r\nexec node\r\n")),
    ("a script for an interpreter that is not there", |stage| {
        become_file(stage, 0o755, b"#!/usr/bin/no-such-interpreter\n")
    }),
    ("a script that says for nobody", |stage| become_file(stage, 0o755, b"echo hello\n")),
    ("a directory in the application's place", |stage| become_words(stage, &["/etc"])),
    ("an application that is not there", |stage| become_words(stage, &["/no/such/application"])),
    ("an application that is in no directory of the PATH", |stage| {
        become_words(stage, &["nodee", "server.js"])
    }),
    ("a command that only a shell would understand", |stage| {
        become_words(stage, &["cd /app && node server.js"])
    }),
    ("a signal while waiting", database::stopped),
];
