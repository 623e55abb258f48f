//! refinery 0.10: `V<VERSION>__<NAME>.sql`, `refinery_schema_history`; `refinery_core`, with the library's policies.

use std::hash::{Hash as _, Hasher as _};

use siphasher::sip::SipHasher13;

use crate::harness::{Database, Engine};
use crate::tool::{
    Aftermath, Cause, Habits, Ledger, Lock, Outcome, Recorded, Script, TextRow, Tool, row, truth,
};

conformance!(Refinery);

struct Refinery;

impl Tool for Refinery {
    fn name(&self) -> &'static str {
        "refinery"
    }

    fn files(&self, script: &Script) -> Vec<(String, String)> {
        vec![(format!("V{}__{}.sql", script.number, script.name), script.sql.clone())]
    }

    fn id(&self, script: &Script) -> String {
        script.number.to_string()
    }

    /// There is no way to ask for it.
    fn runs_apart(&self, engine: Engine) -> bool {
        engine == Engine::MySql
    }

    fn ledger(&self, _: Engine) -> Ledger {
        Ledger {
            table: "refinery_schema_history",
            create: vec![
                "CREATE TABLE IF NOT EXISTS {table}(\n             version int4 PRIMARY KEY,\n             \
                 name VARCHAR(255),\n             applied_on VARCHAR(255),\n             checksum VARCHAR(255));",
            ],
            columns: vec!["version", "name", "applied_on LIKE '20__-__-__T__:__:__.%Z'", "checksum"],
            order: "version",
        }
    }

    /// `Migration::unapplied`, with the library that it uses.
    fn rows(&self, engine: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow> {
        let mut rows: Vec<_> = recorded.iter().collect();
        rows.sort_by_key(|recorded| recorded.script.number);
        let text = |Recorded { script, content, .. }: &Recorded<'_>| {
            let version = i32::try_from(script.number).expect("a version");
            let mut hasher = SipHasher13::new();
            script.name.hash(&mut hasher);
            version.hash(&mut hasher);
            str::from_utf8(content).expect("UTF-8").hash(&mut hasher);
            row([&version.to_string(), &script.name, truth(engine, true), &hasher.finish().to_string()])
        };
        rows.into_iter().map(text).collect()
    }

    /// `Runner::new` sets `abort_divergent` and `abort_missing`; a version below the last one is missing as well.
    fn habits(&self) -> Habits {
        Habits {
            sees_edited: true,
            fails_on_edited: true,
            sees_gaps: true,
            fails_on_missing: true,
            out_of_order: "fail",
        }
    }

    /// Every migration runs in a transaction, and its row is written afterwards.
    fn aftermath(&self, engine: Engine, _: Cause, _: bool) -> Aftermath {
        Aftermath { mark: None, stays: engine == Engine::MySql, blocks: false }
    }

    fn locks(&self, _: &Database) -> Vec<Lock> {
        Vec::new()
    }

    /// It is part of the text that is sent.
    fn byte_order_mark(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Applied } else { Outcome::Fails }
    }

    /// There is one around it already, and SQLite nests none.
    fn transaction_of_its_own(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Fails } else { Outcome::Applied }
    }

    /// A name is one word, in any script; other files are passed over.
    fn odd_name(&self) -> &'static str {
        "añadir_pedidos_表"
    }
}
