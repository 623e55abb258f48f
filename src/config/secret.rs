//! The AWS RDS secret, as ECS injects it.

use serde::Deserialize;

use super::dialect;
use super::hosts;
use super::layer::Layer;
use super::values::port;

/// Fields as AWS writes them; the secret RDS manages itself holds only user name and password.
#[derive(Deserialize)]
struct Rds {
    engine: Option<String>,
    host: Option<String>,
    port: Option<Port>,
    username: Option<String>,
    password: Option<String>,
    dbname: Option<String>,
}

/// AWS writes a number; people write a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

const EXAMPLE: &str = r#"write for example {"engine":"postgres","host":"db","port":5432,"username":"app","password":"…","dbname":"app"}"#;

/// Reads a secret. Its values are as they are, never percent-encoded, and none of them is in the error.
pub(crate) fn parse(json: &str, origin: &str) -> Result<Layer, String> {
    // serde_json's own message quotes what it stumbles over.
    let secret: Rds = serde_json::from_str(json)
        .map_err(|error| format!("{origin}: not the JSON of a secret (line {}): {EXAMPLE}", error.line()))?;
    let wrong = |what: &str| format!("{origin}: its {what}; {EXAMPLE}");
    let engine = match secret.engine.filter(|engine| !engine.is_empty()) {
        Some(name) => {
            Some(dialect::engine(&name).ok_or_else(|| wrong("engine is not postgres, mysql or mariadb"))?)
        }
        None => None,
    };
    let ports = match secret.port {
        Some(Port::Number(0)) => return Err(wrong("port is not a number from 1 to 65535")),
        Some(Port::Number(number)) => vec![number],
        Some(Port::Text(text)) if text.is_empty() => vec![],
        Some(Port::Text(text)) => {
            vec![port(&text).map_err(|_| wrong("port is not a number from 1 to 65535"))?]
        }
        None => vec![],
    };
    let hosts =
        hosts::parse_plain(&secret.host.unwrap_or_default()).map_err(|_| wrong("host is no host name"))?;
    let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Layer {
        engine,
        hosts,
        ports,
        name: non_empty(secret.dbname),
        user: non_empty(secret.username),
        password: non_empty(secret.password),
        ..Layer::of(origin)
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::engine::Engine;

    #[test]
    fn the_secret_of_an_instance_says_everything() {
        let json = r#"{"engine":"postgres","host":"db.rds","port":5432,"username":"app","password":"S7#t","dbname":"shop",
            "dbInstanceIdentifier":"x"}"#;
        let layer = parse(json, "SECRET").unwrap();
        assert_eq!(layer.engine, Some(Engine::Postgres));
        assert_eq!(layer.hosts, [("db.rds".to_owned(), None)]);
        assert_eq!(layer.ports, [5432]);
        assert_eq!((layer.name.as_deref(), layer.user.as_deref()), (Some("shop"), Some("app")));
        assert_eq!(layer.password.as_deref(), Some("S7#t"));
    }

    #[test]
    fn the_secret_that_rds_manages_says_only_who() {
        let layer = parse(r#"{"username":"app","password":"p"}"#, "SECRET").unwrap();
        assert_eq!((layer.engine, layer.hosts.len(), layer.user.as_deref()), (None, 0, Some("app")));
    }

    #[test]
    fn a_port_may_be_a_string() {
        assert_eq!(parse(r#"{"port":"3306"}"#, "SECRET").unwrap().ports, [3306]);
    }

    #[test]
    fn an_error_names_the_source_and_never_the_content() {
        for json in [
            "hunter2",
            r#"{"password":hunter2}"#,
            r#"{"port":"hunter2"}"#,
            r#"{"host":"hunter2 x"}"#,
            r#"{"engine":"hunter2"}"#,
            r#"{"password":{"a":"hunter2"}}"#,
            r#"{"port":0}"#,
            r#"["hunter2"]"#,
        ] {
            let error = parse(json, "SECRET").err().unwrap();
            assert!(error.starts_with("SECRET: ") && !error.contains("hunter2"), "{error}");
        }
    }
}
