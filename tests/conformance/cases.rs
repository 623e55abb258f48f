//! The list of cases, and a test of each for every engine.

use crate::harness::{Database, Engine};
use crate::site::Site;
use crate::tool::Tool;

/// Every case as tests of one tool; the last line of its description.
macro_rules! conformance {
    ($tool:ident) => {
        $crate::cases::tests! { $tool
            apply [postgres mariadb sqlite]
                cold_apply
                the_history_table
                nothing_pending
                one_more_pending;
            plan [postgres mariadb sqlite]
                what_is_shown_is_what_is_sent
                nothing_to_show;
            drift [postgres mariadb sqlite]
                edited_file
                missing_in_the_middle
                ahead
                ahead_with_something_pending
                out_of_order;
            broken [postgres mariadb sqlite]
                failure_in_the_middle
                failure_without_a_transaction
                killed_in_the_middle
                killed_without_a_transaction
                stopped_in_the_middle
                finished_by_hand
                undone_by_hand;
            broken [postgres sqlite]
                row_that_cannot_be_written;
            back [postgres mariadb sqlite]
                the_newest_goes_first
                several_at_once
                nothing_is_reverted_unless_all_can_be
                failure_on_the_way_down
                failure_on_the_way_down_without_a_transaction
                killed_on_the_way_down
                stopped_on_the_way_down;
            back [postgres]
                lost_on_the_way_down
                the_lock_is_needed;
            herd [postgres mariadb sqlite]
                twenty_in_the_middle_of_a_slow_migration
                fifty_at_once
                one_failure_is_one_failure;
            queue [postgres mariadb]
                behind_a_reader
                behind_a_reader_who_stays;
            queue [postgres]
                behind_a_reader_in_a_transaction_of_its_own;
            text [postgres mariadb sqlite]
                windows_line_ends
                byte_order_mark
                empty_directory
                duplicate_version
                not_utf8
                five_megabytes
                spaces_and_unicode_in_names
                transaction_of_its_own;
            text [postgres]
                emptied_search_path;
        }
    };
}

macro_rules! tests {
    ($tool:ident $($topic:ident $engines:tt $($case:ident)+;)+) => {
        $($(
            mod $case {
                $crate::cases::tests!(@on $tool $topic $case $engines);
            }
        )+)+
    };
    (@on $tool:ident $topic:ident $case:ident [$($engine:ident)+]) => {
        $(
            #[test]
            fn $engine() {
                $crate::cases::run(&super::$tool, stringify!($engine), $crate::$topic::$case);
            }
        )+
    };
}
pub(crate) use tests;

/// Runs a case in a database of its own.
pub(crate) fn run(tool: &'static dyn Tool, engine: &str, case: fn(&Site)) {
    let engine = match engine {
        "postgres" => Engine::Postgres,
        "mariadb" => Engine::MySql,
        _ => Engine::Sqlite,
    };
    if let Some(database) = Database::on(engine) {
        case(&Site { tool, database });
    }
}
