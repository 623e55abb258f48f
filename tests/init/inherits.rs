//! What the application finds is what castoff found, and the supervisor itself holds on to nothing.

use super::{Run, Tool, root, staying, tools};
use crate::harness::Scratch;

fn line<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {status}"))
}

/// tini's check of itself (`sigconf-test.c`), and what else a shell, `nohup` or a runtime may leave.
const WRAPPERS: [&[&str]; 4] = [
    &["/usr/bin/env", "--default-signal"],
    &["/usr/bin/env", "--ignore-signal=TTOU,SEGV,INT", "--block-signal=TTIN,ILL,TERM"],
    &["/usr/bin/env", "--ignore-signal=PIPE,HUP,TTIN", "--block-signal=USR1,CHLD,WINCH,TTOU"],
    &["/bin/sh", "-c", "umask 027; ulimit -n 512; exec \"$@\"", "sh"],
];

#[test]
fn signals_are_inherited_as_they_were_found() {
    for (number, wrapper) in WRAPPERS.into_iter().enumerate() {
        let application = ["/bin/cat", "/proc/self/status"];
        let directly = Run::new([&["--"], &application[..]].concat()).directly().under(wrapper);
        let directly = directly.output().succeeds().stdout;
        for tool in tools() {
            let beside = tool.run(&application).under(wrapper).output().succeeds().stdout;
            for name in ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "Umask", "CapEff", "Seccomp"] {
                // dumb-init forgets what was ignored and blocks nothing, catatonit leaves TSTP, TTIN and TTOU blocked.
                let same = match (tool, name) {
                    (Tool::DumbInit, "SigBlk" | "SigIgn") => ![1, 2].contains(&number),
                    (Tool::Catatonit, "SigBlk") => false,
                    _ => true,
                };
                let (beside, directly) = (line(&beside, name), line(&directly, name));
                assert_eq!(
                    beside == directly,
                    same,
                    "{tool:?} under {wrapper:?}: {beside}, directly {directly}"
                );
            }
        }
    }
}

/// Then the kernel keeps no child's end for anybody; tini and catatonit wait for it for ever.
#[test]
fn an_ignored_sigchld_keeps_nobody_from_learning_the_end() {
    let ignoring = ["/usr/bin/env", "--ignore-signal=CHLD"];
    for tool in tools().filter(|tool| [Tool::Castoff, Tool::DumbInit].contains(tool)) {
        tool.run(&["/bin/sh", "-c", "exit 7"]).under(ignoring).output().exits_with(7);
    }
    let run = staying(&["--mode=off"], &["/bin/cat", "/proc/self/status"]).under(ignoring);
    let directly = run.clone().directly().output().succeeds().stdout;
    let beside = run.output().succeeds().stdout;
    assert_eq!(line(&beside, "SigIgn"), line(&directly, "SigIgn"), "the application inherits it");
}

/// Descriptors, arguments, variables, limits.
#[test]
fn everything_else_is_inherited_too() {
    let wrapper = ["/bin/sh", "-c", "ulimit -n 512; exec 7</dev/null; exec \"$@\"", "sh"];
    let script = "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done; ulimit -a; umask; pwd -P; tr '\\0' '\\n' \
                  </proc/$$/environ; tr '\\0' '\\n' </proc/$$/cmdline; cat /proc/self/oom_score_adj; nice";
    let home = Scratch::new("init-inherits");
    let command = ["/bin/sh", "-c", script, "", "two words", "--"];
    let run = staying(&["--mode=off"], &command).cwd(home.path()).under(wrapper).env("ODD", "a=b\nc");
    let directly = run.clone().directly().output().succeeds();
    assert!(directly.stdout.starts_with("0\n1\n") && directly.stdout.contains("\n7\n"), "{directly}");
    assert_eq!(run.output().succeeds().stdout, directly.stdout);
}

/// A closed standard descriptor stays closed.
#[test]
fn a_closed_descriptor_stays_closed() {
    let script = "[ -e /proc/$$/fd/0 ] && echo open || echo closed";
    let run = staying(&["--mode=off"], &["/bin/sh", "-c", script]);
    assert_eq!(run.output().succeeds().stdout, "open\n");
    let run = run.under(["/bin/sh", "-c", "exec 0<&-; exec \"$@\"", "sh"]);
    assert_eq!(run.output().succeeds().stdout, "closed\n");
}

/// dumb-init's care, and a later catatonit's than Debian's: the application's directory can be unmounted when it has left it itself.
#[test]
fn the_supervisor_leaves_the_working_directory_and_the_application_does_not() {
    let home = Scratch::new("init-cwd");
    for tool in tools() {
        let script = "until [ \"$(readlink /proc/$PPID/cwd)\" = \"$0\" ]; do sleep 0.01; done; pwd -P";
        let expected = if matches!(tool, Tool::Tini | Tool::Catatonit) {
            home.path()
        } else {
            std::path::Path::new("/")
        };
        let expected = expected.display().to_string();
        let run = tool.run(&["/bin/sh", "-c", script, &expected]).cwd(home.path()).output().succeeds();
        assert_eq!(run.stdout.trim(), home.path().display().to_string(), "{tool:?}");
    }
}

/// A pipe that was passed to the application ends when the application closes it.
#[test]
fn the_supervisor_holds_no_descriptor_of_the_applications() {
    let script = "until set -- $(ls /proc/$PPID/fd) && [ $# = 3 ]; do sleep 0.01; done; echo $*; \
                  [ -e /proc/$$/fd/7 ] && echo seven";
    let run = staying(&["--mode=off"], &["/bin/sh", "-c", script]);
    let run = run.under(["/bin/sh", "-c", "exec 7</dev/null; exec \"$@\"", "sh"]).output().succeeds();
    assert_eq!(run.stdout, "0 1 2\nseven\n");
}

/// Socket activation says whom the descriptors are for by number (`sd_listen_fds(3)`).
#[test]
fn descriptors_that_were_meant_for_castoff_are_meant_for_the_application() {
    if !root() {
        return;
    }
    let script =
        "[ $LISTEN_PID = $$ ] && echo mine || echo \"$LISTEN_PID for somebody else\"; echo $LISTEN_FDS";
    for (tool, told) in [
        (Tool::Castoff, "mine\n1\n"),
        (Tool::Tini, "1 for somebody else\n1\n"),
        (Tool::DumbInit, "1 for somebody else\n1\n"),
        (Tool::Catatonit, "mine\n1\n"),
    ] {
        if tool.is_there() {
            let run = tool.run(&["/bin/sh", "-c", script]).env("LISTEN_PID", "1").env("LISTEN_FDS", "1");
            assert_eq!(run.pid1().output().succeeds().stdout, told, "{tool:?}");
        }
    }
    // Another's stays another's.
    let run = staying(&["--mode=off"], &["/bin/sh", "-c", script]).env("LISTEN_PID", "99").pid1();
    assert_eq!(run.output().succeeds().stdout, "99 for somebody else\n\n");
}
