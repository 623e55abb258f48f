//! The images: castoff with an application, and PostgreSQL. Nothing is fetched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::docker::{Container, Network, docker, succeeds};
pub(crate) use crate::harness::witness;
use crate::harness::{Migrations, Scratch, eventually, missing};

/// The image users build, but for the application.
const DOCKERFILE: &str = r#"FROM scratch
COPY castoff /castoff
COPY app /app
COPY migrations /migrations
ENTRYPOINT ["/castoff", "--"]
CMD ["/app"]
"#;

/// Builds the image with these migrations and returns its id; `None`, said loudly, where there is no static castoff.
pub(crate) fn with_castoff(migrations: &Path) -> Option<String> {
    let context = Scratch::new("image");
    fs::copy(static_castoff()?, context.path().join("castoff")).expect("castoff is copied");
    fs::copy(witness(), context.path().join("app")).expect("the application is copied");
    context.write("Dockerfile", DOCKERFILE);
    for entry in fs::read_dir(migrations).expect("the migrations").flatten() {
        let name = entry.file_name().into_string().expect("an ASCII name");
        context.write(&format!("migrations/{name}"), fs::read(entry.path()).expect("a migration"));
    }
    let context = context.path().to_str().expect("a path in UTF-8");
    Some(docker(&["build", "--quiet", "--label", "castoff.test", context]))
}

/// The release build for musl, from where `scripts/test` says it is or cargo puts it.
pub(crate) fn static_castoff() -> Option<PathBuf> {
    let built =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/x86_64-unknown-linux-musl/release/castoff");
    let path = std::env::var_os("CASTOFF_TEST_BINARY").map_or(built, PathBuf::from);
    if !path.exists() {
        missing("docker", &format!("the images need {}, which scripts/test builds", path.display()));
        return None;
    }
    Some(path)
}

/// What every container of PostgreSQL is given, raw and percent-encoded.
pub(crate) const PASSWORD: &str = "S7#tY4^zN9_Rq2+xS8!nV9d";
const ENCODED: &str = "S7%23tY4%5EzN9_Rq2%2BxS8%21nV9d";

/// Where the application finds the database, on a network with [`postgres`].
pub(crate) fn database_url() -> String {
    format!("DATABASE_URL=postgres://app:{ENCODED}@db/app")
}

/// Starts PostgreSQL under the name `db`; it makes its data directory first, as a fresh volume's would.
pub(crate) fn postgres(network: &Network) -> Option<Container> {
    let image = postgres_image()?;
    let password = format!("PASSWORD={PASSWORD}");
    let options = ["--network-alias", "db", "--user", "999:999", "--env", &password];
    Some(Container::run(network, &options, &image, &["/bin/sh", "-c", START]))
}

/// Asks the server, once it takes queries.
pub(crate) fn query(server: &Container, sql: &str) -> String {
    let psql = format!("{}/psql", binaries().expect("it was there").display());
    let words = [psql.as_str(), "-XAtq", "-U", "app", "-d", "app", "-h", "/tmp", "-c"];
    eventually("PostgreSQL takes queries", || {
        server.exec_succeeds(&[&words[..], &["SELECT 1"]].concat()).then_some(())
    });
    server.exec(&[&words[..], &[sql]].concat())
}

const START: &str = r#"set -e
printf %s "$PASSWORD" >/data/password
initdb --pgdata=/data/pg --username=app --pwfile=/data/password --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-sync >/dev/null
echo 'host all all all scram-sha-256' >>/data/pg/pg_hba.conf
echo 'CREATE DATABASE app' | postgres --single -D /data/pg postgres >/dev/null
exec postgres -D /data/pg -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c jit=off
"#;

/// Where the machine's newest PostgreSQL keeps its programs.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
}

/// An image of the machine's own PostgreSQL: its files, the libraries they name, and a shell.
pub(crate) fn postgres_image() -> Option<String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(bin) = binaries() else {
        missing("postgres", "no initdb in /usr/lib/postgresql");
        return None;
    };
    let version = output(Command::new(bin.join("postgres")).arg("--version"));
    let version = version.split_whitespace().nth(2).expect("postgres (PostgreSQL) VERSION").to_owned();
    let tag = format!("castoff-test-postgres:{version}-dump");
    if succeeds(&["image", "inspect", &tag]) {
        return Some(tag);
    }

    let home = bin.parent().expect("the version's directory");
    let share = Path::new("/usr/share/postgresql").join(home.file_name().expect("a version"));
    let programs = ["postgres", "initdb", "psql", "pg_basebackup", "pg_dump", "pg_restore"]
        .iter()
        .map(|name| bin.join(name));
    let programs: Vec<PathBuf> = programs.chain(["/bin/sh".into()]).collect();
    let path = format!("ENV PATH={}:/bin", bin.display());
    import(
        &tag,
        &programs,
        &[home.join("lib"), share, "/usr/share/zoneinfo".into()],
        |root| {
            // The compiler's output for the just-in-time compiler, most of the size, of no use without it.
            let home = home.strip_prefix("/").expect("absolute");
            drop(fs::remove_dir_all(root.path().join(home).join("lib/bitcode")));
            root.write("etc/passwd", "postgres:x:999:999::/data:/bin/sh\n");
            for (directory, mode) in [("data", 0o700), ("tmp", 0o1777)] {
                let path = root.path().join(directory);
                fs::create_dir(&path).expect("a directory of the image");
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
                chown(&path, Some(999), Some(999)).expect("its owner");
            }
        },
        &[&path],
    );
    Some(tag)
}

/// Makes an image of the machine's own files: these programs with the libraries they name, these files, and what
/// `finish` adds to the tree; `changes` are instructions of a Dockerfile.
pub(crate) fn import(
    tag: &str,
    programs: &[PathBuf],
    files: &[PathBuf],
    finish: impl FnOnce(&Scratch),
    changes: &[&str],
) {
    let root = Scratch::new("tree");
    let mut copy = Command::new("cp");
    // Links are followed: where /lib is a link to /usr/lib, the loader must still be found at the path it is named by.
    copy.args(["--recursive", "--dereference", "--parents"]).args(programs).args(files);
    copy.args(programs.iter().flat_map(|program| libraries(program))).arg(root.path());
    output(&mut copy);
    finish(&root);

    let mut tar = Command::new("tar");
    tar.arg("-C").arg(root.path()).args(["-c", "."]).stdout(Stdio::piped());
    let mut tar = tar.spawn().expect("tar runs");
    let mut import = Command::new("docker");
    // Whatever is built on it can be told by this, and pruned.
    import
        .args(["import", "--change", "LABEL castoff.test="])
        .args(changes.iter().flat_map(|change| ["--change", change]))
        .args(["-", tag]);
    output(import.stdin(tar.stdout.take().expect("tar's output")));
    assert!(tar.wait().expect("tar ends").success(), "tar");
}

/// Every library a program names, its loader included.
pub(crate) fn libraries(program: &Path) -> Vec<PathBuf> {
    let list = output(Command::new("ldd").arg(program));
    list.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {stderr}", command.get_program());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The corpus for PostgreSQL, and how many migrations that is.
pub(crate) fn corpus() -> (PathBuf, usize) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlx/postgres");
    let names = fs::read_dir(&directory).expect("the corpus").flatten().map(|entry| entry.file_name());
    let count = names.filter(|name| !name.to_string_lossy().ends_with(".down.sql")).count();
    (directory, count)
}

/// A migration that runs until it is cancelled.
pub(crate) fn endless() -> Migrations {
    Migrations::of(&[("1_endless.sql", "CREATE TABLE endless (id int);\nSELECT pg_sleep(3600);\n")])
}
