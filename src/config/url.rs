//! URLs as frameworks write them, taken apart by hand: host lists and `tcp(…)` are no URLs for RFC 3986, and what is
//! wrong must be said without printing a password.

use super::dialect::{Dialect, KNOWN, dialect};
use super::encoding::{Place, decode, to_encode};
use super::hosts::{self, HostPort};

/// A URL's parts, decoded. No `Debug`: one of them is a password.
pub(crate) struct Url {
    /// What its scheme says.
    pub(crate) dialect: Dialect,
    /// The scheme as it was written, with its `+driver`.
    pub(crate) scheme: String,
    /// Whether it began with `jdbc:`, whose parameters have meanings of their own.
    pub(crate) jdbc: bool,
    /// The user name before the `@`.
    pub(crate) user: Option<String>,
    /// The password before the `@`.
    pub(crate) password: Option<String>,
    /// The hosts, in order.
    pub(crate) hosts: Vec<HostPort>,
    /// The database's name, or the path of a file as it was written.
    pub(crate) path: Option<String>,
    /// The parameters, in order.
    pub(crate) params: Vec<(String, String)>,
}

const EXAMPLE: &str = "write for example postgres://user:password@host:5432/database";

/// Takes a URL apart. The error names no part of it that could be a secret.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let text = text.trim();
    if let Some(quote) = text.chars().next().filter(|quote| matches!(quote, '"' | '\'')) {
        return Err(format!(
            "the value begins with a quote ({quote}), which `docker run --env-file` does not remove: write it without"
        ));
    }
    let (jdbc, rest) = match text.split_at_checked(5) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("jdbc:") => (true, rest),
        _ => (false, text),
    };
    let (scheme, rest) = rest.split_once(':').ok_or_else(|| format!("the value is no URL: {EXAMPLE}"))?;
    let dialect = dialect(scheme).ok_or_else(|| {
        let is_scheme =
            rest.starts_with("//") && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
        let what = if is_scheme { format!("`{scheme}://` is") } else { "the value is".to_owned() };
        format!("{what} no database castoff knows: it begins with {KNOWN}")
    })?;
    match dialect {
        Dialect::Server(_) => server(dialect, scheme, jdbc, rest),
        Dialect::Sqlite { .. } | Dialect::PrismaFile => file(dialect, scheme, jdbc, rest),
    }
}

fn server(dialect: Dialect, scheme: &str, jdbc: bool, rest: &str) -> Result<Url, String> {
    let rest = match rest.strip_prefix("//") {
        Some(rest) => rest.to_owned(),
        // pgjdbc knows `jdbc:postgresql:database`.
        None if jdbc => format!("/{}", rest.trim_start_matches('/')),
        None => return Err(format!("`//` is missing after the scheme: {EXAMPLE}")),
    };
    refuse_raw_characters(&rest)?;
    let (before, query) = rest.split_once('?').map_or((rest.as_str(), ""), |(before, query)| (before, query));
    let (userinfo, place) = match before.rsplit_once('@') {
        Some((userinfo, place)) => (Some(userinfo), place),
        None => (None, before),
    };
    let (hosts, path) = hosts::split_place(place);
    let (user, password) = match userinfo.map(|userinfo| userinfo.split_once(':').unwrap_or((userinfo, ""))) {
        Some((user, password)) => (non_empty(decode(user)?), non_empty(decode(password)?)),
        None => (None, None),
    };
    let path = match path {
        Some(path) => non_empty(decode(path).map_err(|error| format!("in the database's name {error}"))?),
        None => None,
    };
    Ok(Url {
        dialect,
        scheme: scheme.to_owned(),
        jdbc,
        user,
        password,
        hosts: hosts::parse_encoded(hosts)?,
        path,
        params: params(query)?,
    })
}

/// A path is what stands before the `?`; SQLite's own URIs decode it, and so do the frameworks.
fn file(dialect: Dialect, scheme: &str, jdbc: bool, rest: &str) -> Result<Url, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    // What is no code is left as it is, as sqlx and SQLAlchemy do.
    let path = decode(path).unwrap_or_else(|_| path.to_owned());
    Ok(Url {
        dialect,
        scheme: scheme.to_owned(),
        jdbc,
        user: None,
        password: None,
        hosts: vec![],
        path: non_empty(path),
        params: params(query)?,
    })
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A query string's parameters. Not decoded as a form: libpq takes a `+` as it is.
pub(crate) fn params(query: &str) -> Result<Vec<(String, String)>, String> {
    let mut params = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        // Whatever else it is, it may be a piece of a password, so it is not shown.
        if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.[]".contains(letter)) {
            return Err(
                "after the `?` stands a parameter whose name has odd characters; in a password `?` is \
                        written `%3F`, and in a value `&` is written `%26`"
                    .to_owned(),
            );
        }
        if matches!(name.as_str(), "password" | "user")
            && let Some(advice) = to_encode(value, Place::Query)
        {
            return Err(not_encoded(&name, &advice));
        }
        let value = decode(value).map_err(|error| format!("in the parameter {name} {error}"))?;
        params.push((name, value));
    }
    Ok(params)
}

fn not_encoded(what: &str, advice: &str) -> String {
    format!("the {what} is not percent-encoded: write {advice}{OR_AS_IT_IS}")
}

/// The other way out, which only the configured database has.
pub(crate) const OR_AS_IT_IS: &str =
    "; or give it as it is in CASTOFF_DATABASE_PASSWORD, with a URL that has none";

/// Finds a user name or password that was written into the URL as it is.
///
/// A raw `/`, `?` or `#` ends the part before the host too early, so the `@` that really ends it is looked for.
fn refuse_raw_characters(rest: &str) -> Result<(), String> {
    let userinfo = end_of_userinfo(rest).and_then(|at| rest.get(..at));
    if let Some(userinfo) = userinfo {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        if let Some(advice) = to_encode(password, Place::UserInfo) {
            return Err(not_encoded("password", &advice));
        }
        if let Some(advice) = to_encode(user, Place::UserInfo) {
            return Err(format!("the user name is not percent-encoded: write {advice}"));
        }
    }
    if rest.contains('#') {
        return Err("a `#` ends a URL early: write it `%23`".to_owned());
    }
    Ok(())
}

fn end_of_userinfo(rest: &str) -> Option<usize> {
    let last = rest.rfind('@')?;
    let before_query = rest.split('?').next().unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // `tcp(host:port)` and `unix(/path)` of the Go driver hold a slash behind the `@`.
    if let Some(hash) = rest.find('#')
        && hash < last
    {
        return Some(last);
    }
    if let Some(at) = before_query.rfind('@') {
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let key = query.split(['=', '&']).next().unwrap_or_default();
        return Some(if key.contains('@') { last } else { at });
    }
    // The only `@` stands after a `?`. A value may hold one; but a name may not, `user:pa` is no host and port, and
    // what reads `@host/database` is one.
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let key = query.split(['=', '&']).next().unwrap_or_default();
    let port = authority.split_once(':').map(|(_, port)| port).filter(|_| !authority.contains(['[', ',']));
    let odd_port = port.is_some_and(|port| !port.chars().all(|digit| digit.is_ascii_digit()));
    let no_path = port.is_some() && before_query == authority;
    let place_follows = rest.get(last..).is_some_and(|after| after.contains('/'));
    (key.is_empty() || key.contains('@') || odd_port || no_path || place_follows).then_some(last)
}

#[cfg(test)]
mod tests;
