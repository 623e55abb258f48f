//! A terminal is lent to the command and taken back.

use crate::harness::{Database, Engine, OnTerminal, Scratch};

use super::script;

/// castoff on a terminal whose session a shell leads: a leader that ends takes with it what nobody has read yet.
fn start(database: &Database, line: &str, application: &str) -> OnTerminal {
    let shell = ["/bin/sh", "-c", "\"$@\"; echo \"ended with $?.\"; sleep 600", "sh"];
    let castoff = [env!("CARGO_BIN_EXE_castoff"), "--", "/bin/sh", "-c", application];
    let mut command = OnTerminal::command([&shell[..], &castoff].concat());
    command.env("DATABASE_URL", database.url());
    command.env("CASTOFF_MIGRATE_COMMAND", line).env("CASTOFF_LOG_LEVEL", "error");
    OnTerminal::lead(command)
}

/// Waits for castoff's end and gives all that was shown.
fn end(mut on: OnTerminal, code: u8) -> String {
    on.until(&format!("ended with {code}."));
    on.shown().to_owned()
}

/// Whether the process is in the terminal's foreground.
const SHOWS: &str = "read -r pid name state parent group session tty front rest </proc/$$/stat; \
                     test $group = $front && echo $0 in front || echo $0 behind";

#[test]
fn the_command_has_the_foreground_and_then_the_application() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let command = SHOWS.replace("$0", "command");
    let command = format!("{command}; echo password: >/dev/tty; read -r answer </dev/tty; echo got $answer");
    let application = SHOWS.replace("$0", "application");
    let mut on = start(&database, &script(&command), &application);
    on.until("password:");
    on.press(b"open sesame\n");
    let shown = end(on, 0);
    for wanted in ["command in front", "got open sesame", "application in front"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
}

#[test]
fn an_interrupt_from_the_terminal_stops_castoff_as_well() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    // No shell: dash swallows an interrupt that comes while it starts a program.
    let home = Scratch::new("ready");
    let line = format!("/usr/bin/tail -f {}", home.write("ready", "ready\n").display());
    let mut on = start(&database, &line, "echo started");
    on.until("ready");
    on.press(b"\x03");
    let shown = end(on, 130);
    assert!(!shown.contains("started") && shown.contains("stopped from the terminal"), "{shown}");
}

/// Nobody could continue it, and nothing but SIGTERM would end it.
#[test]
fn it_cannot_be_suspended_from_the_terminal() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("ready");
    let line = format!("/usr/bin/tail -f {}", home.write("ready", "ready\n").display());
    let mut on = start(&database, &line, "echo started");
    on.until("ready");
    on.press(b"\x1a");
    on.until("^Z");
    on.press(b"\x03");
    let shown = end(on, 130);
    assert!(!shown.contains("started"), "{shown}");
}
