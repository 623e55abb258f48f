//! What castoff tells itself when it executes itself again: in its arguments, because every variable is the application's.
//!
//! `castoff:run MASK,TARGET,FORMAT,LEVEL PATH ARGV0 [ARG]...`

use std::env;
use std::ffi::{CString, OsStr, OsString};

use crate::application::Application;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};
use crate::log;

/// The `argv[0]` under which castoff supervises. No person or orchestrator calls it so: there it is the path of its file.
const NAME: &str = "castoff:run";

/// Whom signals are forwarded to.
const TARGETS: [(&str, bool); 2] = [("child", false), ("group", true)];
const FORMATS: [(&str, log::Format); 2] = [("text", log::Format::Text), ("json", log::Format::Json)];
const LEVELS: [log::Level; 5] =
    [log::Level::Error, log::Level::Warn, log::Level::Info, log::Level::Debug, log::Level::Trace];

/// What to supervise, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// What to start.
    pub application: Application,
    /// Whether signals are forwarded to its whole process group.
    pub to_group: bool,
    /// How to log.
    pub logs: log::Settings,
}

/// An order as the supervisor finds it.
#[derive(Debug)]
pub struct Given {
    pub(super) order: Order,
    /// The mask that the application inherits.
    pub(super) mask: u64,
}

impl Order {
    /// The arguments that say it, with the mask that the application is to inherit.
    pub(super) fn argv(&self, mask: u64) -> Vec<CString> {
        let settings = [
            format!("{mask:x}"),
            word(self.to_group, &TARGETS).to_owned(),
            word(self.logs.format, &FORMATS).to_owned(),
            self.logs.level.name().to_owned(),
        ];
        // None of the words holds a NUL byte.
        let own = [NAME.to_owned(), settings.join(",")].map(|word| CString::new(word).unwrap_or_default());
        let rest = [self.application.path().to_owned()].into_iter().chain(self.application.argv().to_vec());
        own.into_iter().chain(rest).collect()
    }

    /// The order in this process's arguments, if they are one.
    pub fn given() -> Option<Result<Given>> {
        let mut arguments = env::args_os();
        if arguments.next()? != NAME {
            return None;
        }
        Some(Given::read(arguments.collect(), &Environment::new(env::vars_os())))
    }
}

impl Given {
    pub(super) fn read(arguments: Vec<OsString>, environment: &Environment) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let settings = arguments.next().and_then(|word| settings(&word));
        let path = arguments.next();
        let command: Vec<OsString> = arguments.collect();
        let (Some((mask, to_group, logs)), Some(path), false) = (settings, path, command.is_empty()) else {
            return Err(Failure::message(
                Exit::Usage,
                format_args!("{NAME} is the name under which castoff calls itself for --init"),
            )
            .hint("call it by its file's name: `castoff --init -- COMMAND`"));
        };
        let application = Application::found_at(path.into(), &command, environment)?;
        Ok(Self { order: Order { application, to_group, logs }, mask })
    }
}

fn settings(word: &OsStr) -> Option<(u64, bool, log::Settings)> {
    let mut parts = word.to_str()?.split(',');
    let mask = u64::from_str_radix(parts.next()?, 16).ok()?;
    let to_group = meaning(parts.next()?, &TARGETS)?;
    let format = meaning(parts.next()?, &FORMATS)?;
    let level = parts.next()?;
    let level = LEVELS.into_iter().find(|known| known.name() == level)?;
    parts.next().is_none().then_some((mask, to_group, log::Settings { format, level }))
}

fn word<T: Copy + PartialEq>(meaning: T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, known)| *known == meaning).map(|(word, _)| *word).unwrap_or_default()
}

fn meaning<T: Copy>(word: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::{Given, NAME, Order};
    use crate::application::Application;
    use crate::environment::Environment;
    use crate::exit::Exit;
    use crate::log;
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(Into::into).collect()
    }

    #[test]
    fn an_order_is_understood_as_it_was_given() {
        let environment: Environment = [("PATH", "/bin"), ("A", "")].into_iter().collect();
        for (to_group, format, level) in
            [(false, log::Format::Text, log::Level::Trace), (true, log::Format::Json, log::Level::Error)]
        {
            let application =
                Application::look_up(&words(&["sh", "", "--", "castoff:run"]), &environment).unwrap();
            let order = Order { application, to_group, logs: log::Settings { format, level } };
            let mask = 0x8000_0003_8000_0001;
            let argv = order.argv(mask);
            assert_eq!(argv[0].to_str(), Ok(NAME));
            let arguments = argv[1..].iter().map(|word| OsStr::from_bytes(word.to_bytes()).to_owned());
            let given = Given::read(arguments.collect(), &environment).unwrap();
            assert_eq!((given.order.to_group, given.order.logs), (to_group, order.logs));
            assert_eq!(given.mask, mask);
            assert_eq!(given.order.application.path(), order.application.path());
            assert_eq!(given.order.application.argv(), order.application.argv());
            assert_eq!(given.order.application.environment(), order.application.environment());
        }
    }

    #[test]
    fn what_is_no_order_is_a_mistake_of_whoever_took_the_name() {
        for arguments in [
            &[][..],
            &["0,child,text,info", "/bin/sh"],
            &["0,child,text", "/bin/sh", "sh"],
            &["0,child,text,info,more", "/bin/sh", "sh"],
            &["x,child,text,info", "/bin/sh", "sh"],
            &["0,parent,text,info", "/bin/sh", "sh"],
            &["--init", "--", "sh"],
        ] {
            let failure = Given::read(words(arguments), &Environment::default()).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{arguments:?}");
            assert!(failure.hint.is_some_and(|hint| hint.contains("--init")));
        }
    }
}
