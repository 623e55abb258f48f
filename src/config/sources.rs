//! Where the database's address can come from, and the one target it all amounts to.

use std::path::Path;

use super::dialect::Dialect;
use super::export::Export;
use super::layer::Layer;
use super::parameters::{GolangMigrate, Param, Params, golang_migrate, refuse_postgres_only};
use super::part::{PARTS, Part};
use super::password_command::PasswordCommand;
use super::report::Report;
use super::secret;
use super::settings::Settings;
use super::source::{Source, Unreadable, url_source};
use super::sqlite::{self, Folders};
use super::url::{self, Url};
use super::{mysql, pgpass, postgres};
use crate::engine::Engine;
use crate::environment::Environment;
use crate::target::{Secret, SessionAttrs, Target, Tls, TlsMode};

/// Everything that was said about the database. No `Debug`: it holds secrets.
#[derive(Clone)]
pub(crate) struct Sources {
    url: Option<Source>,
    secret: Option<Source>,
    password: Option<Source>,
    parts: Vec<(String, Part, String)>,
    pub(crate) command: Option<PasswordCommand>,
    environment: Environment,
    folders: Folders,
    /// Whether this is a target of `--wait-for`: nothing but its URL says where it is, and it is only read.
    is_target: bool,
}

/// What it amounts to.
#[derive(Clone)]
pub(crate) struct Assembled {
    pub(crate) target: Target,
    /// What golang-migrate's parameters say.
    pub(crate) golang_migrate: GolangMigrate,
    /// Whether the password command gives the password.
    pub(crate) asks: bool,
    pub(crate) export: Export,
}

impl Sources {
    /// Looks everything up. `None` if nothing names a database.
    pub(crate) fn collect(
        settings: &Settings<'_>,
        folders: &Folders,
        directory: &Path,
        report: &mut Report,
    ) -> Option<Self> {
        let environment = settings.environment.clone();
        let url = url_source(settings, directory, report);
        let secret = settings.secret("database-secret", directory, report);
        let password = settings.secret("database-password", directory, report);
        let parts: Vec<(String, Part, String)> = PARTS
            .into_iter()
            .filter_map(|(flag, part)| {
                settings.get(flag, report).map(|setting| (setting.origin, part, setting.value))
            })
            .collect();
        let command = settings
            .get("database-password-command", report)
            .and_then(|setting| report.accept(PasswordCommand::new(&setting.origin, &setting.value)));
        let nothing =
            url.is_none() && secret.is_none() && parts.is_empty() && !postgres::named_by(&environment);
        let folders = folders.clone();
        let found = Self { url, secret, password, parts, command, environment, folders, is_target: false };
        (!nothing).then_some(found)
    }

    /// A target of `--wait-for`. Its URL alone says where it is; what it leaves out libpq's variables fill, as ever.
    pub(crate) fn of_target(url: Source, environment: &Environment, folders: &Folders) -> Self {
        Self {
            url: Some(url),
            secret: None,
            password: None,
            parts: Vec::new(),
            command: None,
            environment: environment.clone(),
            folders: folders.clone(),
            is_target: true,
        }
    }

    /// Whether reading it all again can give something else.
    pub(crate) fn can_change(&self) -> bool {
        [&self.url, &self.secret, &self.password].into_iter().flatten().any(Source::is_file)
    }

    /// Reads the sources and lays them over one another. `Err` where a file cannot be read just now; `Ok(None)` where
    /// the report says what is wrong.
    pub(crate) fn assemble(&self, report: &mut Report) -> Result<Option<Assembled>, String> {
        let mut layers = Vec::new();
        let read = |source: &Option<Source>, report: &mut Report| match source.as_ref().map(Source::read) {
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(Unreadable::File(why))) => Err(why),
            Some(Err(Unreadable::Content(why))) => {
                report.mistake(why);
                Ok(None)
            }
            None => Ok(None),
        };
        let texts = [&self.url, &self.secret, &self.password].map(|source| read(source, report));
        let unreadable: Vec<&str> =
            texts.iter().filter_map(|text| text.as_ref().err().map(String::as_str)).collect();
        if !unreadable.is_empty() {
            return Err(unreadable.join("; "));
        }
        let [url_text, secret_text, password_text] = texts.map(Result::unwrap_or_default);
        let mut url: Option<Url> = None;
        if let (Some(source), Some(text)) = (&self.url, &url_text) {
            let parsed = url::parse(text).map_err(|why| {
                let why = if self.is_target { why.trim_end_matches(url::OR_AS_IT_IS) } else { &why };
                format!("{}: {why}", source.origin)
            });
            if let Some(parsed) = report.accept(parsed) {
                layers.extend(self.url_layer(&source.origin, &parsed, report));
                url = Some(parsed);
            }
        }
        let from_url = layers.first().cloned();
        if let (Some(source), Some(text)) = (&self.secret, &secret_text) {
            layers.extend(report.accept(secret::parse(text, &source.origin)));
        }
        layers.extend(self.parts.iter().filter_map(|(origin, part, value)| {
            let layer = part.layer(origin, value);
            report.accept(layer.map_err(|why| format!("{origin}: {why}")))
        }));
        if let (Some(source), Some(text)) = (&self.password, password_text) {
            layers.push(Layer { password: Some(text), ..Layer::of(&source.origin) });
        }
        if report.has_mistakes() {
            return Ok(None);
        }
        let mut layers = layers.into_iter();
        let mut merged = layers.next().unwrap_or_default();
        for lower in layers {
            merged.fill_from(lower, report);
        }
        let asks = match &self.command {
            Some(command) if merged.password.is_some() => {
                report.warnings.push(format!("{} has no effect: the password is given", command.origin()));
                false
            }
            Some(_) => true,
            None => false,
        };
        let export = self.export(from_url.as_ref(), url.as_ref(), url_text.as_deref(), &merged, asks);
        let Some((mut target, golang_migrate)) = self.target(merged, url.as_ref(), asks, report) else {
            return Ok(None);
        };
        if self.is_target && target.session_attrs == SessionAttrs::Unset {
            target.session_attrs = SessionAttrs::Any;
        }
        let asks = asks && target.engine != Engine::Sqlite;
        Ok(Some(Assembled { target, golang_migrate, asks, export }))
    }

    fn url_layer(&self, origin: &str, url: &Url, report: &mut Report) -> Option<Layer> {
        let param = |(name, value): &(String, String)| Param {
            name: name.clone(),
            value: value.clone(),
            origin: origin.to_owned(),
        };
        let mut layer = Layer {
            engine: Some(url.dialect.engine()),
            hosts: url.hosts.clone(),
            user: url.user.clone(),
            password: url.password.clone(),
            params: url.params.iter().map(param).collect(),
            ..Layer::of(origin)
        };
        match url.dialect {
            Dialect::Server(Engine::MySql) => mysql::place_from_params(&mut layer, report),
            Dialect::Server(_) => postgres::place_from_params(&mut layer, report),
            Dialect::Sqlite { .. } | Dialect::PrismaFile => {
                let path = url.path.as_deref().unwrap_or(":memory:");
                let located = sqlite::locate(url.dialect, path, &self.folders, report);
                layer.name = Some(report.accept(located.map_err(|why| format!("{origin}: {why}")))?);
            }
        }
        if layer.name.is_none() {
            layer.name.clone_from(&url.path);
        }
        Some(layer)
    }

    /// An application that was given a complete URL needs no other.
    fn export(
        &self,
        from_url: Option<&Layer>,
        url: Option<&Url>,
        text: Option<&str>,
        merged: &Layer,
        asks: bool,
    ) -> Export {
        let same = |layer: &Layer| {
            layer.hosts == merged.hosts
                && layer.ports == merged.ports
                && layer.name == merged.name
                && layer.user == merged.user
                && layer.password == merged.password
        };
        let complete = !asks && from_url.is_some_and(same);
        match (&self.url, text) {
            (Some(source), Some(text)) if complete && source.is_file() => Export::AsItIs(Secret::new(text)),
            (Some(_), Some(text)) if complete => Export::Needless(Secret::new(text)),
            _ => Export::Anew {
                scheme: url.map(|url| url.scheme.clone()),
                jdbc: url.is_some_and(|url| url.jdbc),
                params: merged.params.iter().map(|param| (param.name.clone(), param.value.clone())).collect(),
            },
        }
    }

    fn target(
        &self,
        mut layer: Layer,
        url: Option<&Url>,
        asks: bool,
        report: &mut Report,
    ) -> Option<(Target, GolangMigrate)> {
        let engine = self.engine(&layer, report)?;
        let by_variables = engine == Engine::Postgres && postgres::named_by(&self.environment);
        if engine == Engine::Postgres {
            for mut lowest in postgres::from_variables(&self.environment, &layer, report) {
                if asks {
                    lowest.password = None;
                }
                // Shadowing its variables is everyday life for libpq, so nothing is said.
                layer.fill_from(lowest, &mut Report::default());
            }
            if layer.hosts.is_empty() && self.environment.get("PGSERVICE").is_some() {
                report.mistake(
                    "PGSERVICE names a service file, which castoff does not read: set PGHOST and its fellows",
                );
            }
        }
        // Parts that forget the host or the user are a mistake; a URL without them means libpq's defaults.
        let defaults = url.is_some() || (by_variables && self.secret.is_none() && self.parts.is_empty());
        if engine != Engine::Sqlite && !defaults {
            for (missing, what) in [(layer.hosts.is_empty(), "HOST"), (layer.user.is_none(), "USER")] {
                if missing {
                    report.mistake(format!(
                        "nothing says the database's {}: set CASTOFF_DATABASE_{what}",
                        if what == "HOST" { "host" } else { "user name" }
                    ));
                }
            }
            if report.has_mistakes() {
                return None;
            }
        }
        match engine {
            Engine::Postgres => {
                let jdbc = url.is_some_and(|url| url.jdbc);
                let (mut target, golang_migrate) =
                    postgres::target(layer, jdbc, &self.environment, &self.folders.working, report)?;
                if target.password.is_none() && !asks {
                    target.password = pgpass::password(&target, &self.environment, report);
                }
                Some((target, golang_migrate))
            }
            Engine::MySql => mysql::target(layer, &self.folders.working, report),
            Engine::Sqlite => self.file(layer, report),
        }
    }

    /// The engine: as said, else from the port, else PostgreSQL if libpq's variables name a server.
    fn engine(&self, layer: &Layer, report: &mut Report) -> Option<Engine> {
        let port = layer.ports.first().copied().or_else(|| layer.hosts.first().and_then(|(_, port)| *port));
        let found = layer.engine.or(match port {
            Some(5432) => Some(Engine::Postgres),
            Some(3306) => Some(Engine::MySql),
            _ => None,
        });
        let found = found.or_else(|| postgres::named_by(&self.environment).then_some(Engine::Postgres));
        if found.is_none() {
            report.mistake(
                "nothing says which database it is: set CASTOFF_DATABASE_ENGINE to postgres, mysql or sqlite \
                 (ports 5432 and 3306 say it too)",
            );
        }
        found
    }

    fn file(&self, layer: Layer, report: &mut Report) -> Option<(Target, GolangMigrate)> {
        if self.command.is_some()
            || !layer.hosts.is_empty()
            || !layer.ports.is_empty()
            || layer.user.is_some()
            || layer.password.is_some()
        {
            report.warnings.push("host, port, user and password mean nothing to SQLite".to_owned());
        }
        let Some(name) = layer.name else {
            report
                .mistake("nothing says the SQLite file: set CASTOFF_DATABASE_NAME, for example /data/app.db");
            return None;
        };
        let located = sqlite::locate(Dialect::Server(Engine::Sqlite), &name, &self.folders, report)
            .map_err(|why| format!("CASTOFF_DATABASE_NAME: {why}"));
        let database = report.accept(located)?;
        sqlite::refuse_memory(&layer.params, report);
        let mut params = Params::new(layer.params);
        refuse_postgres_only(&mut params, "SQLite", report);
        let golang_migrate = golang_migrate(&mut params, report);
        let settings = sqlite::settings(&mut params, report);
        params.ignore_rest(report);
        let target = Target {
            engine: Engine::Sqlite,
            hosts: vec![],
            database,
            user: String::new(),
            password: None,
            tls: Tls { mode: TlsMode::Disable, ..Tls::default() },
            settings,
            schema: None,
            session_attrs: SessionAttrs::Unset,
        };
        Some((target, golang_migrate))
    }
}
