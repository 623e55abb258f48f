//! `.down.sql`: `revert` of `sqlx-{postgres,mysql,sqlite}/src/migrate.rs`.

use super::{Sqlx, of_kind, on_row};
use crate::engine::Engine;
use crate::exit::Result;
use crate::format::{Atomicity, Files, Migration, Repair, Site, Step, Told, Turn, Undo};

const FORGET: &str = "DELETE FROM {table} WHERE version = ?";
const BEGUN: &str = "UPDATE {table} SET success = FALSE WHERE version = ?";
const WHOLE: &str = "UPDATE {table} SET success = TRUE WHERE version = ?";

impl Undo for Sqlx {
    fn read_back(&self, files: &Files, _: &Told<'_>) -> Result<Vec<Migration>> {
        of_kind(files, |kind| kind.is_down_migration())
    }

    /// The history knows a file by what is in it, not by its name.
    fn how_to_write(&self, migration: &Migration) -> String {
        let name = migration.file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        if let Some(name) = name.strip_suffix(".up.sql") {
            return format!("write {name}.down.sql beside it");
        }
        let name = name.trim_end_matches(".sql");
        format!("rename it to {name}.up.sql, which changes nothing, and write {name}.down.sql beside it")
    }

    /// In the script's transaction, which MySQL has none of for DDL. Without one castoff says first that the migration is not
    /// whole any more, in the words in which sqlx itself says so on MySQL.
    fn step_back(&self, at: &Site<'_>, turn: &Turn<'_>) -> Step {
        let Turn { migration, resumed, .. } = *turn;
        let entry = |sql| vec![on_row(sql, &migration.id)];
        let apart = migration.no_transaction && at.engine != Engine::MySql;
        let marked = apart || at.engine == Engine::MySql;
        let begun = if marked && !resumed { entry(BEGUN) } else { Vec::new() };
        let (mark, before) = if apart { (begun, Vec::new()) } else { (Vec::new(), begun) };
        Step {
            migration: migration.clone(),
            resumed,
            atomicity: if apart { Atomicity::Apart } else { Atomicity::Together },
            mark,
            before,
            after: entry(FORGET),
            finally: Vec::new(),
            failed: Vec::new(),
            undo: if apart { entry(WHOLE) } else { Vec::new() },
            back: Some(Repair::by_resolve(&migration.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::format::sqlx::Sqlx;
    use crate::format::testing::{files, site, told};
    use crate::format::{Atomicity, Format, Migration, Step, Turn, Undo};

    fn downs(names: &[(&str, &str)]) -> Vec<Migration> {
        Sqlx.read_back(&files(names), &told(Engine::Postgres)).unwrap()
    }

    fn step(engine: Engine, sql: &str) -> Step {
        let [migration] = &downs(&[("1_a.down.sql", sql)])[..] else { panic!("one") };
        Sqlx.step_back(&site(engine), &Turn { migration, resumed: false, previous: None })
    }

    #[test]
    fn a_way_down_has_the_version_of_what_it_takes_back() {
        let files =
            [("2_b.up.sql", ""), ("2_b.down.sql", "SELECT 2"), ("10_c.sql", ""), ("1_a.down.sql", "")];
        let seen: Vec<_> = downs(&files).into_iter().map(|down| (down.id.clone(), down.text())).collect();
        assert_eq!(seen, [("1".to_owned(), String::new()), ("2".to_owned(), "SELECT 2".to_owned())]);
    }

    #[test]
    fn the_row_goes_with_what_the_script_takes_away() {
        for engine in [Engine::Postgres, Engine::Sqlite] {
            let step = step(engine, "DROP TABLE t");
            assert_eq!(step.atomicity, Atomicity::Together);
            assert_eq!(
                (step.mark.len(), step.before.len(), step.after[0].sql.as_str()),
                (0, 0, super::FORGET)
            );
        }
    }

    #[test]
    fn what_may_be_broken_off_is_said_to_be_begun() {
        let step_on_mysql = step(Engine::MySql, "-- no-transaction\nDROP TABLE t");
        assert_eq!(step_on_mysql.atomicity, Atomicity::Together, "MySQL never honours the marker");
        assert_eq!(step_on_mysql.before[0].sql, super::BEGUN);
        let apart = step(Engine::Postgres, "-- no-transaction\nDROP INDEX CONCURRENTLY i");
        assert_eq!(apart.atomicity, Atomicity::Apart);
        assert_eq!((apart.mark[0].sql.as_str(), apart.undo[0].sql.as_str()), (super::BEGUN, super::WHOLE));
    }

    #[test]
    fn a_file_without_a_way_down_is_told_how_to_get_one() {
        let ups = files(&[("1_a.sql", ""), ("2_b.up.sql", "")]);
        let ups = Sqlx.read(&ups, &told(Engine::Postgres)).unwrap();
        assert!(Sqlx.how_to_write(&ups[0]).contains("rename it to 1_a.up.sql"));
        assert_eq!(Sqlx.how_to_write(&ups[1]), "write 2_b.down.sql beside it");
    }
}
