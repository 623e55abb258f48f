//! Every secret the tests use, and the search for them in everything castoff prints.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Invents a password nobody has used, with characters that mean something to URLs and shells.
pub(crate) fn invent() -> String {
    let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(16).collect();
    let password = format!("S7#tY^{noise}+x%S8!n@V:9/d?&=");
    register(&password);
    password
}

/// From now on no output of castoff may hold this value, nor its percent-encoded form.
pub(crate) fn register(secret: &str) {
    assert!(secret.len() >= 8, "too short to be searched for without false alarms");
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    for form in [secret.to_owned(), encode(secret)] {
        if !secrets.contains(&form) {
            secrets.push(form);
        }
    }
}

/// Percent-encodes everything but letters and digits.
pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Fails if one of the outputs holds a secret; keeps them all in the transcript.
///
/// Done as each process is collected, so that no test can come too early or too late for it.
pub(crate) fn inspect(what: &str, outputs: &[&[u8]]) {
    append(what, outputs);
    for output in outputs {
        if let Some(secret) = leak(output) {
            panic!("{what} printed the secret {secret:?}:\n{}", String::from_utf8_lossy(output));
        }
    }
}

/// The first secret this output holds, plain, percent-encoded, or as JSON writes it.
pub(crate) fn leak(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let held = |secret: &&String| {
        let escaped = serde_json::to_string(secret).expect("a string");
        text.contains(secret.as_str()) || text.contains(escaped.trim_matches('"'))
    };
    secrets.iter().find(held).cloned()
}

/// One file per test process: what every castoff it ran has printed.
pub(crate) fn transcript() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("transcript");
        fs::create_dir_all(&directory).expect("the transcript's directory");
        let path = directory.join(format!("{}.log", std::process::id()));
        fs::write(&path, "").expect("the transcript is begun");
        path
    })
}

fn append(what: &str, outputs: &[&[u8]]) {
    static ONE: Mutex<()> = Mutex::new(());
    let _guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut file = OpenOptions::new().append(true).open(transcript()).expect("the transcript opens");
    writeln!(file, "=== {what}").expect("the transcript is written");
    for output in outputs {
        file.write_all(output).expect("the transcript is written");
    }
}
