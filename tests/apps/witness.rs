//! The application of the container tests: says which process it is, and ends well when it is told to stop.
//!
//! Built by the tests with `rustc` alone, static, so that it runs in an image that holds nothing else.

use std::os::unix::fs::MetadataExt;

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn pause() -> i32;
    fn _exit(code: i32) -> !;
}

const SIGTERM: i32 = 15;

extern "C" fn stop(_: i32) {
    // SAFETY: `_exit` may be called from a signal handler.
    unsafe { _exit(0) }
}

fn main() {
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
