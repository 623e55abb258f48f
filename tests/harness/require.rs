//! What to do where a machine cannot run a test: never skip quietly.

/// Says loudly that a test is not run; fails instead where `what` must be there.
///
/// `CI` demands everything; `CASTOFF_REQUIRE=postgres,mariadb` demands what it names.
pub(crate) fn missing(what: &str, why: &str) {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let demanded = is_demanded(what, &variable("CI"), &variable("CASTOFF_REQUIRE"));
    assert!(!demanded, "{what} is required here and missing: {why}");
    eprintln!("\n*** NOT TESTED: {what} is missing: {why} ***\n");
}

/// Whether these values of `CI` and `CASTOFF_REQUIRE` forbid to go without `what`.
pub(crate) fn is_demanded(what: &str, ci: &str, require: &str) -> bool {
    !["", "0", "false"].contains(&ci) || require.split(',').any(|name| name.trim() == what)
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
