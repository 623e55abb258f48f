//! The application binds the port that castoff has just answered probes at, without `SO_REUSEADDR`.

use super::*;

/// How often in a row.
const TIMES: usize = 100;

/// What an application says that found its port free.
const BOUND: &str = "application: bound\n";

/// One client of each kind, all of them answered but the silent one; those that are still open are given back.
fn probe(port: u16) -> Vec<TcpStream> {
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let mut open = Vec::new();
    // Reads to the end.
    assert_eq!(ask(port, "GET", "/readyz").0, 503);
    // Reads what was announced and closes, as kubelet and curl do.
    let mut stream = connect();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
    read_announced(&mut stream);
    drop(stream);
    // Has nothing more to send, and reads to the end.
    let mut stream = connect();
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").expect("a request");
    stream.shutdown(Shutdown::Write).expect("half a close");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and its end");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // Would go on asking.
    let mut stream = connect();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n").expect("a request");
    read_announced(&mut stream);
    open.push(stream);
    // Leaves in the middle of its request, and with its answer unread.
    connect().write_all(b"GET /li").expect("half a request");
    connect().write_all(b"GET /livez HTTP/1.1\r\n\r\n").expect("a request");
    // Says nothing.
    open.push(connect());
    open
}

fn read_announced(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}\n") {
        let mut piece = [0; 256];
        let length = stream.read(&mut piece).expect("an answer");
        assert!(length > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..length]);
    }
}

/// Connects again and again until it is told to end, so that some are still to be accepted when castoff goes.
fn crowd(port: u16, end: &Arc<AtomicBool>) -> JoinHandle<()> {
    let end = Arc::clone(end);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while !end.load(Ordering::Relaxed) {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
                drop(stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"));
                open.push(stream);
            }
        }
    })
}

#[test]
fn the_application_binds_the_port_at_once_a_hundred_times_in_a_row() {
    let _alone = crate::harness::heavy();
    let port = port();
    let application = [witness().display().to_string(), "bind".into(), port.to_string()];
    for time in 0..TIMES {
        let home = Scratch::new("handover");
        let mut run = waiting(&home, port).command(&application);
        if time % 5 == 1 {
            run = run.option(["--init"]);
        }
        let mut running = run.spawn();
        until_listening(&mut running);
        let open = probe(port);
        let end = Arc::new(AtomicBool::new(false));
        let crowd = (time % 4 == 0).then(|| crowd(port, &end));
        home.write("ready", "");
        let run = running.wait();
        end.store(true, Ordering::Relaxed);
        drop(crowd.map(JoinHandle::join));
        assert_eq!(run.succeeds().stdout, BOUND, "the {time}th time");
        drop(open);
    }
}

/// Whoever closes first keeps the connection for a minute, and it is to be the client.
#[test]
fn a_thousand_clients_that_read_to_the_end_find_it_and_leave_nothing() {
    let _alone = crate::harness::heavy();
    let (home, port) = (Scratch::new("thousand"), port());
    let mut running = waiting(&home, port).command(["/bin/true"]).spawn();
    until_listening(&mut running);
    let clients = (0..40).map(|_| std::thread::spawn(move || (0..25).for_each(|_| expect_live(port))));
    for client in clients.collect::<Vec<_>>() {
        client.join().expect("every answer has an end");
    }
    home.write("ready", "");
    running.wait().succeeds();
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("/proc");
    let ours =
        |line: &&str| line.split_whitespace().nth(1).is_some_and(|it| it.ends_with(&format!(":{port:04X}")));
    assert_eq!(sockets.lines().filter(ours).collect::<Vec<_>>(), Vec::<&str>::new());
}

fn expect_live(port: u16) {
    assert_eq!(ask(port, "GET", "/livez").0, 200);
}

/// Without all this care the same application does not find its port free.
#[test]
fn a_server_that_closes_in_the_ordinary_way_keeps_the_port_from_the_application() {
    let port = port();
    let server = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    let client = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let (accepted, _) = server.accept().expect("a connection");
    drop(accepted);
    drop((client, server));
    let bind = Run::new(["--", "app"]).command([witness()]).directly();
    let said = bind.option(["bind".to_owned(), port.to_string()]).output().succeeds().stdout;
    assert!(said.contains("Address in use"), "{said}");
}
