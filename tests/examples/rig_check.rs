//! The rig, tried on an example that the test writes itself: what it promises is held, and what is untrue is noticed.

use std::process::Command;

use crate::example::Example;
use crate::harness::Scratch;
use crate::readme;

const README: &str = r"# An example

```yaml compose.yaml
  app:
    image: the-app
```

## Start

```console
$ docker compose build
$ docker compose up --detach db app
$ docker compose logs app
app-1  | … INFO  postgres … at db:5432/app is ready after 0 ms
app-1  | started as process 1
$ docker compose run --rm app castoff status; echo $?
0
```

## Untrue

```console
$ docker compose run --rm app castoff status
never said
```

## Failing

```console
$ docker compose run --rm app nonsense
```
";

const COMPOSE: &str = r"services:
  db:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD: secret
      POSTGRES_DB: app
  app:
    image: the-app
    build: .
    environment:
      DATABASE_URL: postgres://postgres:secret@db/app
";

const DOCKERFILE: &str = r#"FROM castoff AS castoff
FROM node:22-slim
COPY --from=castoff /castoff /castoff
COPY migrations /migrations
USER node
ENTRYPOINT ["/castoff", "--"]
CMD ["node", "-e", "console.log(`started as process ${process.pid}`)"]
"#;

/// What the daemon still has of this kind whose name holds this text.
fn left(kind: &[&str], name: &str) -> bool {
    let output = Command::new("docker").args(kind).output().expect("docker runs");
    String::from_utf8_lossy(&output.stdout).contains(name)
}

#[test]
fn an_example_is_followed_noticed_where_it_is_untrue_and_leaves_nothing() {
    let source = Scratch::new("the-example");
    source.write("README.md", README);
    source.write("compose.yaml", COMPOSE);
    source.write("Dockerfile", DOCKERFILE);
    source.write("migrations/1_users.sql", "CREATE TABLE users (id int);\n");
    let Some(example) = Example::new(source.path(), &["the-app"]) else { return };
    let project = example.run("echo $COMPOSE_PROJECT_NAME").text.trim().to_owned();

    example.follow("## Start");
    for (heading, said) in [("## Untrue", "never said"), ("## Failing", "ended with 127")] {
        let error = example.try_follow(heading).expect_err(heading);
        assert!(error.contains(said), "{error}");
    }
    example.write("migrations/2_orders.sql", "CREATE TABLE orders (id int);\n");
    let rebuilt = example.run("docker compose build && docker compose run --rm app castoff status");
    assert_eq!((rebuilt.code, rebuilt.text.contains("pending (1):")), (82, true), "{}", rebuilt.text);

    let kinds = [
        &["ps", "--all", "--format", "{{.Names}}"][..],
        &["network", "ls"],
        &["image", "ls", "--format", "{{.Repository}}"],
    ];
    for kind in kinds {
        assert!(left(kind, &project), "{kind:?} would show what is left");
    }
    drop(example);
    for kind in kinds {
        assert!(!left(kind, &project), "{kind:?} shows something of {project}");
    }
}

#[test]
fn a_readme_that_shows_what_its_file_does_not_hold_is_noticed() {
    let source = Scratch::new("the-example");
    source.write("compose.yaml", COMPOSE);
    assert!(readme::untrue_quotations(README, source.path()).is_empty());
    source.write("compose.yaml", COMPOSE.replace("app:", "web:"));
    assert_eq!(readme::untrue_quotations(README, source.path()).len(), 1);
}
