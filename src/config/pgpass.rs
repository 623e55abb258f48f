//! libpq's password file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::report::Report;
use crate::environment::Environment;
use crate::target::{Host, Secret, Target};

/// The password for a target from `PGPASSFILE` or `~/.pgpass`, as libpq finds it.
pub(crate) fn password(target: &Target, environment: &Environment, report: &mut Report) -> Option<Secret> {
    let named = environment.get("PGPASSFILE").map(PathBuf::from);
    let file = named.or_else(|| Some(PathBuf::from(environment.get("HOME")?).join(".pgpass")))?;
    let metadata = fs::metadata(&file).ok().filter(fs::Metadata::is_file)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        report.warnings.push(format!(
            "{} is not read, because others may read it too: run chmod 600 on it",
            file.display()
        ));
        return None;
    }
    let content = fs::read_to_string(&file).ok()?;
    target.hosts.iter().find_map(|host| {
        content.lines().find_map(|line| matching(line, host, &target.database, &target.user)).map(Secret::new)
    })
}

fn matching(line: &str, host: &Host, database: &str, user: &str) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let (host, port) = match host {
        Host::Tcp(name, port) => (name.as_str(), port),
        // libpq: the default directory goes by the name of localhost.
        Host::Unix(path, port) if path == Path::new("/var/run/postgresql") || path == Path::new("/tmp") => {
            ("localhost", port)
        }
        Host::Unix(path, port) => (path.to_str()?, port),
    };
    let fields = fields(line);
    let [wanted_host, wanted_port, wanted_database, wanted_user, password] = fields.as_slice() else {
        return None;
    };
    let fits = |wanted: &str, value: &str| wanted == "*" || wanted == value;
    let all = fits(wanted_host, host)
        && fits(wanted_port, &port.to_string())
        && fits(wanted_database, database)
        && fits(wanted_user, user);
    (all && !password.is_empty()).then(|| password.clone())
}

/// Five fields between colons; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if fields.len() < 5 => fields.push(String::new()),
            _ => {
                let letter = if letter == '\\' { letters.next() } else { Some(letter) };
                if let Some(field) = fields.last_mut() {
                    field.extend(letter);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{Host, matching};

    fn found(line: &str) -> Option<String> {
        matching(line, &Host::Tcp("db".into(), 5432), "app", "me")
    }

    #[test]
    fn a_line_fits_by_name_or_by_star() {
        assert_eq!(found("db:5432:app:me:s3cret").as_deref(), Some("s3cret"));
        assert_eq!(found("*:*:*:me:s3cret").as_deref(), Some("s3cret"));
        for line in
            ["other:5432:app:me:x", "db:1:app:me:x", "db:*:b:me:x", "db:*:*:you:x", "# db", "", "*:*:*:*:"]
        {
            assert_eq!(found(line), None, "{line}");
        }
    }

    #[test]
    fn a_backslash_hides_a_colon() {
        assert_eq!(found(r"db:5432:app:me:a\:b\\c:d").as_deref(), Some(r"a:b\c:d"));
    }

    #[test]
    fn the_usual_socket_is_localhost() {
        let socket = Host::Unix("/var/run/postgresql".into(), 5432);
        assert!(matching("localhost:*:*:*:p", &socket, "app", "me").is_some());
        let socket = Host::Unix("/srv/pg".into(), 5432);
        assert!(matching("/srv/pg:*:*:*:p", &socket, "app", "me").is_some());
    }
}
