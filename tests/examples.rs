//! The set-ups under `examples/`, each followed as its README says, in real containers.
//!
//! Needs what `container` needs, docker-compose, and the runtimes whose public images the examples build on
//! (`tests/examples/bases.rs`). What an example is run as is in `tests/examples/example.rs`; how a README is read, in
//! `tests/examples/readme.rs`.

// The rig.
#[cfg(test)]
#[path = "examples/bases.rs"]
mod bases;
#[cfg(test)]
#[expect(dead_code, reason = "the container tests use what the examples do not")]
#[path = "container/docker.rs"]
mod docker;
#[cfg(test)]
#[path = "examples/ecs_task.rs"]
mod ecs_task;
#[cfg(test)]
#[path = "examples/example.rs"]
mod example;
#[cfg(test)]
#[expect(dead_code, unused_imports, unused_macros, reason = "the suite uses what these tests do not")]
mod harness;
#[cfg(test)]
#[expect(dead_code, reason = "the container tests use what the examples do not")]
#[path = "container/image.rs"]
mod image;
#[cfg(test)]
#[path = "examples/project.rs"]
mod project;
#[cfg(test)]
#[path = "examples/python.rs"]
mod python;
#[cfg(test)]
#[path = "examples/rds.rs"]
mod rds;
#[cfg(test)]
#[path = "examples/readme.rs"]
mod readme;

#[cfg(test)]
#[path = "examples/rig_check.rs"]
mod rig_check;

// One example each.
#[cfg(test)]
#[path = "examples/alembic_secrets.rs"]
mod alembic_secrets;
#[cfg(test)]
#[path = "examples/backup_and_seed.rs"]
mod backup_and_seed;
#[cfg(test)]
#[path = "examples/ci_step.rs"]
mod ci_step;
#[cfg(test)]
#[path = "examples/compose_prisma.rs"]
mod compose_prisma;
#[cfg(test)]
#[path = "examples/ecs.rs"]
mod ecs;
#[cfg(test)]
#[path = "examples/modes_and_health.rs"]
mod modes_and_health;
