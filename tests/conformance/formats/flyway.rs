//! Flyway, community edition 13: `V<version>__<description>.sql` in any folder, `flyway_schema_history`;
//! `flyway-core/src/main/java/org/flywaydb/core` of flyway/flyway.

use crate::harness::{Database, Engine, keys};
use crate::tool::{
    Aftermath, Cause, Habits, Ledger, Lock, Mark, Outcome, Recorded, Script, TextRow, Tool, row, truth,
};

conformance!(Flyway);

struct Flyway;

const TABLE: &str = "flyway_schema_history";

impl Tool for Flyway {
    fn name(&self) -> &'static str {
        "flyway"
    }

    /// What has to run outside a transaction says so beside its file.
    fn files(&self, script: &Script) -> Vec<(String, String)> {
        let file = file(script);
        let conf = (format!("{file}.conf"), "executeInTransaction=false\n".to_owned());
        let sql = (file, script.sql.clone());
        if script.apart { vec![sql, conf] } else { vec![sql] }
    }

    fn id(&self, script: &Script) -> String {
        script.number.to_string()
    }

    /// `getRawCreateScript` of each engine's `Database`.
    fn ledger(&self, engine: Engine) -> Ledger {
        let create = match engine {
            Engine::Postgres => vec![
                "CREATE TABLE {table} (\"installed_rank\" INT NOT NULL, \"version\" VARCHAR(50), \
                 \"description\" VARCHAR(200) NOT NULL, \"type\" VARCHAR(20) NOT NULL, \
                 \"script\" VARCHAR(1000) NOT NULL, \"checksum\" INTEGER, \"installed_by\" VARCHAR(100) NOT NULL, \
                 \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(), \"execution_time\" INTEGER NOT NULL, \
                 \"success\" BOOLEAN NOT NULL)",
                "ALTER TABLE {table} ADD CONSTRAINT \"{table}_pk\" PRIMARY KEY (\"installed_rank\")",
                "CREATE INDEX \"{table}_s_idx\" ON {table} (\"success\")",
            ],
            Engine::MySql => vec![
                "CREATE TABLE {table} (`installed_rank` INT NOT NULL, `version` VARCHAR(50), \
                 `description` VARCHAR(200) NOT NULL, `type` VARCHAR(20) NOT NULL, `script` VARCHAR(1000) NOT NULL, \
                 `checksum` INT, `installed_by` VARCHAR(100) NOT NULL, \
                 `installed_on` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, `execution_time` INT NOT NULL, \
                 `success` BOOL NOT NULL, CONSTRAINT PRIMARY KEY (`installed_rank`))",
                "CREATE INDEX `{table}_s_idx` ON {table} (`success`)",
            ],
            Engine::Sqlite => vec![
                "CREATE TABLE \"{table}\" (\n    \"installed_rank\" INT NOT NULL PRIMARY KEY,\n    \
                 \"version\" VARCHAR(50),\n    \"description\" VARCHAR(200) NOT NULL,\n    \
                 \"type\" VARCHAR(20) NOT NULL,\n    \"script\" VARCHAR(1000) NOT NULL,\n    \"checksum\" INT,\n    \
                 \"installed_by\" VARCHAR(100) NOT NULL,\n    \
                 \"installed_on\" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),\n    \
                 \"execution_time\" INT NOT NULL,\n    \"success\" BOOLEAN NOT NULL\n)",
                "CREATE INDEX \"main\".\"{table}_s_idx\" ON \"{table}\" (\"success\")",
            ],
        };
        Ledger {
            table: TABLE,
            create,
            columns: vec![
                "installed_rank",
                "version",
                "description",
                "type",
                "script",
                "checksum",
                "length(installed_by) > 0",
                "execution_time >= 0",
                "success",
            ],
            order: "installed_rank",
        }
    }

    /// `SchemaHistory.addAppliedMigration`; SQLite knows no users.
    fn rows(&self, engine: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow> {
        let text = |(rank, Recorded { script, content, mark }): (u32, &Recorded<'_>)| {
            let content = std::str::from_utf8(content).expect("UTF-8");
            row([
                &rank.to_string(),
                &self.id(script),
                &script.name.replace('_', " "),
                "SQL",
                &file(script),
                &checksum(content).to_string(),
                truth(engine, engine != Engine::Sqlite),
                truth(engine, true),
                truth(engine, *mark == Mark::Applied),
            ])
        };
        (1..).zip(recorded).map(text).collect()
    }

    /// `DbValidate`, with `ignoreMigrationPatterns=*:future`.
    fn habits(&self) -> Habits {
        Habits {
            sees_edited: true,
            fails_on_edited: true,
            sees_gaps: true,
            fails_on_missing: true,
            out_of_order: "fail",
        }
    }

    /// `DbMigrate.applyMigrations`: rolled back, or a row that says `success = false` until `repair`.
    fn aftermath(&self, engine: Engine, _: Cause, apart: bool) -> Aftermath {
        let stays = engine == Engine::MySql || apart;
        Aftermath { mark: stays.then_some(Mark::Failed), stays, blocks: stays }
    }

    /// `PostgreSQLAdvisoryLockTemplate` and `MySQLNamedLockTemplate`.
    fn locks(&self, database: &Database) -> Vec<Lock> {
        let name = database.name();
        match database.engine() {
            Engine::Postgres => {
                let table = keys::java_hash(&format!("\"public\".\"{TABLE}\""));
                vec![Lock::Number(77_431_708_279_161 + i64::from(table))]
            }
            Engine::MySql => {
                vec![Lock::Name(format!("Flyway-{}", keys::java_hash(&format!("`{name}`.`{TABLE}`"))))]
            }
            Engine::Sqlite => Vec::new(),
        }
    }

    /// `BomStrippingReader`.
    fn byte_order_mark(&self, _: Engine) -> Outcome {
        Outcome::Applied
    }

    /// One is around it, and SQLite nests none.
    fn transaction_of_its_own(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Fails } else { Outcome::Applied }
    }
}

/// One of them is in a folder of its own.
fn file(script: &Script) -> String {
    let folder = if script.number == 20 { "more/" } else { "" };
    format!("{folder}V{}__{}.sql", script.number, script.name)
}

/// `ChecksumCalculator`: CRC-32 of the lines without what ends them.
fn checksum(text: &str) -> i32 {
    let lines: String = text.trim_start_matches('\u{feff}').lines().collect();
    keys::crc32(lines.as_bytes()).cast_signed()
}
