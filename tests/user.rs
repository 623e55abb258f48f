//! `--user`: castoff becomes whom gosu would become, and says before waiting if it cannot.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, Run, Scratch, root};

mod gosu;

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
app:x:41000:41001:The App:/home/app:/usr/sbin/nologin
worker:x:41002:41002::/srv/worker:/bin/sh
homeless:x:41003:41003:::
twice:x:41009:41009::/:/bin/sh
41004:x:41005:41006::/home/named-like-an-id:/bin/sh
# a remark
+nis::::::
";

const GROUP: &str = "\
root:x:0:
app:x:41001:
worker:x:41002:
video:x:44:app,worker,twice
audio:x:29:worker,app
video-again:x:44:twice
lone:x:41007
41004:x:41008:homeless
";

/// `/etc/passwd` and `/etc/group` for a mount namespace.
struct Accounts(Scratch);

impl Accounts {
    fn new() -> Self {
        let files = Scratch::new("accounts");
        files.write("passwd", PASSWD);
        files.write("group", GROUP);
        Self(files)
    }

    /// A run that finds these accounts and no others.
    fn of(&self, run: Run) -> Run {
        let run = run.with_file(&self.0.path().join("passwd"), "/etc/passwd");
        run.with_file(&self.0.path().join("group"), "/etc/group")
    }
}

#[test]
fn a_start_with_migrations_ends_as_the_user() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let accounts = Accounts::new();
    let script = "id -u; id -g; id -G; echo $HOME";
    let run =
        Run::start(&database, &Migrations::three(), ["/bin/sh", "-c", script]).env("CASTOFF_USER", "app");
    let run = accounts.of(run).output().succeeds();
    assert_eq!(run.applied().len(), 3, "{run}");
    assert_eq!(run.stdout, "41000\n41001\n41001 29 44\n/home/app\n");
}

#[test]
fn as_pid_1_the_user_has_no_children_and_no_way_back() {
    if !root() {
        return;
    }
    let script = "read -r children </proc/1/task/1/children; echo \"[$children]\"; grep ^Uid /proc/1/status; \
                  kill -0 1 && setpriv --reuid=0 true 2>/dev/null && echo back";
    let run =
        Run::new(["--mode", "off", "--user", "1234:1234", "--", "/bin/sh", "-c", script]).pid1().output();
    assert_eq!(run.stdout, "[]\nUid:\t1234\t1234\t1234\t1234\n", "{run}");
}

/// A database that would be waited for, for a long time.
fn late(run: Run) -> Run {
    run.env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d").migrations(&Migrations::three())
}

#[test]
fn whom_nobody_knows_is_a_mistake_before_waiting() {
    for (spec, wanted) in
        [("nobody-of-that-name", "no user"), ("0:no-such-group", "no group"), (":", "USER[:GROUP]")]
    {
        let run = late(Run::new(["--", "/bin/true"])).env("CASTOFF_USER", spec).output().exits(Exit::Usage);
        assert!(run.stderr.contains("CASTOFF_USER") && run.stderr.contains(wanted), "{run}");
        assert!(run.elapsed < Duration::from_secs(10), "{run}");
    }
}

#[test]
fn who_may_not_become_another_is_told_so_before_waiting() {
    if !root() {
        return;
    }
    let unprivileged = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let bounded = ["/usr/bin/setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid", "--"];
    for wrapper in [&unprivileged[..], &bounded[..]] {
        let run = Run::new(["--user", "1234", "--", "/bin/true"]).under(wrapper);
        let run = late(run).output().exits(Exit::Refused);
        assert!(run.stderr.contains("cannot become 1234") && run.stderr.contains("SETUID"), "{run}");
        assert!(run.elapsed < Duration::from_secs(10), "{run}");
        let at_once =
            Run::new(["--mode", "off", "--user", "1234", "--", "/bin/echo", "started"]).under(wrapper);
        assert_eq!(at_once.output().exits(Exit::Refused).stdout, "");
    }
}

#[test]
fn who_is_the_user_already_needs_no_permission() {
    if !root() {
        return;
    }
    let already = ["/usr/bin/setpriv", "--reuid=1234", "--regid=1235", "--groups=77,78"];
    let run = Run::new(["--mode", "off", "--user", "1234:1235", "--", "/bin/true"]);
    // Other groups than asked for, which only root could take away.
    run.under(already).output().exits(Exit::Refused);
    // As Docker and Kubernetes start a container for a user: with the user's own group among the others too.
    for groups in ["--clear-groups", "--groups=1235"] {
        let already = ["/usr/bin/setpriv", "--reuid=1234", "--regid=1235", groups];
        let run = Run::new(["--mode", "off", "--user", "1234:1235", "--", "/usr/bin/id", "-u"]);
        assert_eq!(run.under(already).output().succeeds().stdout, "1234\n", "{groups}");
    }
}

#[test]
fn a_program_that_is_not_for_the_user_is_found_out_before_waiting() {
    if !root() {
        return;
    }
    let home = Scratch::new("program");
    let program = home.write("server", "#!/bin/sh\necho started\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    let program = program.display().to_string();
    let run = late(Run::new(["--user", "1234", "--", &program])).output().exits(Exit::NotExecutable);
    assert!(run.stderr.contains(&program) && run.stderr.contains("1234"), "{run}");
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
    // The check would mean nothing if the program could not be started at all.
    let run = Run::new(["--mode", "off", "--user", "0", "--", &program]);
    assert_eq!(run.output().succeeds().stdout, "started\n");
}

#[test]
fn the_files_of_sqlite_belong_to_the_user() {
    if !root() {
        return;
    }
    let home = Scratch::new("sqlite-user");
    std::os::unix::fs::chown(home.path(), Some(1234), Some(1235)).expect("the directory changes hands");
    let file = home.path().join("app.db");
    let run = Run::new(["--user", "1234:1235", "--", "/bin/sh", "-c", "id -u; exec test -w \"$0\""]);
    let run = run.option(["--database-url", &format!("sqlite:{}", file.display())]);
    let command =
        ["/bin/sh".to_owned(), "-c".into(), "id -u; test -w \"$0\"".into(), file.display().to_string()];
    let run = run.command(command).migrations(&Migrations::three()).output().succeeds();
    assert_eq!(run.stdout, "1234\n");
    for entry in std::fs::read_dir(home.path()).expect("the directory").flatten() {
        let metadata = entry.metadata().expect("its owner");
        assert_eq!((metadata.uid(), metadata.gid()), (1234, 1235), "{}", entry.path().display());
    }
    assert!(file.exists());
}
