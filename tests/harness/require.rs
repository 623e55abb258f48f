//! What to do where a machine cannot run a test: never skip quietly.

/// Says loudly that a test is not run; fails instead where `what` must be there.
///
/// `CI` demands everything; `CASTOFF_REQUIRE=postgres,mariadb` demands what it names.
pub(crate) fn missing(what: &str, why: &str) {
    let required = std::env::var("CASTOFF_REQUIRE").unwrap_or_default();
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(
        !ci && !required.split(',').any(|name| name.trim() == what),
        "{what} is required here and missing: {why}"
    );
    eprintln!("\n*** NOT TESTED: {what} is missing: {why} ***\n");
}

/// Whether this process may make namespaces and bind low ports; loud if not.
pub(crate) fn root() -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    if !root {
        missing("root", "this test needs namespaces or a privileged port");
    }
    root
}

/// Whether the long suites run whole (`CASTOFF_FULL=1`), not as a sample.
pub(crate) fn full() -> bool {
    std::env::var_os("CASTOFF_FULL").is_some_and(|value| value == "1")
}
