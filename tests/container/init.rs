//! `--init` in an image that holds nothing but castoff and the application, without privileges and on a read-only root.

use crate::docker::{Container, Network, available};
use crate::harness::Migrations;
use crate::image;

const SECRET: &str = "Sw0rdf1sh-of-the-container";

#[test]
fn castoff_stays_as_pid_1_and_holds_no_secret() {
    if !available() {
        return;
    }
    let Some(image) = image::with_castoff(Migrations::three().path()) else { return };
    let network = Network::new();
    let secret = format!("CASTOFF_DATABASE_URL=postgres://app:{SECRET}@db/app");
    let options = ["--env=CASTOFF_INIT=1", "--env=CASTOFF_MODE=off", "--env", &secret, "--env=KEPT=1"];
    let bare = ["--read-only", "--cap-drop=ALL", "--user=1234:1235", "--security-opt=no-new-privileges"];
    let container = Container::run(&network, &[&options[..], &bare].concat(), &image, &[]);

    let line = container.until_application();
    assert!(line.contains("uid=1234 comm=app writable=false") && !line.contains("pid=1 "), "{line}");
    let processes = container.processes();
    assert_eq!(processes, ["castoff:run 0,child,text,info /app /app", "/app"]);
    let read =
        |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", container.pid())).expect("PID 1");
    assert!(!read("environ").contains(SECRET) && read("environ").contains("KEPT=1\0"), "{}", read("environ"));
    assert_eq!(read("comm"), "castoff:run\n");
    assert_eq!(container.stop(), 0, "the application's own code");
}

/// The user changes on the way, and castoff can still forward what `docker stop` sends: without the capability KILL.
#[test]
fn it_is_the_applications_user_and_needs_no_capability_to_signal_it() {
    if !available() {
        return;
    }
    let Some(image) = image::with_castoff(Migrations::three().path()) else { return };
    let network = Network::new();
    let options = ["--env=CASTOFF_INIT=1", "--env=CASTOFF_MODE=off", "--env=CASTOFF_USER=1234:1235"];
    let bare = ["--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID"];
    let container = Container::run(&network, &[&options[..], &bare].concat(), &image, &[]);

    assert!(container.until_application().contains("uid=1234"));
    let status = std::fs::read_to_string(format!("/proc/{}/status", container.pid())).expect("PID 1");
    assert!(status.contains("Uid:\t1234\t1234\t1234\t1234\n"), "{status}");
    assert!(status.contains("CapPrm:\t0000000000000000\n"), "{status}");
    assert_eq!(container.stop(), 0);
}
