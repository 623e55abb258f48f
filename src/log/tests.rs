use super::kept::Kept;
use super::layer::Stderr;
use super::record::Record;
use super::render;
use super::{Format, Level, Settings};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing_subscriber::layer::SubscriberExt;

fn record_of(log: impl FnOnce()) -> Record {
    let (kept, _guard) = Kept::here();
    log();
    kept.pop().unwrap()
}

fn as_text(log: impl FnOnce()) -> String {
    render::text(&record_of(log), time())
}

fn as_json(log: impl FnOnce()) -> Value {
    let line = render::json(&record_of(log), time());
    assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "not one line: {line:?}");
    serde_json::from_str(&line).unwrap()
}

fn time() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_770_000_000_123)
}

#[test]
fn a_json_line_carries_the_four_fixed_fields_and_the_events_own() {
    let line = as_json(|| {
        let reason = "connection refused";
        let elapsed = Duration::from_millis(12);
        tracing::warn!(
            event = "wait.retry", reason = %reason, attempt = 3_u32, elapsed_ms = elapsed.as_millis(), last = false,
            share = 0.5, "waiting: {reason}"
        );
    });
    let expected = json!({
        "ts": "2026-02-02T02:40:00.123Z", "level": "warn", "event": "wait.retry",
        "message": "waiting: connection refused",
        "reason": "connection refused", "attempt": 3, "elapsed_ms": 12, "last": false, "share": 0.5,
    });
    assert_eq!(line, expected);
}

#[test]
fn the_fixed_fields_come_first_and_the_others_in_the_order_written() {
    let line =
        render::json(&record_of(|| tracing::info!(zeta = 1, event = "migrate.none", alpha = 2, "m")), time());
    let expected =
        "\"level\":\"info\",\"event\":\"migrate.none\",\"message\":\"m\",\"zeta\":1,\"alpha\":2}\n";
    assert!(line.ends_with(expected), "{line}");
}

#[test]
fn dotted_names_are_members_of_an_object_and_what_is_unknown_is_null() {
    let line = as_json(|| {
        let client: Option<&str> = None;
        tracing::info!(
            event = "lock.waiting",
            holder.pid = 7,
            before = 1,
            holder.client = client,
            holder.at.zone = "UTC",
            "m"
        );
    });
    assert_eq!(line["holder"], json!({ "pid": 7, "client": null, "at": { "zone": "UTC" } }));
    assert_eq!(line["before"], 1);
}

#[test]
fn an_object_of_which_nothing_is_known_is_null() {
    let line = as_json(|| {
        let pid: Option<i64> = None;
        tracing::info!(event = "lock.waiting", holder.pid = pid, holder.at.zone = pid, hint = pid, "m");
    });
    assert!(line.as_object().unwrap().contains_key("holder"));
    assert_eq!((&line["holder"], &line["hint"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_line_without_an_event_says_so() {
    let line = as_json(|| tracing::debug!("three parameters were ignored"));
    assert_eq!(line["event"], Value::Null);
    assert!(line.as_object().unwrap().contains_key("event"));
}

#[test]
fn text_says_what_the_message_does_not() {
    let line = as_text(|| {
        let (nobody, reason): (Option<&str>, _) = (None, "connection refused");
        tracing::info!(
            event = "wait.retry",
            hint = "is it started?",
            reason,
            attempt = 2,
            file = "a b.sql",
            holder = nobody,
            "waiting for the database: {reason}"
        );
    });
    let expected = "2026-02-02T02:40:00.123Z INFO  waiting for the database: connection refused  attempt=2 \
                    file=\"a b.sql\"  hint: is it started?\n";
    assert_eq!(line, expected);
}

#[test]
fn text_without_a_message_shows_the_event() {
    let line = as_text(|| tracing::error!(event = "migrate.none", empty = "", quote = "say \"hi\""));
    assert_eq!(line, "2026-02-02T02:40:00.123Z ERROR migrate.none  empty=\"\" quote=\"say \\\"hi\\\"\"\n");
}

#[test]
fn whatever_is_in_it_text_stays_one_line_that_steers_no_terminal() {
    let hostile = "one\r\ntwo\u{1b}[2Jthree\u{7}\u{9b}4m\u{2028}five\u{202e}six";
    let line =
        as_text(|| tracing::info!(detail = hostile, hint = hostile, "a server said: {}", "one\r\ntwo"));
    let body = line.strip_suffix('\n').unwrap();
    assert!(!body.contains(char::is_control), "{body:?}");
    assert!(!body.contains(['\u{2028}', '\u{202e}']), "{body:?}");
    assert!(body.contains("a server said: one\\r\\ntwo  detail="), "{body:?}");
}

#[test]
fn a_clock_out_of_range_does_not_panic() {
    let record = record_of(|| tracing::info!("m"));
    let far = UNIX_EPOCH + Duration::from_secs(400_000_000_000);
    assert_eq!(render::text(&record, far), " INFO  m\n");
    assert!(render::now() >= UNIX_EPOCH);
}

#[test]
fn the_level_chosen_lets_through_what_is_as_severe() {
    let enabled = |level| {
        let layer = Stderr::new(Settings { format: Format::Text, level });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            [tracing::enabled!(tracing::Level::WARN), tracing::enabled!(tracing::Level::DEBUG)]
        })
    };
    assert_eq!(enabled(Level::Error), [false, false]);
    assert_eq!(enabled(Level::Info), [true, false]);
    assert_eq!(enabled(Level::Trace), [true, true]);
}

#[test]
fn libraries_are_silent_on_every_level() {
    let layer = Stderr::new(Settings { format: Format::Text, level: Level::Trace });
    let shown = tracing::subscriber::with_default(
        tracing_subscriber::registry().with(layer),
        || tracing::enabled!(target: "sqlx_postgres::options::parse", tracing::Level::ERROR),
    );
    assert!(!shown);
}

/// The last line of a process that runs one of the insides below, and its exit code.
fn last_line_of(inside: &str) -> (String, Option<i32>) {
    let test = format!("log::tests::{inside}");
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test.as_str(), "--exact", "--nocapture", "--test-threads=1"])
        .env("CASTOFF_TEST_INSIDE", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    (printed.lines().last().unwrap_or_default().to_owned(), output.status.code())
}

fn is_inside() -> bool {
    std::env::var_os("CASTOFF_TEST_INSIDE").is_some()
}

#[test]
fn a_panic_ends_as_an_internal_error_that_names_the_place() {
    let (line, code) = last_line_of("inside_panic");
    assert_eq!(code, Some(70));
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["event"], &line["code"], &line["level"]),
        (&json!("exit"), &json!(70), &json!("error"))
    );
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.starts_with("internal error at src/log/tests.rs:"), "{reason}");
    assert!(reason.ends_with(": a rule was broken"), "{reason}");
    assert!(line["hint"].as_str().unwrap().contains("/issues"), "{line}");
}

#[test]
fn inside_panic() {
    if is_inside() {
        super::init(&Settings { format: Format::Json, level: Level::Error });
        super::exit_on_panic();
        // On another thread, whose panic alone would not end the process.
        std::thread::spawn(|| panic!("a rule was broken")).join().unwrap_err();
    }
}

#[test]
fn a_panic_whose_message_was_formatted_keeps_it_to_itself() {
    let (line, code) = last_line_of("inside_secret_panic");
    assert_eq!(code, Some(70));
    assert!(line.contains("ERROR internal error at src/log/tests.rs:"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn inside_secret_panic() {
    if is_inside() {
        super::exit_on_panic();
        let secret = "hunter2".to_owned();
        panic!("cannot log in with {secret}");
    }
}

/// What a terminal is sent by one of the insides.
fn sent_to_terminal_by(inside: &str) -> String {
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([&format!("log::tests::{inside}"), "--exact", "--nocapture", "--test-threads=1"])
        .env("CASTOFF_TEST_INSIDE", "1")
        .env("TERM", "xterm")
        .stdout(std::process::Stdio::null())
        .stderr(pty.slave)
        .spawn()
        .unwrap();
    let mut sent = Vec::new();
    // It ends with EIO when nobody has the terminal open any more.
    let _ = std::io::Read::read_to_end(&mut std::fs::File::from(pty.master), &mut sent);
    child.wait().unwrap();
    String::from_utf8(sent).unwrap()
}

#[test]
fn a_panic_takes_the_bar_away_before_it_says_so() {
    let sent = sent_to_terminal_by("inside_panic_under_a_bar");
    let (before, after) = sent.split_once("held up").unwrap_or_else(|| panic!("no bar: {sent:?}"));
    assert!(before.contains("1/3"), "{sent:?}");
    let (bar, line) = after.split_once("\r\u{1b}[2K").unwrap_or_else(|| panic!("not erased: {sent:?}"));
    assert!(!bar.contains("ERROR") && line.contains("ERROR internal error"), "{sent:?}");
}

#[test]
fn inside_panic_under_a_bar() {
    if is_inside() {
        super::exit_on_panic();
        let bar = super::bar::Bar::show(1, 3).expect("a terminal");
        bar.say("held up");
        panic!("a rule was broken");
    }
}

#[test]
fn the_report_is_shown_before_the_log_was_started() {
    let (line, code) = last_line_of("inside_report");
    assert_eq!(code, Some(0));
    assert!(line.ends_with("ERROR a: b  code=69  hint: is it started?"), "{line}");
}

#[test]
fn inside_report() {
    if is_inside() {
        let error = anyhow::anyhow!("b").context("a");
        super::report(
            &crate::exit::Failure::new(crate::exit::Exit::Unavailable, error).hint("is it started?"),
        );
    }
}

#[test]
fn a_closed_log_stops_nothing() {
    let test = "log::tests::inside_closed_log";
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("CASTOFF_TEST_INSIDE", "1")
        .stderr(writer)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("went on"), "{output:?}");
}

#[test]
fn inside_closed_log() {
    if is_inside() {
        super::init(&Settings::default());
        tracing::info!("to nobody");
        println!("went on");
    }
}
