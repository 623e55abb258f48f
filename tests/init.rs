//! `--init` beside the tools whose job it is: the checks that tini, dumb-init and catatonit make of themselves, and those
//! they do not, run against all four. Where they differ, each test's table says how, and `docs/design/init.md` why
//! castoff does what it does.

use castoff::exit::Exit;

use crate::harness::{Run, missing, root};

mod codes;
mod hand_over;
mod inherits;
mod scrubbed;
mod signals;
mod terminal;
mod zombies;

/// Everything that is compared.
const TOOLS: [Tool; 4] = [Tool::Castoff, Tool::Tini, Tool::DumbInit, Tool::Catatonit];

/// What stays beside an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Castoff,
    Tini,
    DumbInit,
    Catatonit,
}

/// Whom signals are forwarded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Child,
    Group,
}

impl Tool {
    /// How it is called, up to the application: Debian's packages put them all into `/usr/bin`.
    fn words(self, to: To) -> &'static [&'static str] {
        match (self, to) {
            (Self::Castoff, To::Child) => &[env!("CARGO_BIN_EXE_castoff"), "--mode=off", "--init", "--"],
            (Self::Castoff, To::Group) => {
                &[env!("CARGO_BIN_EXE_castoff"), "--mode=off", "--init", "--init-group", "--"]
            }
            (Self::Tini, To::Child) => &["/usr/bin/tini", "--"],
            (Self::Tini, To::Group) => &["/usr/bin/tini", "-g", "--"],
            (Self::DumbInit, To::Child) => &["/usr/bin/dumb-init", "--single-child", "--"],
            // Its own habit.
            (Self::DumbInit, To::Group) => &["/usr/bin/dumb-init", "--"],
            (Self::Catatonit, To::Child) => &["/usr/bin/catatonit", "--"],
            (Self::Catatonit, To::Group) => &["/usr/bin/catatonit", "-g", "--"],
        }
    }

    /// Whether it is installed; loud if not.
    fn is_there(self) -> bool {
        let program = self.words(To::Child)[0];
        let there = std::path::Path::new(program).exists();
        if !there {
            let name = program.rsplit('/').next().unwrap_or(program);
            missing(name, &format!("the Debian package {name}"));
        }
        there
    }

    /// The application beside this tool, which forwards signals to it alone.
    fn run(self, application: &[&str]) -> Run {
        self.forwarding(To::Child, application)
    }

    /// The application beside this tool.
    fn forwarding(self, to: To, application: &[&str]) -> Run {
        Run::new([&["--"], self.words(to), application].concat()).directly()
    }
}

/// Those that are installed.
fn tools() -> impl Iterator<Item = Tool> {
    TOOLS.into_iter().filter(|tool| tool.is_there())
}

/// Whether applications written in Python can be started; loud if not.
fn python() -> bool {
    let there = std::path::Path::new(PYTHON).exists();
    if !there {
        missing("python3", "the Debian package python3");
    }
    there
}

const PYTHON: &str = "/usr/bin/python3";

/// castoff with these options, staying beside the application.
fn staying(options: &[&str], application: &[&str]) -> Run {
    Run::new([options, &["--init", "--"], application].concat())
}
