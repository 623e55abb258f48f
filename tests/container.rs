//! Real containers: castoff as the `ENTRYPOINT` of an image that holds nothing but it, its migrations and an application.
//!
//! Needs a Docker daemon, root, PostgreSQL's packages and a static castoff; `scripts/test` provides them. No registry: the
//! images are built `FROM scratch`, PostgreSQL's from the files of the machine's own packages.

#[cfg(test)]
#[path = "container/docker.rs"]
mod docker;
#[cfg(test)]
#[expect(dead_code, unused_imports, unused_macros, reason = "the suite uses what these tests do not")]
mod harness;
// What Docker thinks of the container.
#[cfg(test)]
#[path = "container/health.rs"]
mod health;
#[cfg(test)]
#[path = "container/image.rs"]
mod image;
// `--init` in a bare image.
#[cfg(test)]
#[path = "container/init.rs"]
mod init;
// The log that the README shows.
#[cfg(test)]
#[path = "container/readme.rs"]
mod readme;
// Eight replicas before a late database.
#[cfg(test)]
#[path = "container/replicas.rs"]
mod replicas;
// `docker stop` before the hand-over.
#[cfg(test)]
#[path = "container/stop.rs"]
mod stop;
