//! MySQL's words for encryption, mapped to libpq's.

use super::files::{Files, readable};
use super::{Places, Wish, accept, contradicts, go_tls};
use crate::config::parameters::{Param, Params};
use crate::config::report::Report;
use crate::config::values::boolean;
use crate::target::{Tls, TlsMode, TlsRoot};

/// MySQL: its own words, and libpq's.
pub(crate) fn mysql(params: &mut Params, places: Places<'_>, report: &mut Report) -> Tls {
    let accept = accept(params, report);
    let prisma = accept.is_some();
    let wish = mysql_wish(params, accept.as_ref(), report);
    let files = Files::take(params, prisma, report);
    let never_verify = wish.is_some_and(|wish| wish.never_verify);
    let mut tls = Tls { mode: wish.map_or_else(TlsMode::default, |wish| wish.mode), ..Tls::default() };
    if tls.mode == TlsMode::Disable {
        return tls;
    }
    tls.root = match &files.root {
        Some(root) if root.value == "system" => TlsRoot::System,
        Some(root) => readable(root, places, report).map_or(TlsRoot::Unset, TlsRoot::File),
        None => TlsRoot::Unset,
    };
    let rooted = tls.root != TlsRoot::Unset;
    match tls.mode {
        _ if never_verify => tls.root = TlsRoot::Unset,
        TlsMode::Require if rooted => tls.mode = TlsMode::VerifyCa,
        // As the mysql client: a given authority and no mode mean that it counts.
        TlsMode::Prefer if rooted && wish.is_none() => tls.mode = TlsMode::VerifyCa,
        TlsMode::VerifyCa | TlsMode::VerifyFull if !rooted => tls.root = TlsRoot::System,
        _ => {}
    }
    files.client(&mut tls, None, None, places, report);
    tls
}

fn mysql_wish(params: &mut Params, accept: Option<&(Param, bool)>, report: &mut Report) -> Option<Wish> {
    let sslmode = params.take("sslmode", report);
    let go = go_tls(params, report);
    let node = params.take("ssl", report).and_then(|param| node_ssl(&param, report));
    let jdbc = switches(params, report);
    let other = go.or(node).or(jdbc);
    let sslmode = match sslmode {
        Some(param) => {
            let wish = mysql_word(&param, report)?;
            contradicts(&param, wish, other, report);
            Some(wish)
        }
        None => None,
    };
    let Some((param, strict)) = accept else { return sslmode.or(other) };
    // Prisma on MySQL: the parameter alone turns TLS on.
    let mode = if *strict { TlsMode::VerifyFull } else { TlsMode::Require };
    let wish = Wish { never_verify: !strict, ..Wish::plain(mode) };
    contradicts(param, wish, sslmode.or(other), report);
    Some(wish)
}

fn mysql_word(param: &Param, report: &mut Report) -> Option<Wish> {
    let mode = match param.value.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "disabled" | "disable" => TlsMode::Disable,
        "preferred" | "prefer" => TlsMode::Prefer,
        "required" | "require" => TlsMode::Require,
        // MariaDB Connector/J
        "trust" => return Some(Wish { never_verify: true, ..Wish::plain(TlsMode::Require) }),
        "verifyca" => TlsMode::VerifyCa,
        "verifyidentity" | "verifyfull" => TlsMode::VerifyFull,
        _ => {
            report.mistake(param.not_one_of("DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY"));
            return None;
        }
    };
    Some(Wish::plain(mode))
}

/// `ssl={"rejectUnauthorized":true}` of mysql2 for Node.
fn node_ssl(param: &Param, report: &mut Report) -> Option<Wish> {
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&param.value).ok();
    let verify = object
        .filter(|object| object.keys().all(|key| key == "rejectUnauthorized"))
        .and_then(|object| object.get("rejectUnauthorized").map_or(Some(true), serde_json::Value::as_bool));
    match verify {
        Some(true) => Some(Wish::plain(TlsMode::VerifyFull)),
        Some(false) => Some(Wish { never_verify: true, ..Wish::plain(TlsMode::Require) }),
        None => {
            report.mistake(
                param.mistake(
                    "means something else in each driver: write ssl-mode=REQUIRED or VERIFY_IDENTITY",
                ),
            );
            None
        }
    }
}

/// The switches of MySQL Connector/J, Connector/Python and `PyMySQL`.
fn switches(params: &mut Params, report: &mut Report) -> Option<Wish> {
    let mut on = |key: &str| {
        let param = params.take(key, report)?;
        report.accept(boolean(&param.value).map_err(|_| param.not_one_of("true or false")))
    };
    let use_ssl = on("usessl");
    let required = on("requiressl");
    let verify = on("verifyservercertificate").or(on("sslverifycert"));
    let identity = on("sslverifyidentity");
    let disabled = on("ssldisabled");
    let mode = match (use_ssl, required, verify, identity, disabled) {
        (Some(false), ..) | (.., Some(true)) => TlsMode::Disable,
        (.., Some(true), _) => TlsMode::VerifyFull,
        (_, _, Some(true), ..) => TlsMode::VerifyCa,
        (_, Some(true), ..) => TlsMode::Require,
        _ => return None,
    };
    Some(Wish::plain(mode))
}
