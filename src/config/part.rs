//! The parts of an address, each in an option of its own.

use super::dialect;
use super::hosts;
use super::layer::Layer;
use super::parameters::Param;
use super::postgres;
use super::report::shown;
use super::url;

/// Which part an option is. The password, which may be in a file, is read elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Engine,
    Host,
    Port,
    Name,
    User,
    Params,
}

/// The options of the parts.
pub(crate) const PARTS: [(&str, Part); 6] = [
    ("database-engine", Part::Engine),
    ("database-host", Part::Host),
    ("database-port", Part::Port),
    ("database-name", Part::Name),
    ("database-user", Part::User),
    ("database-params", Part::Params),
];

/// Parameters that say what a part says.
const OF_A_PART: [(&str, &str); 8] = [
    ("host", "CASTOFF_DATABASE_HOST"),
    ("hostaddr", "CASTOFF_DATABASE_HOST"),
    ("socket", "CASTOFF_DATABASE_HOST"),
    ("unix_socket", "CASTOFF_DATABASE_HOST"),
    ("port", "CASTOFF_DATABASE_PORT"),
    ("user", "CASTOFF_DATABASE_USER"),
    ("password", "CASTOFF_DATABASE_PASSWORD"),
    ("dbname", "CASTOFF_DATABASE_NAME"),
];

impl Part {
    /// What a part says, as a source of its own.
    pub(crate) fn layer(self, origin: &str, value: &str) -> Result<Layer, String> {
        let mut layer = Layer::of(origin);
        match self {
            Self::Engine => {
                let engine = dialect::engine(value)
                    .ok_or_else(|| format!("{} is not postgres, mysql or sqlite", shown(value)))?;
                layer.engine = Some(engine);
            }
            Self::Host => {
                if value.contains("://") {
                    return Err(
                        "holds a URL; write it into CASTOFF_DATABASE_URL, or only its host here".to_owned()
                    );
                }
                layer.hosts = hosts::parse_plain(value)?;
            }
            Self::Port => layer.ports = postgres::ports(value)?,
            Self::Name => layer.name = Some(value.to_owned()),
            Self::User => layer.user = Some(value.to_owned()),
            Self::Params => {
                let params = url::params(value.trim_start_matches('?'))?;
                for (name, _) in &params {
                    if let Some((_, part)) = OF_A_PART.iter().find(|(known, _)| known == name) {
                        return Err(format!("the parameter {name} has an option of its own: set {part}"));
                    }
                }
                let param = |(name, value)| Param { name, value, origin: origin.to_owned() };
                layer.params = params.into_iter().map(param).collect();
            }
        }
        Ok(layer)
    }
}
