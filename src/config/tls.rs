//! Encryption: libpq's parameters, and every other framework's mapped to them.

use std::path::Path;

use super::parameters::{Param, Params};
use super::report::Report;
use super::values::boolean;
use crate::target::{Tls, TlsMode, TlsRoot};

use files::{Files, readable};

mod files;
mod mysql;

pub(crate) use mysql::mysql;

/// Where relative paths and libpq's default files are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// Relative paths start here.
    pub(crate) directory: &'a Path,
    /// `$HOME`, whose `.postgresql` holds libpq's default certificates.
    pub(crate) home: Option<&'a Path>,
}

/// A mode, and what some ways of asking for it say beyond it.
#[derive(Clone, Copy)]
struct Wish {
    mode: TlsMode,
    /// The certificate is not verified, root or not.
    never_verify: bool,
    /// Without a root the system's store is meant.
    system: bool,
}

impl Wish {
    fn plain(mode: TlsMode) -> Self {
        Self { mode, never_verify: false, system: false }
    }
}

/// PostgreSQL, as libpq defines `sslmode` and `ssl*`.
pub(crate) fn postgres(params: &mut Params, jdbc: bool, places: Places<'_>, report: &mut Report) -> Tls {
    let wish = postgres_wish(params, jdbc, report);
    let accept = accept(params, report);
    let prisma = accept.is_some();
    let wish = with_accept(wish, accept, report);
    let files = Files::take(params, prisma, report);
    libpq_refusals(params, report);
    let use_certificate = match params.take("sslcertmode", report) {
        Some(param) if param.value == "disable" => false,
        Some(param) if param.value != "allow" => {
            report.mistake(
                param.mistake("may be allow or disable; castoff cannot require that one is asked for"),
            );
            true
        }
        _ => true,
    };
    let mode = wish.map(|wish| wish.mode);
    if mode == Some(TlsMode::Disable) {
        return Tls { mode: TlsMode::Disable, ..Tls::default() };
    }
    let default = |name: &str| {
        let path = places.home?.join(".postgresql").join(name);
        path.is_file().then_some(path)
    };
    let never_verify = wish.is_some_and(|wish| wish.never_verify);
    let system = wish.is_some_and(|wish| wish.system);
    let mut tls = Tls { mode: mode.unwrap_or_default(), ..Tls::default() };
    match &files.root {
        Some(root) if root.value == "system" => {
            // As libpq: the system's authorities sign for anybody, so only the whole check makes sense.
            match mode {
                None | Some(TlsMode::VerifyFull) => tls.mode = TlsMode::VerifyFull,
                Some(_) => report.mistake(root.mistake("is `system`, which needs sslmode=verify-full")),
            }
            tls.root = TlsRoot::System;
        }
        Some(root) => tls.root = readable(root, places, report).map_or(TlsRoot::Unset, TlsRoot::File),
        None if system => tls.root = TlsRoot::System,
        None => tls.root = default("root.crt").map_or(TlsRoot::Unset, TlsRoot::File),
    }
    match tls.mode {
        _ if never_verify => tls.root = TlsRoot::Unset,
        TlsMode::Require if tls.root != TlsRoot::Unset => tls.mode = TlsMode::VerifyCa,
        TlsMode::VerifyCa | TlsMode::VerifyFull if tls.root == TlsRoot::Unset && files.root.is_none() => {
            report.mistake(
                "in the database's URL, sslmode verify-ca and verify-full need to know whom to trust: write \
                 sslrootcert=system (with verify-full) or sslrootcert=/path/to/ca.pem",
            );
        }
        _ => {}
    }
    if use_certificate {
        files.client(&mut tls, default("postgresql.crt"), default("postgresql.key"), places, report);
    }
    tls
}

fn postgres_wish(params: &mut Params, jdbc: bool, report: &mut Report) -> Option<Wish> {
    let word = |param: &Param, report: &mut Report| {
        let wish = match param.value.as_str() {
            "disable" => Wish::plain(TlsMode::Disable),
            "allow" => Wish::plain(TlsMode::Allow),
            "prefer" => Wish::plain(TlsMode::Prefer),
            "require" => Wish::plain(TlsMode::Require),
            "verify-ca" => Wish::plain(TlsMode::VerifyCa),
            "verify-full" => Wish::plain(TlsMode::VerifyFull),
            // node-postgres
            "no-verify" => Wish { never_verify: true, ..Wish::plain(TlsMode::Require) },
            _ => {
                report.mistake(param.not_one_of("disable, allow, prefer, require, verify-ca or verify-full"));
                return None;
            }
        };
        Some(wish)
    };
    let sslmode = params.take("sslmode", report);
    let ssl = params.take("ssl", report);
    let requiressl = params.take("requiressl", report);
    let go = go_tls(params, report);
    if let Some(param) = sslmode {
        let wish = word(&param, report)?;
        // Beside an sslmode, pgjdbc's ssl only says that there is one.
        let off = ssl.filter(|ssl| boolean(&ssl.value) == Ok(false)).map(|_| Wish::plain(TlsMode::Disable));
        contradicts(&param, wish, off.filter(|_| !jdbc).or(go), report);
        return Some(wish);
    }
    if let Some(param) = ssl {
        return match boolean(&param.value) {
            // pgjdbc verifies; libpq itself reads ssl=true as sslmode=require.
            Ok(true) if jdbc => Some(Wish::plain(TlsMode::VerifyFull)),
            Ok(true) => Some(Wish::plain(TlsMode::Require)),
            Ok(false) if jdbc => None,
            Ok(false) => Some(Wish::plain(TlsMode::Disable)),
            // asyncpg: ssl=require
            Err(_) => word(&param, report),
        };
    }
    let required = requiressl.filter(|param| param.value == "1").map(|_| Wish::plain(TlsMode::Require));
    required.or(go)
}

/// What of libpq's parameters rustls, as sqlx drives it, cannot do.
fn libpq_refusals(params: &mut Params, report: &mut Report) {
    const FINE: &[(&str, &[&str], &str)] = &[
        ("sslminprotocolversion", &["tlsv1", "tlsv1.1", "tlsv1.2"], "castoff speaks TLS 1.2 and 1.3"),
        ("sslmaxprotocolversion", &["tlsv1.3"], "castoff speaks TLS 1.2 and 1.3"),
        ("sslnegotiation", &["postgres"], "castoff knows only the usual negotiation"),
        ("sslsni", &["1"], "castoff always names the host to the server"),
        ("sslcompression", &["0", "1"], "TLS has no compression any more"),
        ("gssencmode", &["disable", "prefer"], "castoff knows no GSS encryption"),
        ("channelbinding", &["disable", "prefer"], "castoff cannot bind channels"),
        ("requireauth", &[], "castoff cannot choose the way it authenticates"),
        ("requirepeer", &[], "castoff cannot check who owns a socket"),
    ];
    for (key, fine, why) in FINE {
        if let Some(param) = params.take(key, report)
            && !fine.contains(&param.value.to_ascii_lowercase().as_str())
        {
            let choices =
                if fine.is_empty() { String::new() } else { format!("; write {}", fine.join(" or ")) };
            report.mistake(param.mistake(&format!("cannot be honoured: {why}{choices}, or remove it")));
        }
    }
}

/// Prisma's `sslaccept`: `Some(true)` is strict.
fn accept(params: &mut Params, report: &mut Report) -> Option<(Param, bool)> {
    let param = params.take("sslaccept", report)?;
    match param.value.as_str() {
        "strict" => Some((param, true)),
        "accept_invalid_certs" => Some((param, false)),
        _ => {
            report.mistake(param.not_one_of("strict or accept_invalid_certs"));
            None
        }
    }
}

/// Prisma on PostgreSQL: sslmode says whether, sslaccept how strictly. Strict includes the host's name.
fn with_accept(wish: Option<Wish>, accept: Option<(Param, bool)>, report: &mut Report) -> Option<Wish> {
    match (wish, accept) {
        (wish, None) => wish,
        (Some(wish), Some(_)) if wish.mode == TlsMode::Disable => Some(wish),
        (_, Some((_, true))) => Some(Wish { system: true, ..Wish::plain(TlsMode::VerifyFull) }),
        (wish, Some((param, false))) => {
            let mode = wish.map_or(TlsMode::Prefer, |wish| wish.mode);
            if matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull) {
                report.mistake(param.mistake("contradicts an sslmode that verifies: keep one"));
            }
            Some(Wish { never_verify: true, ..Wish::plain(mode) })
        }
    }
}

/// `tls` of the Go driver for MySQL, with golang-migrate's `x-tls-insecure-skip-verify`.
fn go_tls(params: &mut Params, report: &mut Report) -> Option<Wish> {
    let skip = params.take("xtlsinsecureskipverify", report);
    let skip = skip.is_some_and(|param| boolean(&param.value).unwrap_or(false));
    let param = params.take("tls", report)?;
    let wish = match param.value.to_ascii_lowercase().as_str() {
        "true" | "custom" if skip => Wish { never_verify: true, ..Wish::plain(TlsMode::Require) },
        "true" | "custom" => Wish { system: true, ..Wish::plain(TlsMode::VerifyFull) },
        "skip-verify" => Wish { never_verify: true, ..Wish::plain(TlsMode::Require) },
        "preferred" => Wish { never_verify: true, ..Wish::plain(TlsMode::Prefer) },
        "false" => Wish::plain(TlsMode::Disable),
        _ => {
            report.mistake(param.not_one_of("true, skip-verify, preferred or false"));
            return None;
        }
    };
    Some(wish)
}

/// Two parameters of which one turns TLS off and the other on, or one asks for less than the other: the one that is
/// taken would silently win.
fn contradicts(taken: &Param, wish: Wish, other: Option<Wish>, report: &mut Report) {
    let verifies = |mode| matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
    if let Some(other) = other
        && ((wish.mode == TlsMode::Disable) != (other.mode == TlsMode::Disable)
            || (verifies(other.mode) && !verifies(wish.mode)))
    {
        report.mistake(taken.mistake("and another parameter choose TLS differently: keep one"));
    }
}
