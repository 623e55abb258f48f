//! Whoever connects for no good is no burden: connections, bytes and seconds are bounded.

use super::*;

/// What this connection comes to, once castoff has ended it.
fn ended(mut stream: TcpStream) -> Duration {
    let started = Instant::now();
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
    match stream.read(&mut [0; 1]) {
        Ok(0) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        other => panic!("it should have been ended: {other:?}"),
    }
    started.elapsed()
}

#[test]
fn silent_connections_keep_no_probe_from_being_answered_and_are_ended() {
    let (home, port) = (Scratch::new("silent"), port());
    let mut running = waiting(&home, port).command(["/bin/true"]).spawn();
    until_listening(&mut running);
    let silent: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("a connection")).collect();
    let started = Instant::now();
    expect_phase(port, "wait");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", running.pid())).expect("its descriptors").count();
    assert!(sockets < 100, "{sockets} descriptors");
    for stream in silent {
        assert!(ended(stream) < Duration::from_secs(20));
    }
    home.write("ready", "");
    running.wait().succeeds();
}

#[test]
fn a_request_without_an_end_is_refused() {
    let (home, port) = (Scratch::new("endless"), port());
    let mut running = waiting(&home, port).command(["/bin/true"]).spawn();
    until_listening(&mut running);
    let endless = format!("GET /livez HTTP/1.1\r\nX: {}", "x".repeat(8 * 1024));
    let answer = send(port, &endless).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(ask(port, "GET", "/livez").0, 200);
    home.write("ready", "");
    running.wait().succeeds();
}
