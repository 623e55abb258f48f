//! The phase of a container: seen from beside PID 1, as `docker exec` and probes do.

use super::*;
use crate::harness::Running;

/// `castoff health` among the processes of this castoff, asked about something that is not there.
fn beside(castoff: &mut Running, run: Run) -> Value {
    let pid = castoff.pid().to_string();
    let words = ["/usr/bin/nsenter", "--target", &pid, "--pid", "--mount", "--"];
    said(&run.option(["--target", "file:///no/such"]).under(words).output())
}

/// Healthy in this phase, although a target is missing.
fn expect_healthy_in(phase: &str, answer: &Value) {
    assert_eq!((&answer["phase"], &answer["status"]), (&json!(phase), &json!("healthy")), "{answer}");
    assert_eq!(answer["targets"][0]["status"], "unhealthy", "it is told all the same: {answer}");
}

#[test]
fn whoever_waits_queues_or_migrates_is_healthy_and_an_application_is_judged() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("phases");
    let mut gate = Gate::closed(&database);
    let files = Migrations::of(&[("1_slow.sql", &gate.sql())]);
    let held = format!("SELECT pg_advisory_lock({})", crate::harness::keys::sqlx(&database.name()));
    let mut holder = database.client();
    holder.exec(&held);
    let wait = format!("file://{}/ready", home.path().display());
    let run = Run::start(&database, &files, ["/bin/sleep", "600"]).option(["--wait-for", &wait]).pid1();
    let mut castoff = run.spawn();
    let ask = || Run::new(["health"]).database(&database).migrations(&files);

    castoff.until("wait.retry");
    expect_healthy_in("wait", &beside(&mut castoff, ask()));
    home.write("ready", "");
    castoff.until("lock.waiting");
    expect_healthy_in("lock", &beside(&mut castoff, ask()));
    drop(holder);
    gate.visitor();
    let answer = beside(&mut castoff, ask());
    expect_healthy_in("migrate", &answer);
    gate.open();
    castoff.until("exec");
    let answer = eventually("the application runs", || {
        let answer = beside(&mut castoff, ask());
        (answer["phase"] == "run").then_some(answer)
    });
    assert_eq!(answer["status"], "unhealthy", "{answer}");
    assert_eq!(answer["database"]["migrations"], "up-to-date", "{answer}");
}

/// `docker run --init`: the phase shows one process further.
#[test]
fn an_init_before_castoff_hides_no_phase() {
    if !root() {
        return;
    }
    let castoff = env!("CARGO_BIN_EXE_castoff");
    let script = format!("{castoff} wait --wait-for file:///no/such & wait");
    let mut init = Run::new(["--", "sh"]).command(["/bin/sh", "-c", &script]).directly().pid1().spawn();
    init.until("wait.retry");
    expect_healthy_in("wait", &beside(&mut init, Run::new(["health"])));
}

/// A castoff that somebody runs beside the application is not what the container does.
#[test]
fn a_castoff_beside_the_application_is_no_phase() {
    if !root() {
        return;
    }
    let mut application = Run::new(["--", "sh"]).command(["/bin/sleep", "600"]).directly().pid1().spawn();
    let pid = application.pid().to_string();
    let words = ["/usr/bin/nsenter", "--target", &pid, "--pid", "--mount", "--"];
    let mut other = Run::new(["wait", "--wait-for", "file:///no/such"]).under(words).spawn();
    other.until("wait.retry");
    let answer = beside(&mut application, Run::new(["health"]));
    assert_eq!((&answer["phase"], &answer["status"]), (&json!("run"), &json!("unhealthy")), "{answer}");
}
