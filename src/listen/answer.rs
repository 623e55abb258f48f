//! What is said to a request, of which only the first line counts.

use crate::phase::Phase;

/// Whether a request's head has arrived whole. Empty lines before it are passed over, as RFC 9112 asks.
pub(super) fn is_complete(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    [&b"\r\n\r\n"[..], b"\n\n"].iter().any(|end| head.windows(end.len()).any(|bytes| bytes == *end))
}

/// The whole answer to a head.
pub(super) fn to(head: &[u8], phase: Phase) -> String {
    let Some((method, path)) = request(head) else {
        return response("400 Bad Request", "", "this is no request of HTTP/1.x\n", true);
    };
    let with_body = method != "HEAD";
    let status = match path {
        "/livez" => "200 OK",
        "/readyz" => "503 Service Unavailable",
        _ => return response("404 Not Found", "", "castoff answers /livez and /readyz\n", with_body),
    };
    if !matches!(method, "GET" | "HEAD") {
        return response("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "only GET and HEAD\n", with_body);
    }
    let body = format!("{{\"phase\":\"{}\"}}\n", phase.name());
    response(status, "Cache-Control: no-store\r\n", &body, with_body)
}

/// The answer to a head longer than anybody's.
pub(super) fn to_endless_head() -> String {
    response("431 Request Header Fields Too Large", "", "the request is too long\n", true)
}

/// Method and path of a head; the path of `http://host/path?query` too, which a proxy may ask for.
fn request(head: &[u8]) -> Option<(&str, &str)> {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.trim_end().split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/1.") {
        return None;
    }
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => target,
    };
    Some((method, path.split('?').next()?))
}

fn response(status: &str, headers: &str, body: &str, with_body: bool) -> String {
    let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
    let length = body.len();
    let body = if with_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::{is_complete, to};
    use crate::phase::Phase;

    fn status(head: &str) -> u16 {
        let answer = to(head.as_bytes(), Phase::Lock);
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn every_request_has_its_status() {
        for (line, expected) in [
            ("GET /livez HTTP/1.1", 200),
            ("GET /livez HTTP/1.0", 200),
            ("HEAD /livez HTTP/1.1", 200),
            ("GET /livez?verbose=1 HTTP/1.1", 200),
            ("GET http://10.0.0.7:8080/livez HTTP/1.1", 200),
            ("GET /readyz HTTP/1.1", 503),
            ("HEAD /readyz HTTP/1.1", 503),
            ("GET / HTTP/1.1", 404),
            ("GET /livez/ HTTP/1.1", 404),
            ("POST /nothing HTTP/1.1", 404),
            ("POST /livez HTTP/1.1", 405),
            ("get /livez HTTP/1.1", 405),
            ("GET /livez", 400),
            ("GET /livez HTTP/2.0", 400),
            ("GET  /livez HTTP/1.1", 400),
            ("GET http://10.0.0.7:8080 HTTP/1.1", 400),
            ("\u{16}\u{3}\u{1}", 400),
        ] {
            assert_eq!(status(&format!("{line}\r\nHost: x\r\n\r\n")), expected, "{line:?}");
        }
        assert_eq!(status("\r\nGET /livez HTTP/1.1\n\n"), 200, "what RFC 9112 asks to tolerate");
    }

    #[test]
    fn the_phase_is_told_and_the_head_alone_where_that_was_asked_for() {
        let answer = to(b"GET /readyz HTTP/1.1\r\n\r\n", Phase::Migrate);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "{\"phase\":\"migrate\"}\n");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())) && head.contains("application/json")
        );
        let alone = to(b"HEAD /readyz HTTP/1.1\r\n\r\n", Phase::Migrate);
        assert_eq!(alone, format!("{head}\r\n\r\n"));
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        for (head, complete) in [
            ("GET / HTTP/1.1\r\n", false),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r", false),
            ("\r\n\r\nGET / HTTP/1.1\r\n", false),
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\n\nrest", true),
        ] {
            assert_eq!(is_complete(head.as_bytes()), complete, "{head:?}");
        }
    }
}
