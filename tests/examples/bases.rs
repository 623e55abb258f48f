//! What stands for the public images that the examples build on and start: no registry is asked.
//!
//! To let an example name another one, add it to [`stand_in`].

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::docker::{docker, succeeds};
use crate::harness::{Scratch, missing};
use crate::{image, python};

/// The local image that stands for this public one; `None`, said loudly, where the machine has not got what it takes.
///
/// Panics on a name it does not know, so that an example cannot begin to fetch anything.
pub(crate) fn stand_in(public: &str) -> Option<String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    match public {
        "postgres:17" => postgres(),
        "node:22-slim" => node("node"),
        // Bun itself is in no package of Debian's; what castoff hands over to is a JavaScript runtime by that name.
        "oven/bun:1-slim" => node("bun"),
        "python:3.12-slim" => python::python(),
        "amazon/aws-cli:2.15.0" => Some(python::aws()),
        _ => panic!("no local image stands for {public:?}"),
    }
}

/// The public PostgreSQL image: the machine's own server behind an entry point with the same variables.
fn postgres() -> Option<String> {
    const ENTRY_POINT: &str = include_str!("postgres.sh");
    let server = image::postgres_image()?;
    let dockerfile = format!(
        "FROM {server}\n\
         COPY --chown=999:999 empty /var/lib/postgresql/data\n\
         COPY --chown=999:999 empty /var/run/postgresql\n\
         COPY postgres.sh /docker-entrypoint.sh\n\
         ENV PGDATA=/var/lib/postgresql/data\n\
         VOLUME /var/lib/postgresql/data\n\
         USER postgres\n\
         EXPOSE 5432\n\
         STOPSIGNAL SIGINT\n\
         ENTRYPOINT [\"/bin/sh\", \"/docker-entrypoint.sh\"]\n\
         CMD [\"postgres\"]\n"
    );
    let tag = format!("castoff-test-public-postgres:{}", digest(&[&dockerfile, ENTRY_POINT]));
    if !succeeds(&["image", "inspect", &tag]) {
        let context = Scratch::new("public-postgres");
        context.write("Dockerfile", dockerfile);
        context.write("postgres.sh", ENTRY_POINT);
        std::fs::create_dir(context.path().join("empty")).expect("an empty directory");
        docker(&["build", "--quiet", "--tag", &tag, context.path().to_str().expect("a path in UTF-8")]);
    }
    Some(tag)
}

/// What Debian's Node.js reads from `/usr/share/nodejs` when it starts: its `node_shareable_builtins`. Others hold them.
const DEBIANS_PARTS: [&str; 6] = ["acorn", "acorn-walk", "amaro", "cjs-module-lexer", "minimatch", "undici"];

/// The public image of a JavaScript runtime: the machine's own Node.js by this name, a shell, and the user `node`.
fn node(name: &str) -> Option<String> {
    let Some(program) = on_path("node") else {
        missing("node", "no node on the PATH");
        return None;
    };
    let version = Command::new(&program).arg("--version").output().expect("node runs").stdout;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    let changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin", &format!("CMD [\"{name}\"]")];
    let tag = format!("castoff-test-public-{name}:{}", digest(&[&version, &changes.concat()]));
    if !succeeds(&["image", "inspect", &tag]) {
        let parts = DEBIANS_PARTS.iter().map(|part| Path::new("/usr/share/nodejs").join(part));
        let files: Vec<PathBuf> = parts.filter(|path| path.exists()).collect();
        let finish = |root: &Scratch| {
            root.write("etc/passwd", format!("root:x:0:0::/:/bin/sh\n{name}:x:1000:1000::/:/bin/sh\n"));
            root.write("etc/group", format!("root:x:0:\n{name}:x:1000:\n"));
            let link = root.path().join("usr/local/bin").join(name);
            std::fs::create_dir_all(link.parent().expect("a directory")).expect("usr/local/bin");
            symlink(&program, link).expect("the runtime by its name");
        };
        image::import(&tag, &[program.clone(), "/bin/sh".into()], &files, finish, &changes);
    }
    Some(tag)
}

/// Builds an image that holds castoff alone, as `docker/Dockerfile` makes it, under this name.
pub(crate) fn castoff(tag: &str) -> Option<()> {
    let context = Scratch::new("castoff-image");
    std::fs::copy(image::static_castoff()?, context.path().join("castoff")).expect("castoff is copied");
    context.write(
        "Dockerfile",
        "FROM scratch\nLABEL castoff.test=\nCOPY castoff /castoff\nENTRYPOINT [\"/castoff\"]\n",
    );
    let label = format!("castoff.test.image={tag}");
    let context = context.path().to_str().expect("a path in UTF-8");
    docker(&["build", "--quiet", "--label", &label, "--tag", tag, context]);
    Some(())
}

/// Where the machine keeps a program.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| Path::is_file(file))
}

/// A short name for these texts.
pub(crate) fn digest(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text);
    }
    hex::encode(digest.finalize()).split_at(12).0.to_owned()
}
