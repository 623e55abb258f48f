//! `.down.` files: `readDown` and `runMigrations` of `migrate.go`.

use super::history::{self, NOTHING};
use super::{Direction, GolangMigrate, atomicity, scripts};
use crate::exit::Result;
use crate::format::{Files, Migration, Repair, Site, Step, Told, Turn, Undo};

impl Undo for GolangMigrate {
    fn read_back(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>> {
        let mut found = scripts(files, Direction::Down, told)?;
        found.retain(|(name, _)| name.direction == Direction::Down);
        Ok(found.into_iter().map(|(_, migration)| migration).collect())
    }

    /// golang-migrate takes a file that is not there for one that undoes nothing, and leaves behind what the next way up
    /// then stumbles over.
    fn how_to_write(&self, migration: &Migration) -> String {
        let name = migration.file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let down = name.rfind(".up.").map(|at| {
            let (title, rest) = name.split_at_checked(at).unwrap_or_default();
            format!("{title}{}", rest.replacen(".up.", ".down.", 1))
        });
        format!("write {} beside it, empty if nothing is to be undone", down.unwrap_or_default())
    }

    /// `SetVersion(target, true)`, the script, `SetVersion(target, false)`: the row is that of the version before.
    fn step_back(&self, at: &Site<'_>, turn: &Turn<'_>) -> Step {
        let Turn { migration, resumed, previous } = *turn;
        let begun = || history::row(previous.or(Some(NOTHING)), true);
        Step {
            migration: migration.clone(),
            resumed,
            atomicity: atomicity(at.engine, migration),
            mark: if resumed { Vec::new() } else { begun() },
            before: Vec::new(),
            after: match previous {
                Some(previous) => history::clean(at.engine, previous),
                None => history::row(None, false),
            },
            finally: Vec::new(),
            failed: begun(),
            undo: history::row(Some(&migration.id), false),
            back: Some(repair(&migration.id, previous)),
        }
    }

    /// On the way back the row is that of the version before, so the mark is as well.
    fn with_mark_of<'a>(&self, migrations: &'a [Migration], id: &str) -> Option<(&'a str, Repair)> {
        let from = if id == NOTHING {
            migrations.first()
        } else {
            migrations.iter().skip_while(|migration| migration.id != id).nth(1)
        };
        from.map(|migration| (migration.id.as_str(), repair(&migration.id, Some(id))))
    }
}

/// `Force` of `migrate.go`, in two steps, since the row is that of the version before: first it is true again, then it moves.
fn repair(id: &str, previous: Option<&str>) -> Repair {
    let rolled_back = format!("run `castoff resolve --applied {}`", previous.unwrap_or(NOTHING));
    Repair { applied: format!("{rolled_back} and then `castoff resolve --applied {id}`"), rolled_back }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::format::golang_migrate::GolangMigrate;
    use crate::format::testing::{files, site, told};
    use crate::format::{Amendment, Entry, Format, Migration, Resolution, Step, Turn, Undo};

    const FILES: [(&str, &str); 4] =
        [("1_a.up.sql", "UP"), ("1_a.down.sql", "DOWN 1"), ("3_c.down.sql", "DOWN 3"), ("2_b.up.pgsql", "")];

    fn downs() -> Vec<Migration> {
        GolangMigrate.read_back(&files(&FILES), &told(Engine::Postgres)).unwrap()
    }

    fn step(id: &str, previous: Option<&str>) -> Step {
        let downs = downs();
        let migration = downs.iter().find(|down| down.id == id).unwrap();
        GolangMigrate.step_back(&site(Engine::MySql), &Turn { migration, resumed: false, previous })
    }

    fn written(entries: &[Entry]) -> String {
        let texts = entries.iter().map(|entry| format!("{} {:?}", entry.sql, entry.params));
        texts.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn only_the_ways_down_are_run() {
        let seen: Vec<_> = downs().into_iter().map(|down| (down.id.clone(), down.text())).collect();
        assert_eq!(seen, [("1".to_owned(), "DOWN 1".to_owned()), ("3".to_owned(), "DOWN 3".to_owned())]);
    }

    #[test]
    fn the_version_before_is_dirty_meanwhile() {
        let step = step("3", Some("2"));
        assert!(written(&step.mark).contains("VALUES (?, true) [Fixed(Int(2))]"), "{:?}", step.mark);
        assert_eq!(step.failed, step.mark);
        assert!(written(&step.after).contains("dirty = false WHERE version = ? [Fixed(Int(2))]"));
        assert!(written(&step.undo).contains("VALUES (?, false) [Fixed(Int(3))]"));
    }

    #[test]
    fn before_the_first_there_is_nothing() {
        let step = step("1", None);
        assert!(written(&step.mark).contains("VALUES (?, true) [Fixed(Int(-1))]"), "{:?}", step.mark);
        assert_eq!(written(&step.after), "DELETE FROM {table} []");
    }

    #[test]
    fn a_first_one_that_was_half_undone_is_mended_in_two_steps() {
        let migrations = GolangMigrate.read(&files(&FILES), &told(Engine::Postgres)).unwrap();
        let resolve = |id: &str, row: Option<&str>| {
            let history = row.map(|version| vec![Some(version.to_owned()), Some("1".to_owned())]);
            let history: Vec<_> = history.into_iter().collect();
            let resolution = Resolution::Applied;
            let asked = Amendment { resolution, id, migrations: &migrations, history: &history };
            GolangMigrate.resolve(&site(Engine::Postgres), &asked).map(|entries| written(&entries)).unwrap()
        };
        let said = step("1", None).back.unwrap().applied;
        assert_eq!(said, "run `castoff resolve --applied -1` and then `castoff resolve --applied 1`");
        assert_eq!(resolve("-1", Some("-1")), "DELETE FROM {table} []");
        assert!(resolve("1", None).contains("VALUES (?, false) [Fixed(Int(1))]"));
    }

    #[test]
    fn a_file_without_a_way_down_is_told_how_to_get_one() {
        let migrations = GolangMigrate.read(&files(&FILES), &told(Engine::Postgres)).unwrap();
        let said = GolangMigrate.how_to_write(&migrations[1]);
        assert_eq!(said, "write 2_b.down.pgsql beside it, empty if nothing is to be undone");
    }
}
