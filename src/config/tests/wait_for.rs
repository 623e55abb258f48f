use super::{accepted, refused, with};
use crate::cli::Task;
use crate::config::{Awaited, Config, SECRET_VARIABLES};
use crate::target::{Secret, SessionAttrs};
use std::fs;
use std::path::Path;

const URL: (&str, &str) = ("DATABASE_URL", "postgres://app@db/app");

/// The names of what is waited for, as logs show them.
fn names(config: &Config) -> Vec<String> {
    config.wait_for.iter().map(ToString::to_string).collect()
}

fn listed(list: &str) -> Config {
    accepted("castoff wait", &[("CASTOFF_WAIT_FOR", list)])
}

fn wrong(target: &str) -> String {
    refused("castoff wait", &[("CASTOFF_WAIT_FOR", target)])
}

#[test]
fn every_kind_of_target_is_read() {
    let config = listed(
        "tcp://cache:6379, tcp://[::1]:80/,http://search:9200/health,https://[fe80::1]/,unix:///run/app.sock,\
         unix:/run/app.sock,file:///run/ready,file:/run/ready,mysql://u:p@replica/app,jdbc:postgresql://db:5/app?user=u,",
    );
    assert_eq!(
        names(&config),
        [
            "tcp://cache:6379",
            "tcp://[::1]:80",
            "http://search:9200/health",
            "https://[fe80::1]/",
            "unix:///run/app.sock",
            "unix:///run/app.sock",
            "file:///run/ready",
            "file:///run/ready",
            "replica:3306/app",
            "db:5/app"
        ]
    );
    assert!(config.database.is_none());
}

#[test]
fn the_flags_come_before_the_variable_and_each_is_one_target() {
    let variable = ("CASTOFF_WAIT_FOR", "tcp://c:3");
    let line = "castoff --wait-for tcp://a:1 wait --wait-timeout 3s";
    assert_eq!(names(&accepted(line, &[variable])), ["tcp://a:1"]);
    let line = "castoff wait --wait-for postgres://u@h1,h2:6/d --wait-for tcp://b:2";
    assert_eq!(names(&accepted(line, &[variable])), ["h1:5432,h2:6/d", "tcp://b:2"]);
}

#[test]
fn a_comma_inside_of_a_target_is_written_as_its_code() {
    let config = listed("postgres://u@h1%2Ch2/d,file:///a%2cb%25");
    assert_eq!(names(&config), ["h1:5432,h2:5432/d", "file:///a,b%"]);
}

#[test]
fn a_target_may_stand_in_a_variable_of_its_own() {
    let replica = ("DATABASE_URL_REPLICA", "postgres://u:p@r1,r2/d");
    let config = with(&[URL, ("CASTOFF_WAIT_FOR", "env:DATABASE_URL_REPLICA,tcp://a:1"), replica]);
    assert_eq!(names(&config), ["r1:5432,r2:5432/d", "tcp://a:1"]);
    let line = "castoff --wait-for env:DATABASE_URL_REPLICA migrate";
    assert_eq!(names(&accepted(line, &[URL, replica])).len(), 1);
    let why = refused(line, &[URL]);
    assert!(why.starts_with("--wait-for: env:DATABASE_URL_REPLICA names a variable"), "{why}");
}

#[test]
fn a_replica_may_be_read_only_unless_its_url_says_otherwise() {
    let attrs = |url: &str| match listed(url).wait_for[0].awaited() {
        Awaited::Database(database) => database.target().session_attrs,
        _ => panic!("{url}"),
    };
    assert_eq!(attrs("postgres://u@h1%2Ch2/d"), SessionAttrs::Any);
    assert_eq!(attrs("postgres://u@h/d?target_session_attrs=read-write"), SessionAttrs::ReadWrite);
}

#[test]
fn only_a_wait_needs_no_database() {
    let wait_for = ("CASTOFF_WAIT_FOR", "tcp://a:1");
    assert!(accepted("castoff --mode wait -- app", &[wait_for]).database.is_none());
    assert!(accepted("castoff wait", &[wait_for, URL]).database.is_some());
    for line in ["castoff migrate", "castoff -- app", "castoff status"] {
        assert!(refused(line, &[wait_for]).contains("no database is configured"), "{line}");
    }
    for line in ["castoff wait", "castoff --mode wait -- app"] {
        let why = refused(line, &[]);
        assert!(why.contains("DATABASE_URL") && why.contains("--wait-for"), "{line}: {why}");
    }
    assert_eq!(accepted("castoff status", &[wait_for, URL]).task, Task::Status { json: false });
}

#[test]
fn a_malformed_target_is_named_with_its_place_and_an_example() {
    for (target, part) in [
        ("db", "tcp://cache:6379"),
        ("db:5432", "tcp://cache:6379"),
        ("tcp:db:5432", "`//`"),
        ("tcp://db", "port is missing"),
        ("tcp://:5432", "one host and its port"),
        ("tcp://db:0", "1 to 65535"),
        ("tcp://a:1%2Cb:2", "one host and its port"),
        ("tcp://db:5432/app", "not a number"),
        ("redis://:hunter2@cache:6379", "`redis://`"),
        ("http:web", "`//`"),
        ("http:///up", "host is missing"),
        ("https://u:hunter^2@web", "`^` as `%5E`"),
        ("http://web/a b", "percent-encoded"),
        ("unix://run/app.sock", "unix:///run/app"),
        ("unix:///", "unix:///run/app"),
        ("file://host/path", "file:///run/app"),
        ("file:///a%zz", "`%25`"),
        ("postgres://u:hunter%2@h/d", "`%` as `%25`"),
        ("postgres://u:p@h/d?sslmode=sometimes", "sslmode"),
        ("env:", "names a variable"),
        (",", "between its commas"),
    ] {
        let why = wrong(target);
        assert!(why.starts_with("CASTOFF_WAIT_FOR") && why.contains(part), "{target}: {why}");
        assert!(!why.contains("hunter") && !why.contains("CASTOFF_DATABASE_PASSWORD"), "{target}: {why}");
    }
}

#[test]
fn every_mistake_among_several_targets_is_told_by_its_number() {
    let why = wrong("tcp://a,tcp://b:2,file:/");
    assert!(why.starts_with("2 mistakes"), "{why}");
    assert!(
        why.contains("CASTOFF_WAIT_FOR, number 1:") && why.contains("CASTOFF_WAIT_FOR, number 3:"),
        "{why}"
    );
}

#[test]
fn names_in_logs_hold_no_password_and_no_query() {
    let config =
        listed("https://u:hunter2@web:8443/up?token=hunter2#x,http://web?a,postgres://u:hunter2@h/d");
    assert_eq!(names(&config), ["https://web:8443/up?…", "http://web/?…", "h:5432/d"]);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_user_and_password_become_basic_authentication() {
    let header = |target: &str| match listed(target).wait_for[0].awaited() {
        Awaited::Http(web) => web.authorization.as_ref().map(Secret::expose).map(str::to_owned),
        _ => panic!("{target}"),
    };
    assert_eq!(header("http://web/"), None);
    // RFC 7617's own example.
    assert_eq!(header("http://Aladdin:open%20sesame@web/").unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

#[test]
fn the_list_may_stand_in_a_file_that_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("targets");
    fs::write(&file, "tcp://a:1,http://web/one\n").unwrap();
    let mut config = accepted("castoff wait", &[("CASTOFF_WAIT_FOR_FILE", file.to_str().unwrap())]);
    assert_eq!(names(&config), ["tcp://a:1", "http://web/one"]);
    let target = &mut config.wait_for[1];
    fs::write(&file, "tcp://a:1,http://web/two\n").unwrap();
    target.refresh().unwrap();
    assert_eq!(target.to_string(), "http://web/two");
    for content in ["tcp://a:1", "tcp://a:1,nonsense", ""] {
        fs::write(&file, content).unwrap();
        let why = target.refresh().unwrap_err();
        assert!(why.contains("CASTOFF_WAIT_FOR_FILE"), "{content}: {why}");
        assert_eq!(target.to_string(), "http://web/two");
    }
}

#[tokio::test]
async fn a_database_in_such_a_file_is_read_again_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("targets");
    fs::write(&file, "tcp://a:1,postgres://u:old@h/d").unwrap();
    let config = accepted("castoff wait", &[("CASTOFF_WAIT_FOR_FILE", file.to_str().unwrap())]);
    fs::write(&file, "tcp://a:1,postgres://u:new@h/d").unwrap();
    let Awaited::Database(database) = config.wait_for[1].awaited() else { panic!("a database") };
    let target = database.clone().resolve(false).await.unwrap();
    assert_eq!(target.password.as_ref().map(Secret::expose), Some("new"));
}

#[test]
fn a_file_beside_its_variable_or_one_that_is_missing_is_a_mistake() {
    let both = [("CASTOFF_WAIT_FOR", "tcp://a:1"), ("CASTOFF_WAIT_FOR_FILE", "/nowhere")];
    assert!(refused("castoff wait", &both).contains("both set"));
    assert!(refused("castoff wait", &both[1..]).contains("/nowhere"));
}

#[test]
fn the_application_is_not_given_the_targets() {
    let config = with(&[URL, ("CASTOFF_WAIT_FOR", "tcp://a:1")]);
    assert_eq!(config.environment.get("CASTOFF_WAIT_FOR"), None);
    assert!(SECRET_VARIABLES.contains(&"CASTOFF_WAIT_FOR"));
}

#[test]
fn a_sqlite_target_is_found_as_the_configured_database_is() {
    let config = accepted("castoff wait", &[("CASTOFF_WAIT_FOR", "sqlite:app.db,file:./dev.db")]);
    let names = names(&config);
    assert!(
        Path::new(&names[0]).ends_with("app/app.db") && Path::new(&names[1]).ends_with("dev.db"),
        "{names:?}"
    );
    assert!(config.remarks.is_empty(), "nothing of it will be created: {:?}", config.remarks);
}
