//! SQL callbacks: which of them `migrate` runs, and when (`DbMigrate.java`, `DbValidate.java`).
//!
//! Those around each migration run in its transaction and are parts of it. The others run by themselves, in a transaction of
//! their own, and stand in the list where their moment is.

/// When the file of a callback is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// Before anything else, once.
    BeforeValidate,
    /// Behind that; castoff has held the files against the history by then.
    AfterValidate,
    /// Before the first migration.
    BeforeMigrate,
    /// Before each one.
    BeforeEach,
    /// After each one.
    AfterEach,
    /// After the last versioned one, whether there is any.
    AfterVersioned,
    /// Before the first repeatable one, if there is any.
    BeforeRepeatables,
    /// After the last one, where something was applied: whenever castoff gets there.
    AfterMigrateApplied,
    /// Behind that.
    AfterMigrate,
    /// By no command that castoff stands in for.
    Never,
    /// When castoff cannot run it.
    Unfollowed,
}

/// When `migrate` runs the callbacks of an event.
pub(super) fn moment(event: &str, baselines: bool) -> Moment {
    match event {
        "beforeValidate" => Moment::BeforeValidate,
        "afterValidate" => Moment::AfterValidate,
        "beforeMigrate" => Moment::BeforeMigrate,
        "beforeEachMigrate" => Moment::BeforeEach,
        "afterEachMigrate" => Moment::AfterEach,
        "afterVersioned" => Moment::AfterVersioned,
        "beforeRepeatables" => Moment::BeforeRepeatables,
        "afterMigrateApplied" => Moment::AfterMigrateApplied,
        "afterMigrate" => Moment::AfterMigrate,
        // `migrate` runs `baseline` where it writes the marker.
        "beforeBaseline" | "afterBaseline" | "afterBaselineError" if baselines => Moment::Unfollowed,
        _ if OF_OTHER_COMMANDS.iter().any(|command| event.contains(command)) => Moment::Never,
        _ => Moment::Unfollowed,
    }
}

const OF_OTHER_COMMANDS: [&str; 8] =
    ["Clean", "Undo", "Baseline", "Repair", "Info", "Deploy", "Prepare", "Snapshot"];

/// What is said of a callback that castoff cannot run.
pub(super) fn unfollowed(event: &str) -> String {
    format!(
        "castoff does not run {event}, and leaves nothing out that Flyway would run; put its statements into \
         another callback or take it out of the image, or keep Flyway for these migrations"
    )
}

#[cfg(test)]
mod tests {
    use super::{Moment, moment};

    #[test]
    fn every_event_of_migrate_has_its_moment_or_is_refused() {
        assert_eq!(moment("beforeEachMigrate", false), Moment::BeforeEach);
        assert!(moment("beforeMigrate", false) < moment("afterVersioned", false));
        assert!(moment("afterMigrateApplied", false) < moment("afterMigrate", false));
        for event in ["afterMigrateError", "beforeEachMigrateStatement", "createSchema", "afterConnect"] {
            assert_eq!(moment(event, false), Moment::Unfollowed, "{event}");
        }
        for event in ["beforeClean", "afterRepair", "afterInfo", "afterEachUndoStatement"] {
            assert_eq!(moment(event, true), Moment::Never, "{event}");
        }
        assert_eq!(moment("afterBaseline", false), Moment::Never);
        assert_eq!(moment("afterBaseline", true), Moment::Unfollowed);
    }
}
