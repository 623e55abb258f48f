use std::path::Path;

use super::{Access, environment};
use crate::config::{Config, Parsed};
use crate::environment::Environment;
use crate::target::{Secret, Target};

const NAME: &str = "castoff command 0123456789abcdef pod";

/// The target that a URL amounts to.
fn target(url: &str) -> Target {
    let given: Environment = [("DATABASE_URL", url)].into_iter().collect();
    match Config::from(vec!["castoff".into(), "migrate".into()], &given, Path::new("/")) {
        Parsed::Run(config) => config.database.unwrap().target().clone(),
        other => panic!("{url}: {other:?}"),
    }
}

/// The command's environment for the database at a URL, given the application's.
fn told(url: &str, own: &[(&str, &str)], version: &str) -> Environment {
    let own: Environment = own.iter().copied().collect();
    let access = Access {
        target: &target(url),
        url: &Secret::new(url),
        server_version: version,
        takes_options: true,
        application_name: NAME,
    };
    environment(&own, &access, None)
}

fn value(environment: &Environment, name: &str) -> Option<String> {
    environment.get(name).map(|value| value.to_str().unwrap().to_owned())
}

fn values(environment: &Environment, prefix: &str) -> Vec<String> {
    let ours = environment.iter().filter(|(name, _)| name.to_str().unwrap().starts_with(prefix));
    let mut lines: Vec<String> =
        ours.map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
    lines.retain(|line| !line.starts_with("PGOPTIONS="));
    lines.sort();
    lines
}

#[test]
fn postgresql_is_told_in_libpq_s_words() {
    let told = told("postgres://app:p%40ss%3A@db:6432/shop", &[("PATH", "/bin")], "15.20");
    assert_eq!(
        values(&told, "PG"),
        [
            "PGAPPNAME=castoff command 0123456789abcdef pod",
            "PGDATABASE=shop",
            "PGHOST=db",
            "PGPASSWORD=p@ss:",
            "PGPORT=6432",
            "PGUSER=app",
        ]
    );
    assert_eq!(value(&told, "DATABASE_URL").unwrap(), "postgres://app:p%40ss%3A@db:6432/shop");
    assert_eq!(value(&told, "PATH").unwrap(), "/bin");
}

#[test]
fn a_list_of_hosts_stays_one_and_the_same_server_is_chosen() {
    let told = told("postgres://app@a:1,[::1]:2/shop", &[], "15.20");
    assert_eq!(value(&told, "PGHOST").unwrap(), "a,::1");
    assert_eq!(value(&told, "PGPORT").unwrap(), "1,2");
    assert_eq!(value(&told, "PGTARGETSESSIONATTRS").unwrap(), "read-write");
}

#[test]
fn a_socket_is_its_directory() {
    let told = told("postgres:///shop?host=/run/pg&port=5433&user=app", &[], "15.20");
    assert_eq!(value(&told, "PGHOST").unwrap(), "/run/pg");
    assert_eq!(value(&told, "PGPORT").unwrap(), "5433");
    assert_eq!(value(&told, "PGSSLMODE"), None);
}

#[test]
fn encryption_is_said_unless_it_is_libpq_s_default() {
    let plain = told("postgres://app@db/shop?sslmode=disable", &[], "15.20");
    assert_eq!(value(&plain, "PGSSLMODE").unwrap(), "disable");
    assert_eq!(value(&told("postgres://app@db/shop", &[], "15.20"), "PGSSLMODE"), None);
    // What the URL says comes before the variable, for castoff as for libpq.
    let overruled = told("postgres://app@db/shop?sslmode=prefer", &[("PGSSLMODE", "require")], "15.20");
    assert_eq!(value(&overruled, "PGSSLMODE").unwrap(), "prefer");
    let system = told("postgres://app@db/shop?sslmode=verify-full&sslrootcert=system", &[], "15.20");
    assert_eq!(value(&system, "PGSSLMODE").unwrap(), "verify-full");
    assert_eq!(value(&system, "PGSSLROOTCERT").unwrap(), "system");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, "").unwrap();
        path.display().to_string()
    };
    let (root, certificate, key) = (path("ca.pem"), path("cert.pem"), path("key.pem"));
    let url = format!(
        "postgres://app@db/shop?sslmode=verify-ca&sslrootcert={root}&sslcert={certificate}&sslkey={key}"
    );
    let files = told(&url, &[], "15.20");
    assert_eq!(value(&files, "PGSSLROOTCERT"), Some(root));
    assert_eq!(value(&files, "PGSSLCERT"), Some(certificate));
    assert_eq!(value(&files, "PGSSLKEY"), Some(key));
}

#[test]
fn what_would_lead_elsewhere_is_taken_away() {
    let own = [("PGHOSTADDR", "10.0.0.9"), ("PGSERVICE", "other"), ("PGHOST", "elsewhere"), ("PGUSER", "x")];
    let told = told("postgres://app@db/shop", &own, "15.20");
    assert_eq!((value(&told, "PGHOSTADDR"), value(&told, "PGSERVICE")), (None, None));
    assert_eq!(value(&told, "PGHOST").unwrap(), "db");
    assert_eq!(value(&told, "PGUSER").unwrap(), "app");
}

#[test]
fn options_are_those_that_the_server_knows() {
    let options = |version| value(&told("postgres://app@db/shop", &[], version), "PGOPTIONS").unwrap();
    let always = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 \
                  -c idle_in_transaction_session_timeout=0 -c statement_timeout=0";
    assert_eq!(options("11.22"), always);
    assert_eq!(options("13.4"), format!("{always} -c tcp_user_timeout=25000"));
    let fourteen = format!(
        "{always} -c tcp_user_timeout=25000 -c idle_session_timeout=0 -c client_connection_check_interval=500"
    );
    assert_eq!(options("14.0"), fourteen);
    assert_eq!(options("17beta1"), format!("{fourteen} -c transaction_timeout=0"));
    assert_eq!(options(""), always);
}

#[test]
fn options_keep_what_the_user_and_the_url_said() {
    let own = [("PGOPTIONS", " -c statement_timeout=5s -c work_mem=4MB ")];
    let told = told(r"postgres://app@db/shop?search_path=a,%20b%5C", &own, "13.4");
    let options = value(&told, "PGOPTIONS").unwrap();
    assert!(options.starts_with("-c statement_timeout=5s -c work_mem=4MB -c search_path=a,\\ b\\\\ -c tcp"));
    assert_eq!(options.matches("statement_timeout").count(), 1, "{options}");
    let parsed = crate::target::pg_options::parse(&options).unwrap();
    assert!(parsed.contains(&("search_path".into(), r"a, b\".into())), "{parsed:?}");
}

#[test]
fn a_pooler_that_takes_no_options_is_given_none() {
    let url = "postgres://app@db/shop";
    let access = Access {
        target: &target(url),
        url: &Secret::new(url),
        server_version: "15.20",
        takes_options: false,
        application_name: NAME,
    };
    let told = environment(&Environment::default(), &access, Some("/home/app"));
    assert_eq!(value(&told, "PGOPTIONS"), None);
    assert_eq!(value(&told, "HOME").unwrap(), "/home/app");
}

#[test]
fn mysql_is_told_in_its_clients_words_and_the_frameworks() {
    let tcp = told("mysql://app:p%40ss@db:3307/shop", &[("MYSQL_UNIX_PORT", "/other.sock")], "10.11");
    assert_eq!(
        values(&tcp, "MYSQL_"),
        [
            "MYSQL_DATABASE=shop",
            "MYSQL_HOST=db",
            "MYSQL_PASSWORD=p@ss",
            "MYSQL_PORT=3307",
            "MYSQL_PWD=p@ss",
            "MYSQL_TCP_PORT=3307",
            "MYSQL_USER=app",
        ]
    );
    let socket = told("mysql://app@localhost/shop?socket=/run/mysqld/mysqld.sock", &[], "10.11");
    assert_eq!(value(&socket, "MYSQL_UNIX_PORT").unwrap(), "/run/mysqld/mysqld.sock");
    assert_eq!(value(&socket, "MYSQL_HOST").unwrap(), "localhost");
    assert_eq!(values(&tcp, "PG"), Vec::<String>::new());
}

#[test]
fn sqlite_is_told_its_url_alone() {
    let told = told("sqlite:app.db", &[], "3");
    assert_eq!(value(&told, "DATABASE_URL").unwrap(), "sqlite:app.db");
    assert_eq!((values(&told, "PG"), values(&told, "MYSQL_")), (vec![], vec![]));
}

#[test]
fn castoff_s_own_secrets_are_not_passed_on() {
    let given: Environment =
        [("CASTOFF_DATABASE_URL", "postgres://app:hunter2pw@db/shop")].into_iter().collect();
    let Parsed::Run(config) = Config::from(vec!["castoff".into(), "migrate".into()], &given, Path::new("/"))
    else {
        panic!("no configuration");
    };
    let database = config.database.unwrap();
    let url = database.command_url(database.target());
    let access = Access {
        target: database.target(),
        url: &url,
        server_version: "15",
        takes_options: true,
        application_name: NAME,
    };
    let told = environment(&config.environment, &access, None);
    assert_eq!(value(&told, "CASTOFF_DATABASE_URL"), None);
    assert_eq!(value(&told, "DATABASE_URL").unwrap(), "postgres://app:hunter2pw@db/shop");
}
