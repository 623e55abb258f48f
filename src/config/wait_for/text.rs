//! A target's text, taken apart. What is wrong is said without printing any of it: it may hold a password.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Awaited, Web};
use crate::config::dialect::dialect;
use crate::config::encoding::{Place, decode, to_encode};
use crate::config::hosts;
use crate::target::Secret;

/// What a text turns out to be.
pub(super) enum Text {
    /// Something that is all in the text.
    Simple(Awaited),
    /// The URL of a database, which is read as all of those are.
    Database,
}

const EXAMPLE: &str = "write for example tcp://cache:6379, http://search:9200/health, unix:///run/app.sock, \
                       file:///run/ready, postgres://user:password@replica:5432/app or env:DATABASE_URL_REPLICA";

/// Reads a target.
pub(super) fn read(text: &str) -> Result<Text, String> {
    let (scheme, rest) = text.split_once(':').ok_or_else(|| format!("a target has no scheme: {EXAMPLE}"))?;
    let scheme = scheme.to_ascii_lowercase();
    let simple = match scheme.as_str() {
        "tcp" => tcp(rest)?,
        "http" => Awaited::Http(web(false, rest)?),
        "https" => Awaited::Http(web(true, rest)?),
        "unix" => Awaited::Unix(path("unix", rest)?),
        // Prisma's databases are files relative to something, and waited for as databases.
        "file" if rest.starts_with('/') => Awaited::File(path("file", rest)?),
        "jdbc" => return Ok(Text::Database),
        known if dialect(known).is_some() => return Ok(Text::Database),
        unknown => return Err(no_scheme(unknown, rest)),
    };
    Ok(Text::Simple(simple))
}

fn no_scheme(scheme: &str, rest: &str) -> String {
    let is_scheme = rest.starts_with("//")
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+.-".contains(letter));
    if is_scheme {
        return format!("castoff does not speak `{scheme}://`, but can wait for its port: {EXAMPLE}");
    }
    format!("a target has no scheme: {EXAMPLE}")
}

fn tcp(rest: &str) -> Result<Awaited, String> {
    let example = "write for example tcp://cache:6379";
    let place = rest.strip_prefix("//").ok_or_else(|| format!("`//` is missing after `tcp:`: {example}"))?;
    let place = place.strip_suffix('/').unwrap_or(place);
    match host(place)? {
        Some((host, Some(port))) => Ok(Awaited::Tcp(host, port)),
        Some((_, None)) => Err(format!("the port is missing: {example}")),
        None => Err(format!("what follows `tcp://` is not one host and its port: {example}")),
    }
}

/// The only host of a place, if it is one.
fn host(place: &str) -> Result<Option<hosts::HostPort>, String> {
    let mut hosts = hosts::parse_encoded(place)?.into_iter();
    let only = hosts.next().filter(|(name, _)| !name.is_empty() && !name.starts_with('/'));
    Ok(only.filter(|_| hosts.next().is_none()))
}

/// The scheme's own port.
pub(super) fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn web(tls: bool, rest: &str) -> Result<Web, String> {
    let scheme = if tls { "https" } else { "http" };
    let example = format!("write for example {scheme}://search:9200/health");
    let rest =
        rest.strip_prefix("//").ok_or_else(|| format!("`//` is missing after `{scheme}:`: {example}"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (userinfo, place) = match authority.rsplit_once('@') {
        Some((userinfo, place)) => (Some(userinfo), place),
        None => (None, authority),
    };
    let (host, port) = host(place)?.ok_or_else(|| format!("the host is missing: {example}"))?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "in the path or the query stands a character that has to be percent-encoded, for example a \
                    space as `%20`"
                .to_owned(),
        );
    }
    Ok(Web {
        tls,
        host,
        port: port.unwrap_or(default_port(tls)),
        path,
        authorization: userinfo.map(authorization).transpose()?,
    })
}

/// HTTP's basic authentication, as curl makes it of the same URL.
fn authorization(userinfo: &str) -> Result<Secret, String> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    if let Some(advice) = to_encode(password, Place::UserInfo).or_else(|| to_encode(user, Place::UserInfo)) {
        return Err(format!("the user name or password is not percent-encoded: write {advice}"));
    }
    let plain = format!("{}:{}", decode(user)?, decode(password)?);
    Ok(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(plain))))
}

/// An absolute path, with two slashes before it, or none.
fn path(scheme: &str, rest: &str) -> Result<PathBuf, String> {
    let wrong = || format!("an absolute path is needed: write for example {scheme}:///run/app");
    let path = decode(rest.strip_prefix("//").unwrap_or(rest))?;
    if !path.starts_with('/') || path == "/" || path.contains('\0') {
        return Err(wrong());
    }
    Ok(PathBuf::from(path))
}
