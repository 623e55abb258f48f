//! The application of the tests, built with `rustc` alone, static, so that it runs in an image that holds nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where it is; built once.
pub(crate) fn witness() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        // The test binaries may run side by side.
        let name = format!("witness-{}", env!("CARGO_CRATE_NAME"));
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut rustc = Command::new("rustc");
        rustc
            .args(["--edition=2024", "--target=x86_64-unknown-linux-musl", "-Copt-level=z", "-o"])
            .arg(&program);
        rustc.arg("tests/apps/witness.rs").current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(rustc.status().expect("rustc runs").success(), "the application is built");
        program
    };
    BUILT.get_or_init(build).clone()
}
