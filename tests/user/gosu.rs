//! castoff beside gosu: the process, its home and its environment have to be the same, and where they are not on purpose, a
//! table says so.

use std::path::Path;

use super::{Accounts, Exit, Run, root};
use crate::harness::{Finished, missing};

/// Where Debian's package puts it.
const GOSU: &str = "/usr/sbin/gosu";

/// Prints who the application is: the lines of its status that a user determines, and its environment.
const WHO: [&str; 3] = [
    "/bin/sh",
    "-c",
    "exec grep -aE '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)|=' /proc/self/status /proc/self/environ",
];

fn who(run: &Finished) -> String {
    // What the programs in between were told is not compared.
    let lines = run.stdout.split(['\n', '\0']).filter(|line| !line.contains("CASTOFF_"));
    lines.map(|line| line.rsplit("environ:").next().unwrap_or(line).to_owned() + "\n").collect()
}

/// Whether this machine can compare; loud if not.
fn comparable() -> bool {
    if !root() {
        return false;
    }
    let there = Path::new(GOSU).exists();
    if !there {
        missing("gosu", "the Debian package gosu");
    }
    there
}

/// castoff and gosu, becoming the same user.
fn both(accounts: &Accounts, spec: &str, wrapper: &[&str]) -> (Run, Run) {
    let ours = Run::new(["--mode", "off", "--user", spec, "--"]).command(WHO).env("HOME", "/elsewhere");
    let theirs = Run::new(["--", GOSU, spec]).env("HOME", "/elsewhere");
    let theirs = theirs.command([&[GOSU, spec], &WHO[..]].concat()).directly();
    (accounts.of(ours.under(wrapper)), accounts.of(theirs.under(wrapper)))
}

/// Names, ids, both mixed, with and without a group; with groups that name the user; without an entry; a name that is a number.
const USERS: [&str; 18] = [
    "app",
    "worker",
    "root",
    "app:video",
    "app:audio",
    "worker:app",
    "root:root",
    "app:lone",
    "41000",
    "41000:29",
    "0",
    "0:0",
    "45678",
    "45678:45679",
    "45678:video",
    "app:45679",
    "app:",
    "41004",
];

/// How whoever starts the container may have left it: groups of its own, another group, a limit to privileges, privileges
/// that outlive an exec.
const WRAPPERS: [&[&str]; 5] = [
    &["/usr/bin/env"],
    &["/usr/bin/setpriv", "--groups=77,78", "--"],
    &["/usr/bin/setpriv", "--regid=55", "--clear-groups", "--"],
    &[
        "/usr/bin/setpriv",
        "--no-new-privs",
        "--bounding-set=-net_raw,-kill",
        "--inh-caps=-net_raw,-kill",
        "--",
    ],
    &["/usr/bin/setpriv", "--inh-caps=+net_raw,+chown", "--ambient-caps=+net_raw", "--"],
];

#[test]
fn the_application_is_whom_gosu_would_have_made_it() {
    if !comparable() {
        return;
    }
    let accounts = Accounts::new();
    for wrapper in WRAPPERS {
        for spec in USERS {
            let (ours, theirs) = both(&accounts, spec, wrapper);
            let (ours, theirs) = (ours.output().succeeds(), theirs.output().succeeds());
            assert_eq!(who(&ours), who(&theirs), "{spec} under {wrapper:?}");
            assert!(who(&ours).contains("Uid:") && who(&ours).contains("HOME="), "{ours}");
        }
    }
}

/// The same, staying beside the application: there it is castoff that becomes the user.
#[test]
fn with_init_too() {
    if !comparable() {
        return;
    }
    let accounts = Accounts::new();
    for spec in ["app", "worker:app", "45678"] {
        let (ours, theirs) = both(&accounts, spec, WRAPPERS[0]);
        assert_eq!(
            who(&ours.option(["--init"]).output().succeeds()),
            who(&theirs.output().succeeds()),
            "{spec}"
        );
    }
}

#[test]
fn whom_gosu_does_not_know_castoff_does_not_know_either() {
    if !comparable() {
        return;
    }
    let accounts = Accounts::new();
    for spec in ["nobody-of-that-name", "app:no-such-group", "-1", "4294967295", "0:-1"] {
        let (ours, theirs) = both(&accounts, spec, WRAPPERS[0]);
        ours.output().exits(Exit::Usage);
        assert_ne!(theirs.output().code, 0, "{spec}");
    }
}

/// Where castoff is another, on purpose: what each says of itself, or that it refuses. `docs/design/init.md` says why.
const MEANT: [(&str, Option<&str>, Option<&str>); 6] = [
    ("homeless", Some("HOME=/\n"), Some("HOME=\n")),
    ("+nis", None, Some("Uid:\t0\t0\t0\t0")),
    (":video", None, Some("Gid:\t44\t44\t44\t44")),
    ("app:video:audio", None, Some("Gid:\t44\t44\t44\t44")),
    ("3000000000", Some("Uid:\t3000000000\t"), None),
    ("twice", Some("Groups:\t44 \n"), Some("Groups:\t44 44 \n")),
];

#[test]
fn what_is_not_the_same_is_meant() {
    if !comparable() {
        return;
    }
    let accounts = Accounts::new();
    for (spec, ours, theirs) in MEANT {
        let (our_run, their_run) = both(&accounts, spec, WRAPPERS[0]);
        for (run, expected) in [(our_run, ours), (their_run, theirs)] {
            let run = run.output();
            match expected {
                Some(line) => assert!(run.code == 0 && who(&run).contains(line), "{spec}: {run}"),
                None => assert_ne!(run.code, 0, "{spec}: {run}"),
            }
        }
    }
}
