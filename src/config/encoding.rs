//! Percent-encoding, and what to say about a password that lacks it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Like [`ENCODED`], with the slashes of a path left alone.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Encodes a value for any place in a URL.
pub(crate) fn encode(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

/// Encodes a file's path.
pub(crate) fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, ENCODED_PATH).to_string()
}

/// Decodes a value; a `%` that begins no code, or codes that are no UTF-8, are errors without the value.
pub(crate) fn decode(value: &str) -> Result<String, String> {
    if has_stray_percent(value) {
        return Err("a `%` stands there without two hexadecimal digits after it: write it `%25`".to_owned());
    }
    percent_decode_str(value)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| "the percent-encoded bytes are not UTF-8: write a literal `%` as `%25`".to_owned())
}

fn has_stray_percent(value: &str) -> bool {
    let mut pieces = value.split('%');
    pieces.next();
    pieces.any(|piece| {
        let mut digits = piece.bytes().take(2);
        !(digits.next().is_some_and(|digit| digit.is_ascii_hexdigit())
            && digits.next().is_some_and(|digit| digit.is_ascii_hexdigit()))
    })
}

/// Where in a URL a value stands, which decides what it may hold as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before the `@`: RFC 3986's unreserved characters and sub-delims. Its `:` is left out, since some drivers
    /// split at the first and some at the last one.
    UserInfo,
    /// After the `?`: also without `&`, and without `+`, which JDBC drivers read as a space and libpq does not.
    Query,
}

/// Which characters of a user name or password should have been percent-encoded, and how: `` `#` as `%23` ``.
/// `None` if none.
pub(crate) fn to_encode(value: &str, place: Place) -> Option<String> {
    let plain = match place {
        Place::UserInfo => "-._~!$&'()*+,;=",
        Place::Query => "-._~!$'()*,;=",
    };
    let mut wrong: Vec<char> = Vec::new();
    for letter in value.chars() {
        let fine = letter.is_ascii_alphanumeric() || plain.contains(letter) || letter == '%';
        if !fine && !wrong.contains(&letter) {
            wrong.push(letter);
        }
    }
    if has_stray_percent(value) {
        wrong.push('%');
    }
    // In order of the alphabet, not of the password.
    wrong.sort_unstable();
    let advice: Vec<String> = wrong
        .iter()
        .map(|letter| {
            let code = utf8_percent_encode(letter.encode_utf8(&mut [0; 4]), ENCODED).to_string();
            match letter {
                ' ' => format!("a space as `{code}`"),
                letter if letter.is_control() => format!("a control character as `{code}`"),
                letter => format!("`{letter}` as `{code}`"),
            }
        })
        .collect();
    (!advice.is_empty()).then(|| advice.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Place, decode, encode, to_encode};

    #[test]
    fn each_character_is_named_once_with_its_code() {
        let advice = to_encode("S7#tY4^zN9_Rq2+xS8!nV9d#", Place::UserInfo).unwrap();
        assert_eq!(advice, "`#` as `%23`, `^` as `%5E`");
        assert_eq!(to_encode("a b", Place::UserInfo).unwrap(), "a space as `%20`");
        assert_eq!(to_encode("é", Place::UserInfo).unwrap(), "`é` as `%C3%A9`");
        assert_eq!(to_encode("a+b", Place::Query).unwrap(), "`+` as `%2B`");
    }

    #[test]
    fn an_encoded_password_needs_nothing() {
        assert_eq!(to_encode(&encode("S7#tY4^zN9_Rq2+x@/:?%é "), Place::UserInfo), None);
        assert_eq!(to_encode("a+b!", Place::UserInfo), None);
    }

    #[test]
    fn a_percent_sign_must_begin_a_code() {
        for value in ["%", "a%2", "%zz", "100%", "%2x"] {
            assert_eq!(to_encode(value, Place::UserInfo).unwrap(), "`%` as `%25`", "{value}");
            assert!(decode(value).is_err());
        }
        assert!(decode("%ff").is_err());
        assert_eq!(decode("%25%41").unwrap(), "%A");
    }
}
