use super::{Url, parse};
use crate::config::dialect::Dialect;
use crate::engine::Engine;

fn url(text: &str) -> Url {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_server_url_falls_into_its_parts() {
    let url = url("postgresql://app%40corp:S7%23tY4%5E@db.example:6432/my%20db?sslmode=require&schema=s");
    assert_eq!(url.dialect, Dialect::Server(Engine::Postgres));
    assert_eq!(url.user.as_deref(), Some("app@corp"));
    assert_eq!(url.password.as_deref(), Some("S7#tY4^"));
    assert_eq!(url.hosts, [("db.example".to_owned(), Some(6432))]);
    assert_eq!(url.path.as_deref(), Some("my db"));
    assert_eq!(
        url.params,
        [("sslmode".to_owned(), "require".to_owned()), ("schema".to_owned(), "s".to_owned())]
    );
}

#[test]
fn every_part_may_be_missing() {
    for text in ["postgres://", "postgres:///", "postgres://@/", "postgres://:@/"] {
        let url = url(text);
        assert_eq!((url.user, url.password, url.path, url.hosts.len()), (None, None, None, 0), "{text}");
    }
}

#[test]
fn jdbc_urls_are_taken_as_they_come() {
    let parsed = url("jdbc:postgresql://db:5433/app?user=u&password=p%23w");
    assert!(parsed.jdbc);
    assert_eq!(parsed.params[1], ("password".to_owned(), "p#w".to_owned()));
    assert_eq!(url("jdbc:postgresql:app").path.as_deref(), Some("app"));
    assert_eq!(url("JDBC:mysql://db/app").dialect.engine(), Engine::MySql);
    assert_eq!(url("jdbc:sqlite:/data/app.db").path.as_deref(), Some("/data/app.db"));
}

#[test]
fn a_query_value_may_hold_an_at_sign() {
    assert_eq!(url("postgres:///app?application_name=a@b").params[0].1, "a@b");
    assert_eq!(url("postgres://h:5432/app?application_name=a@b").hosts[0].0, "h");
    assert_eq!(url("postgres://h:1,i:2?application_name=a@b").hosts.len(), 2);
}

#[test]
fn a_plus_stays_a_plus() {
    assert_eq!(url("postgres://u:a+b@h/d").password.as_deref(), Some("a+b"));
}

#[test]
fn a_raw_password_is_told_how_to_be_written_and_not_shown() {
    for (password, wanted) in [
        ("S7#tY4^zN9_Rq2+xS8!nV9d", "`#` as `%23`, `^` as `%5E`"),
        ("hunter@2", "`@` as `%40`"),
        ("hun/ter2", "`/` as `%2F`"),
        ("12/34x", "`/` as `%2F`"),
        ("hun?ter2", "`?` as `%3F`"),
        ("12?34x", "`?` as `%3F`"),
        ("hun?ter=2", "`?` as `%3F`"),
        ("12?ter=2", "`?` as `%3F`"),
        ("?=hunter2", "`?` as `%3F`"),
        ("12/hun?ter=2", "`/` as `%2F`"),
        ("hun:ter2", "`:` as `%3A`"),
        ("hun%ter2", "`%` as `%25`"),
        ("hunter%", "`%` as `%25`"),
        ("hun ter2", "a space as `%20`"),
        ("hun#ter2", "`#` as `%23`"),
        ("hun[ter]2", "`[` as `%5B`, `]` as `%5D`"),
        (
            "a#b@c/d?e:f%g",
            "`#` as `%23`, `%` as `%25`, `/` as `%2F`, `:` as `%3A`, `?` as `%3F`, `@` as `%40`",
        ),
    ] {
        for text in [
            format!("postgres://app:{password}@db:5432/app"),
            format!("mysql://app:{password}@db/app?ssl-mode=REQUIRED"),
        ] {
            let error = parse(&text).err().unwrap();
            assert!(error.contains("password is not percent-encoded"), "{password}: {error}");
            assert!(error.contains(wanted), "{password}: {error}");
            assert!(!error.contains(password), "{error}");
        }
    }
}

#[test]
fn a_raw_password_among_the_parameters_is_noticed_too() {
    for password in ["a#b", "a+b", "a%b", "a b"] {
        let error = parse(&format!("jdbc:postgresql://db/app?user=u&password={password}")).err().unwrap();
        assert!(error.contains("write"), "{error}");
        assert!(!error.contains(password));
    }
}

#[test]
fn a_user_name_with_an_at_sign_is_told_apart() {
    let error = parse("postgres://app@server:secret@db/app").err().unwrap();
    assert!(error.contains("`@` as `%40`"), "{error}");
    assert!(!error.contains("secret"));
}

#[test]
fn no_error_shows_a_piece_of_what_could_be_a_password() {
    for text in [
        "hunter2",
        "hunter2:rest",
        "postgres:hunter2",
        "postgres://u:hunter2",
        "postgres://u:hunter2/d",
        "postgres://u:pa?hunter2&x@h/d",
        "postgres://u:pa?x&hunter2@h/d",
        "\"postgres://u:hunter2@h/d\"",
        "oracle://u:hunter2@h/d",
    ] {
        let error = parse(text).err().unwrap();
        assert!(!error.contains("hunter2"), "{text}: {error}");
    }
}

#[test]
fn an_unknown_scheme_is_named_with_the_known_ones() {
    let error = parse("mongodb://db/app").err().unwrap();
    assert!(error.contains("`mongodb://`") && error.contains("postgres://"), "{error}");
}

#[test]
fn quotes_left_by_an_env_file_are_recognised() {
    assert!(parse("\"postgres://u@h/d\"").err().unwrap().contains("--env-file"));
}

#[test]
fn files_keep_their_path_as_it_was_written() {
    for (text, path) in [
        ("sqlite:app.db", "app.db"),
        ("sqlite://app.db", "//app.db"),
        ("sqlite:///data/app.db", "///data/app.db"),
        ("sqlite3:db/dev.sqlite3?pool=5", "db/dev.sqlite3"),
        ("sqlite:my%20file.db", "my file.db"),
        ("sqlite:100%.db", "100%.db"),
        ("file:./dev.db?connection_limit=1", "./dev.db"),
    ] {
        assert_eq!(url(text).path.as_deref(), Some(path), "{text}");
    }
}
