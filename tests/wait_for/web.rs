//! `http:` and `https:` targets: a 2xx, and nothing else.

use castoff::exit::Exit;

use super::{OK, missing, wait_for};
use crate::harness::{Certificates, FakeConnection, FakePostgres, FakeWeb, Run, free_port, secrets};

#[test]
fn the_request_is_one_that_servers_expect() {
    let web = FakeWeb::answering(|_| "HTTP/1.1 204 No Content\r\n\r\n");
    let port = web.port();
    wait_for([format!("http://127.0.0.1:{port}/up?deep=1#part")]).output().succeeds();
    let requests = web.requests();
    let head = requests.first().expect("a request");
    assert!(head.starts_with("GET /up?deep=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nHost: 127.0.0.1:{port}\r\n")), "{head}");
    assert!(head.contains("\r\nConnection: close\r\n") && !head.contains("Authorization"), "{head}");

    let six = FakeWeb::on("::1", OK);
    wait_for([format!("http://[::1]:{}", six.port())]).output().succeeds();
    assert!(six.requests()[0].contains(&format!("\r\nHost: [::1]:{}\r\n", six.port())));
}

#[test]
fn a_password_is_sent_and_printed_nowhere() {
    let web = FakeWeb::answering(|_| "HTTP/1.1 401 Unauthorized\r\n\r\n");
    let secret = secrets::invent();
    let header = {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(format!("app:{secret}"))
    };
    secrets::register(&header);
    let target = format!("http://app:{}@127.0.0.1:{}/?key={secret}", secrets::encode(&secret), web.port());
    for level in ["info", "trace"] {
        let run = wait_for([&target.replace('?', "?x=1&").replace(&secret, &secrets::encode(&secret))]);
        let run = run.option(["--wait-timeout", "300ms", "--log-level", level]).output();
        let reason = run.exits(Exit::Unavailable).field("exit", "reason");
        assert!(reason.contains(&format!("http://127.0.0.1:{}/?…", web.port())), "{reason}");
    }
    assert!(web.requests()[0].contains(&format!("\r\nAuthorization: Basic {header}\r\n")));
}

#[test]
fn a_redirect_is_not_followed_but_named() {
    let web = FakeWeb::answering(
        |_| "HTTP/1.1 301 Moved Permanently\r\nLocation: https://web/up\r\nContent-Length: 0\r\n\r\n",
    );
    let run = missing([format!("http://127.0.0.1:{}/up", web.port())]);
    assert!(run.field("exit", "reason").contains("it answers 301, a redirect to https://web/up"), "{run}");
    assert!(run.field("exit", "hint").contains("does not follow redirects"), "{run}");
}

#[test]
fn the_end_of_the_answer_is_not_waited_for() {
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let web = FakePostgres::playing(move |connection| {
            connection.write(answer.as_bytes());
            connection.silence();
        });
        wait_for([format!("http://127.0.0.1:{}/", web.port())]).output().succeeds();
    }
}

#[test]
fn what_is_no_answer_is_waited_for() {
    let silent = FakePostgres::playing(FakeConnection::silence);
    let target = format!("http://127.0.0.1:{}/", silent.port());
    let run = wait_for([&target]).option(["--wait-timeout", "700ms", "--connect-timeout", "150ms"]);
    let run = run.output().exits(Exit::Unavailable).says("no answer within");
    assert!(silent.attempts() > 1, "one look is bounded by itself: {run}");

    let other = FakePostgres::playing(|connection| {
        connection.write(b"220 mail.example ESMTP\r\n");
        connection.silence();
    });
    missing([format!("http://127.0.0.1:{}/", other.port())]).says("not HTTP");
    let plain = FakeWeb::answering(|_| OK);
    let certificates = Certificates::of(&["localhost"]);
    let run = wait_for([format!("https://localhost:{}/", plain.port())])
        .env("SSL_CERT_FILE", &certificates.authority)
        .option(["--wait-timeout", "500ms"]);
    run.output().exits(Exit::Unavailable);
}

#[test]
fn https_is_trusted_by_the_systems_store_and_by_nothing_else() {
    let certificates = Certificates::of(&["localhost"]);
    let web = FakeWeb::encrypted(&certificates, OK);
    let target = |host: &str| wait_for([format!("https://{host}:{}/up", web.port())]);
    let trusting = |run: Run, file: &std::path::Path| run.env("SSL_CERT_FILE", file);

    trusting(target("localhost"), &certificates.authority).output().succeeds();
    assert!(web.requests()[0].starts_with("GET /up HTTP/1.1\r\n"));

    let stranger = trusting(target("localhost"), &certificates.stranger).output().exits(Exit::Refused);
    assert!(stranger.field("exit", "reason").contains(&format!("https://localhost:{}/up", web.port())));
    assert!(stranger.field("exit", "hint").contains("SSL_CERT_FILE"), "{stranger}");
    let other_name = trusting(target("127.0.0.1"), &certificates.authority).output().exits(Exit::Refused);
    assert!(other_name.field("exit", "hint").contains("name"), "{other_name}");
    let empty = trusting(target("localhost"), std::path::Path::new("/dev/null")).output();
    assert!(empty.exits(Exit::Refused).field("exit", "hint").contains("SSL_CERT_FILE"));
}

#[test]
fn the_application_keeps_the_trust_it_was_given() {
    let certificates = Certificates::of(&["localhost"]);
    let web = FakeWeb::encrypted(&certificates, OK);
    let run = Run::new(["--mode", "wait", "--", "/usr/bin/env"])
        .env("CASTOFF_WAIT_FOR", format!("https://localhost:{}/", web.port()))
        .env("SSL_CERT_FILE", &certificates.authority)
        .output()
        .succeeds();
    assert!(run.stdout.contains(&format!("SSL_CERT_FILE={}\n", certificates.authority.display())), "{run}");
}

#[test]
fn a_server_that_will_never_be_trusted_does_not_wait_for_the_others() {
    let certificates = Certificates::of(&["localhost"]);
    let web = FakeWeb::encrypted(&certificates, OK);
    let targets = [format!("tcp://127.0.0.1:{}", free_port()), format!("https://localhost:{}/", web.port())];
    let run = wait_for(targets).env("SSL_CERT_FILE", &certificates.stranger).output().exits(Exit::Refused);
    assert!(run.elapsed < std::time::Duration::from_secs(30), "{run}");
}
