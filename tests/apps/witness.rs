//! The application of the tests. By itself it says which process it is, and ends well when it is told to stop; called with
//! `bind PORT` it binds that port as a server does that never heard of `SO_REUSEADDR`, and says what came of it.
//!
//! Built by the tests with `rustc` alone, static, so that it runs in an image that holds nothing else.

use std::os::unix::fs::MetadataExt;

unsafe extern "C" {
    fn socket(family: i32, kind: i32, protocol: i32) -> i32;
    fn bind(socket: i32, address: *const Address, length: u32) -> i32;
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn pause() -> i32;
    fn _exit(code: i32) -> !;
}

const SIGTERM: i32 = 15;

extern "C" fn stop(_: i32) {
    // SAFETY: `_exit` may be called from a signal handler.
    unsafe { _exit(0) }
}

/// `struct sockaddr_in`: a port of every address.
#[repr(C)]
struct Address {
    family: u16,
    port: [u8; 2],
    host: [u8; 4],
    rest: [u8; 8],
}

fn bind_to(port: u16) {
    let address = Address { family: 2, port: port.to_be_bytes(), host: [0; 4], rest: [0; 8] };
    // SAFETY: the address lives, and is as long as is said.
    let bound = unsafe { bind(socket(2, 1, 0), &address, size_of::<Address>() as u32) };
    match bound {
        0 => println!("application: bound"),
        _ => {
            println!("application: {}", std::io::Error::last_os_error());
            // Who has it.
            let port = format!(":{port:04X}");
            for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
                let sockets = std::fs::read_to_string(table).expect("/proc");
                let ours = |line: &&str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port));
                sockets.lines().filter(ours).for_each(|line| println!("{line}"));
            }
        }
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("bind") {
        return bind_to(std::env::args().nth(2).and_then(|port| port.parse().ok()).expect("a port"));
    }
    // SAFETY: the handler does nothing but `_exit`.
    unsafe { signal(SIGTERM, stop) };
    let user = std::fs::metadata("/proc/self").expect("/proc").uid();
    let name = std::fs::read_to_string("/proc/self/comm").expect("/proc");
    let writable = std::fs::write("/written", "").is_ok();
    println!("application: pid={} uid={user} comm={} writable={writable}", std::process::id(), name.trim());
    loop {
        // SAFETY: returns only after a handler has.
        unsafe { pause() };
    }
}
