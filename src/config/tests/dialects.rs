use super::{NOWHERE, bad_url, target, url, with};
use crate::engine::Engine;
use crate::target::{Host, SessionAttrs, TlsMode};

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp(name.to_owned(), port)
}

fn unix(path: &str, port: u16) -> Host {
    Host::Unix(path.into(), port)
}

#[test]
fn every_documented_dialect_of_a_server_leads_to_the_same_place() {
    for scheme in
        ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg", "postgis", "jdbc:postgresql"]
    {
        let config = url(&format!("{scheme}://app@db:5433/shop"));
        let target = target(&config);
        assert_eq!(
            (target.engine, target.address().as_str()),
            (Engine::Postgres, "db:5433/shop"),
            "{scheme}"
        );
    }
    for scheme in ["mysql", "mysql2", "mysql+pymysql", "mariadb", "jdbc:mysql", "jdbc:mariadb"] {
        let config = url(&format!("{scheme}://app@db/shop"));
        let target = target(&config);
        assert_eq!((target.engine, target.address().as_str()), (Engine::MySql, "db:3306/shop"), "{scheme}");
    }
    for text in ["sqlite:app.db", "sqlite3:app.db", "sqlite://app.db", "file:./app.db", "jdbc:sqlite:app.db"]
    {
        assert_eq!(target(&url(text)).database, format!("{NOWHERE}/app.db"), "{text}");
    }
    assert_eq!(target(&url("sqlite:///data/app.db")).database, "/data/app.db");
}

#[test]
fn hosts_come_in_every_form() {
    for (text, hosts) in [
        ("postgres://u@[::1]/d", vec![tcp("::1", 5432)]),
        ("postgres://u@[::1]:1,h2,h3:3/d", vec![tcp("::1", 1), tcp("h2", 5432), tcp("h3", 3)]),
        ("postgres://u@%2Fvar%2Frun%2Fpg:5433/d", vec![unix("/var/run/pg", 5433)]),
        ("postgres://u@/d?host=/var/run/pg", vec![unix("/var/run/pg", 5432)]),
        ("postgres://u@localhost/d?host=%2Frun&port=7", vec![unix("/run", 7)]),
        ("postgres://u@h:1/d?host=a,b&port=2,3", vec![tcp("a", 2), tcp("b", 3)]),
        ("postgres://u@/d?hostaddr=10.0.0.1", vec![tcp("10.0.0.1", 5432)]),
        ("postgres://u@h:7/d?hostaddr=10.0.0.1", vec![tcp("10.0.0.1", 7)]),
        ("postgres://u@h:7/d?hostaddr=10.0.0.1&sslmode=verify-full&sslrootcert=system", vec![tcp("h", 7)]),
        ("postgres://u@localhost:7/d?host=/run", vec![unix("/run", 7)]),
        (
            "postgres://u@/d?host=h&hostaddr=10.0.0.1&sslmode=verify-full&sslrootcert=system",
            vec![tcp("h", 5432)],
        ),
        ("mysql://u@localhost/d?socket=/run/mysqld.sock", vec![unix("/run/mysqld.sock", 3306)]),
        ("mysql://u@localhost/d?socket=(/run/mysqld.sock)", vec![unix("/run/mysqld.sock", 3306)]),
        ("mysql+pymysql://u@/d?unix_socket=/run/mysqld.sock", vec![unix("/run/mysqld.sock", 3306)]),
        ("mysql://u@tcp(h:1)/d", vec![tcp("h", 1)]),
        ("mysql://u@unix(/run/m.sock)/d", vec![unix("/run/m.sock", 3306)]),
        ("mysql://u@/d", vec![tcp("localhost", 3306)]),
    ] {
        assert_eq!(target(&url(text)).hosts, hosts, "{text}");
    }
    assert!(bad_url("postgres://u@h1,h2,h3/d?port=1,2").contains("2 ports for 3 hosts"));
}

#[test]
fn jdbc_takes_user_and_password_behind_the_question_mark() {
    for text in ["jdbc:postgresql://h/d?user=u&password=p%23", "jdbc:mysql://h/d?user=u&password=p%23"] {
        let config = url(text);
        assert_eq!((target(&config).user.as_str(), super::password(&config)), ("u", Some("p#")), "{text}");
    }
}

#[test]
fn what_a_url_leaves_out_libpq_says() {
    let config = url("postgres://app@db");
    assert_eq!((target(&config).database.as_str(), &target(&config).hosts[0]), ("app", &tcp("db", 5432)));
    assert!(bad_url("mysql://app@db").contains("CASTOFF_DATABASE_NAME"));
    assert!(bad_url("mysql://db/d").contains("user"));
}

#[test]
fn on_a_unix_socket_nothing_is_encrypted() {
    for mode in ["require", "verify-full"] {
        let config = url(&format!("postgres://u@/d?host=/run/pg&sslmode={mode}"));
        assert_eq!(target(&config).tls.mode, TlsMode::Disable);
    }
}

#[test]
fn a_url_for_go_s_sqlite_driver_says_whether_foreign_keys_hold() {
    let foreign_keys = |text: &str| target(&url(text)).settings.clone();
    let as_said = |value: &str| vec![("foreign_keys".to_owned(), value.to_owned())];
    assert_eq!(foreign_keys("sqlite:app.db?_fk=1"), as_said("ON"));
    assert_eq!(foreign_keys("sqlite3:app.db?_foreign_keys=off"), as_said("OFF"));
    assert_eq!(foreign_keys("sqlite:app.db"), []);
    assert!(bad_url("sqlite:app.db?_fk=perhaps").contains("_fk"));
}

#[test]
fn prismas_schema_is_the_search_path_quoted() {
    let config = url("postgresql://u@h/d?schema=My\"schema&connection_limit=5&pgbouncer=true");
    assert_eq!(target(&config).schema.as_deref(), Some("My\"schema"));
    assert_eq!(target(&config).settings, [("search_path".to_owned(), "\"My\"\"schema\"".to_owned())]);
    assert_eq!(config.notes.len(), 1);
    assert!(config.notes[0].ends_with("connection_limit, pgbouncer"), "{:?}", config.notes);
}

#[test]
fn every_way_to_choose_a_schema_is_a_search_path() {
    for text in [
        "postgres://u@h/d?search_path=a,b",
        "jdbc:postgresql://u@h/d?currentSchema=a,b",
        "postgres://u@h/d?options=-c%20search_path%3Da,b",
        "postgres://u@h/d?options=--search_path%3Da,b",
        "postgres://u@h/d?options[search_path]=a,b",
        "postgres://u@h/d?search_path=a,b&options=-csearch_path%3Da,b",
    ] {
        let config = url(text);
        assert_eq!(target(&config).settings, [("search_path".to_owned(), "a,b".to_owned())], "{text}");
    }
    assert!(bad_url("postgres://u@h/d?schema=a&search_path=b").contains("schema twice"));
    assert!(bad_url("postgres://u@h/d?options=-d5").contains("options"));
}

#[test]
fn a_schema_means_nothing_to_the_other_engines_and_that_is_said() {
    for parameter in
        ["schema=a", "search_path=a", "currentSchema=a", "options=-c%20a%3Db", "target_session_attrs=any"]
    {
        for base in ["mysql://u@h/d", "sqlite:/data/app.db"] {
            let why = bad_url(&format!("{base}?{parameter}"));
            assert!(why.contains("means nothing to"), "{why}");
        }
    }
}

#[test]
fn session_attributes_are_libpqs() {
    for (word, attrs) in [
        ("any", SessionAttrs::Any),
        ("read-write", SessionAttrs::ReadWrite),
        ("primary", SessionAttrs::ReadWrite),
        ("read-only", SessionAttrs::ReadOnly),
        ("standby", SessionAttrs::ReadOnly),
        ("prefer-standby", SessionAttrs::PreferStandby),
    ] {
        let config = url(&format!("postgres://u@h/d?target_session_attrs={word}"));
        assert_eq!(target(&config).session_attrs, attrs);
    }
    assert!(bad_url("postgres://u@h/d?target_session_attrs=best").contains("`best`"));
}

#[test]
fn golang_migrate_s_parameters_are_read_on_every_engine() {
    for base in ["postgres://u@h/d", "mysql://u@h/d", "sqlite3:/data/app.db"] {
        assert!(bad_url(&format!("{base}?x-multi-statement=perhaps")).contains("x-multi-statement"));
        let config = url(&format!("{base}?x-multi-statement=true&x-migrations-table=done"));
        assert_eq!(config.history_table.unwrap().name, "done");
        assert!(config.database.unwrap().splits_scripts());
    }
}

#[test]
fn parameters_that_mean_nothing_to_castoff_are_ignored_in_one_line() {
    let config = url(
        "postgres://u@h/d?connect_timeout=3&application_name=hunter2&pool_timeout=1&statement_cache_size=0&keepalives=1",
    );
    assert_eq!(config.notes.len(), 1);
    assert!(!config.notes[0].contains("hunter2"));
    assert!(config.warnings.is_empty());
}

#[test]
fn parameters_may_come_apart_from_the_url() {
    let config = with(&[
        ("DATABASE_URL", "postgres://u@h/d?sslmode=disable"),
        ("CASTOFF_DATABASE_PARAMS", "?schema=s&sslmode=require"),
    ]);
    assert_eq!(target(&config).schema.as_deref(), Some("s"));
    assert_eq!(target(&config).tls.mode, TlsMode::Disable);
}

#[test]
fn a_database_in_memory_is_refused() {
    for text in ["sqlite::memory:", "sqlite://:memory:", "sqlite:", "sqlite:app.db?mode=memory"] {
        assert!(bad_url(text).contains("memory"), "{text}: {}", bad_url(text));
    }
}
