//! A bar where a person watches, and nothing of it when castoff is gone.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Database, Engine, Gate, Migrations, OnTerminal, secrets};

/// The sequences of the bar's colour, and of a cursor that is hidden.
const COLOUR: &str = "\u{1b}[36m";
const HIDDEN_CURSOR: &str = "\u{1b}[?25l";

/// castoff at the second of three migrations, which waits before the gate.
struct Watched {
    database: Database,
    gate: Gate,
    files: Migrations,
    on: OnTerminal,
}

impl Watched {
    fn with(variables: &[(&str, &str)]) -> Option<Self> {
        let database = Database::on(Engine::Postgres)?;
        let gate = Gate::closed(&database);
        let files = Migrations::of(&[
            ("1_a.sql", "SELECT 1;\n"),
            ("2_slow.sql", gate.sql().as_str()),
            ("3_c.sql", "SELECT 3;\n"),
        ]);
        let on = start(&database, &files, variables);
        Some(Self { database, gate, files, on })
    }

    /// Lets the migration go on, and gives all that was sent to the terminal.
    fn end(self) -> String {
        self.gate.open();
        end(self.on, 0)
    }
}

/// castoff on a terminal whose session a shell leads: a leader that ends takes with it what nobody has read yet.
fn start(database: &Database, files: &Migrations, variables: &[(&str, &str)]) -> OnTerminal {
    let shell = ["/bin/sh", "-c", "stty cols 100; \"$@\"; echo \"ended with $?.\"; sleep 600", "sh"];
    let castoff = [env!("CARGO_BIN_EXE_castoff"), "--", "/bin/echo", "started"];
    let mut command = OnTerminal::command([&shell[..], &castoff].concat());
    command.env("DATABASE_URL", database.url()).env("CASTOFF_MIGRATIONS", files.path());
    command.env("CASTOFF_DDL_LOCK_TIMEOUT", "0").envs(variables.iter().copied());
    OnTerminal::lead(command)
}

/// Waits for castoff's end and gives all that was sent to the terminal.
fn end(mut on: OnTerminal, code: i32) -> String {
    on.until(&format!("ended with {code}."));
    secrets::inspect("castoff on a terminal", &[on.shown().as_bytes()]);
    on.shown().to_owned()
}

/// The lines that stay on a terminal that was sent this. Of a terminal's language it knows the erased line, and colours.
fn left_on_screen(sent: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let mut column = 0;
    let mut characters = sent.chars();
    while let Some(character) = characters.next() {
        let line = lines.last_mut().expect("a line");
        match character {
            '\r' => column = 0,
            '\n' => lines.push(Vec::new()),
            '\u{1b}' => {
                let rest: String = characters.by_ref().take(3).collect();
                match rest.as_str() {
                    "[2K" => line.clear(),
                    "[0m" => {}
                    // Two digits and the letter behind them.
                    _ if rest.starts_with("[3") => assert_eq!(characters.next(), Some('m'), "{sent:?}"),
                    _ => panic!("{rest:?}: {sent:?}"),
                }
            }
            _ => {
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
    }
    let lines = lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Every line that stays is one of the log or the application's.
fn assert_clean(sent: &str, last: &str) {
    assert!(!sent.contains(HIDDEN_CURSOR), "{sent:?}");
    let left = left_on_screen(sent);
    let (end, lines) = left.split_last().expect("lines");
    assert_eq!(end, last);
    let of_log = |line: &String| line.contains("Z INFO ") || line.contains("Z ERROR ");
    assert!(lines.iter().all(|line| of_log(line) || line == "started"), "{left:#?}");
}

#[test]
fn a_bar_names_the_migration_and_leaves_nothing_behind() {
    let Some(mut watched) = Watched::with(&[("TERM", "xterm")]) else { return };
    watched.on.until("] 1/3 ");
    watched.on.until("/2_slow.sql; line 1: SELECT pg_advisory");
    watched.on.until("2_slow.sql; waiting for an advisory lock, h");
    let sent = watched.end();
    assert_clean(&sent, "ended with 0.");
    assert!(sent.contains(COLOUR), "{sent:?}");
    let left = left_on_screen(&sent).join("\n");
    // Who held it up is still to be read; what only goes on is not.
    assert_eq!(left.matches("waiting for an advisory lock, held up by").count(), 1, "{left}");
    assert!(left.contains("applied") && !left.contains("1/3"), "{left}");
}

#[test]
fn no_color_takes_the_colour_and_not_the_bar() {
    let Some(mut watched) = Watched::with(&[("TERM", "xterm"), ("NO_COLOR", "1")]) else { return };
    watched.on.until("] 1/3 ");
    let sent = watched.end();
    // What is left are erased lines.
    assert_eq!(sent.matches('\u{1b}').count(), sent.matches("\u{1b}[2K").count(), "{sent:?}");
    assert_clean(&sent, "ended with 0.");
}

#[test]
fn a_dumb_terminal_and_lines_of_json_get_lines() {
    for variables in [&[("TERM", "dumb")][..], &[], &[("TERM", "xterm"), ("CASTOFF_LOG_FORMAT", "json")]] {
        let Some(mut watched) = Watched::with(variables) else { return };
        watched.on.until("running for 5s; waiting for an advisory lock, held up by");
        let sent = watched.end();
        assert!(!sent.contains('\u{1b}'), "{variables:?}: {sent:?}");
    }
}

#[test]
fn a_signal_and_a_failure_leave_the_terminal_as_it_was() {
    let Some(Watched { database, mut gate, files, mut on }) = Watched::with(&[("TERM", "xterm")]) else {
        return;
    };
    on.until("] 1/3 ");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", on.pid()));
    let castoff = children.expect("the shell runs").trim().parse().expect("one child");
    kill(Pid::from_raw(castoff), Signal::SIGTERM).expect("castoff is there to be signalled");
    assert_clean(&end(on, 143), "ended with 143.");
    gate.deserted();
    let mut on = start(&database, &files, &[("TERM", "xterm")]);
    on.until("] 0/2 ");
    let id = gate.visitor();
    database.exec(&format!("SELECT pg_cancel_backend({id})"));
    assert_clean(&end(on, 80), "ended with 80.");
}
