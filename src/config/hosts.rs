//! Hosts and host lists.

use std::net::Ipv6Addr;

use super::encoding::decode;
use super::values::port;

/// One host as it was written: a name, an address without brackets, or the path of a socket; and its port, if it
/// had one.
pub(crate) type HostPort = (String, Option<u16>);

/// Splits what follows the `@` into the hosts and, after a slash, the path.
pub(crate) fn split_place(place: &str) -> (&str, Option<&str>) {
    // The Go driver for MySQL writes unix(/path): that slash is none.
    let skip = if place.starts_with("unix(") { place.find(')').unwrap_or(0) } else { 0 };
    let slash = place.char_indices().find(|(at, letter)| *at >= skip && *letter == '/').map(|(at, _)| at);
    match slash.and_then(|at| place.split_at_checked(at)) {
        Some((hosts, path)) => (hosts, path.strip_prefix('/')),
        None => (place, None),
    }
}

/// The host list of a URL, each host percent-encoded (which is how a socket's path gets in).
pub(crate) fn parse_encoded(list: &str) -> Result<Vec<HostPort>, String> {
    let list = match list.strip_prefix("tcp(").or_else(|| list.strip_prefix("unix(")) {
        Some(inside) => inside.strip_suffix(')').ok_or("the `(` before the host is not closed by `)`")?,
        None => list,
    };
    parse(list, |name| decode(name).map_err(|error| format!("in the host {error}")))
}

/// A host list written as it is: of the parts, of a secret, of `?host=`.
pub(crate) fn parse_plain(list: &str) -> Result<Vec<HostPort>, String> {
    if list.parse::<Ipv6Addr>().is_ok() {
        return Ok(vec![(list.to_owned(), None)]);
    }
    if list.starts_with('/') {
        return list.split(',').map(|path| named(path.to_owned(), None)).collect();
    }
    parse(list, |name| Ok(name.to_owned()))
}

fn parse(list: &str, decoded: impl Fn(&str) -> Result<String, String>) -> Result<Vec<HostPort>, String> {
    if list.is_empty() {
        return Ok(vec![]);
    }
    list.split(',')
        .map(|entry| {
            if entry.starts_with('/') {
                return named(entry.to_owned(), None);
            }
            if let Some(rest) = entry.strip_prefix('[') {
                let (address, after) = rest.split_once(']').ok_or("a host begins with `[` and has no `]`")?;
                let address = decoded(address)?;
                let plain = address.split('%').next().unwrap_or_default();
                plain.parse::<Ipv6Addr>().map_err(|_| "what stands in `[…]` is not an IPv6 address")?;
                return Ok((address, after_colon(after)?));
            }
            let (name, after) = match entry.split_once(':') {
                Some((_, after)) if after.contains(':') => {
                    return Err("an IPv6 address is written in brackets, for example [::1]:5432".to_owned());
                }
                Some((name, _)) => (name, entry.get(name.len()..).unwrap_or_default()),
                None => (entry, ""),
            };
            named(decoded(name)?, after_colon(after)?)
        })
        .collect()
}

/// The message never quotes: a password that was not encoded ends up here too.
fn after_colon(after: &str) -> Result<Option<u16>, String> {
    match after.strip_prefix(':') {
        None if after.is_empty() => Ok(None),
        None => Err("after a host's `]` only `:` and a port may follow".to_owned()),
        Some("") => Ok(None),
        Some(number) => port(number).map(Some).map_err(|_| {
            "the port after the host is not a number from 1 to 65535; if that is part of a password, its `/`, `?` \
             and `#` are written `%2F`, `%3F` and `%23`"
                .to_owned()
        }),
    }
}

fn named(name: String, port: Option<u16>) -> Result<HostPort, String> {
    let is_path = name.starts_with('/') && !name.contains('\0');
    let is_name = name.chars().all(|letter| letter.is_alphanumeric() || "-_.".contains(letter));
    if is_path || is_name {
        return Ok((name, port));
    }
    Err("the host holds a character that no host name has".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{parse_encoded, parse_plain, split_place};

    fn host(name: &str, port: Option<u16>) -> (String, Option<u16>) {
        (name.to_owned(), port)
    }

    #[test]
    fn a_list_keeps_each_host_with_its_own_port() {
        let hosts = parse_encoded("a:1,b,[::1]:5433,[fe80::1%25eth0],%2Fvar%2Frun").unwrap();
        let wanted = [
            host("a", Some(1)),
            host("b", None),
            host("::1", Some(5433)),
            host("fe80::1%eth0", None),
            host("/var/run", None),
        ];
        assert_eq!(hosts, wanted);
    }

    #[test]
    fn the_go_driver_wraps_its_address() {
        assert_eq!(parse_encoded("tcp(db:3307)").unwrap(), [host("db", Some(3307))]);
        let (hosts, path) = split_place("unix(/run/mysqld.sock)/app");
        assert_eq!(
            (parse_encoded(hosts).unwrap(), path),
            (vec![host("/run/mysqld.sock", None)], Some("app"))
        );
    }

    #[test]
    fn a_part_may_be_a_bare_ipv6_address_or_a_directory() {
        assert_eq!(parse_plain("::1").unwrap(), [host("::1", None)]);
        assert_eq!(parse_plain("[::1]:5433").unwrap(), [host("::1", Some(5433))]);
        assert_eq!(parse_plain("/var/run/postgresql").unwrap(), [host("/var/run/postgresql", None)]);
        assert_eq!(parse_plain("db:5433").unwrap(), [host("db", Some(5433))]);
    }

    #[test]
    fn what_is_no_host_is_refused_without_being_shown() {
        for list in ["a:b", "a:0", "a:70000", "[::1", "[zz]", "[::1]x", "::1:5", "a b", "a;b", "(x)", "tcp(a"]
        {
            let error = parse_encoded(list).unwrap_err();
            assert!(!error.contains(list), "{list}: {error}");
        }
    }
}
