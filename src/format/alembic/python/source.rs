//! The bytes of a source file as text: byte order mark, encoding cookie (PEP 263), line ends.

use super::Unreadable;

/// Stands for a character that is not told apart; see [`decode`].
pub(super) const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// Single-byte encodings whose ASCII half is ASCII, as a cookie begins to name them.
const SINGLE_BYTE: [&str; 6] = ["ascii", "us-ascii", "latin", "iso-8859", "iso-latin", "cp125"];

/// The text of a source file, with line feeds only.
///
/// Ids are ASCII in practice, so the upper half of a single-byte encoding is only marked as [`UNKNOWN`]: comments and
/// docstrings may hold it, a value that is asked for may not.
pub(in super::super) fn decode(bytes: &[u8]) -> Result<String, Unreadable> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if let Some(zero) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Unreadable::new(line_at(bytes, zero), "there is a zero byte"));
    }
    let encoding = cookie(bytes).unwrap_or_else(|| "utf-8".into());
    let text = if encoding == "utf8" || encoding.starts_with("utf-8") {
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            Unreadable::new(line_at(bytes, error.utf8_error().valid_up_to()), "this is not UTF-8")
        })?
    } else if SINGLE_BYTE.iter().any(|known| encoding.starts_with(known)) {
        bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { UNKNOWN }).collect()
    } else {
        return Err(Unreadable::new(1, format!("the file is encoded as {encoding}")));
    };
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

fn line_at(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// The encoding that a comment in the first two lines names, in lower case and with hyphens.
fn cookie(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|byte| *byte == b'\n').take(2) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_start_matches([' ', '\t', '\u{c}']).trim_end();
        let Some(comment) = line.strip_prefix('#') else {
            // Only a comment or nothing may stand before a cookie.
            if line.is_empty() {
                continue;
            }
            return None;
        };
        let named = comment.match_indices("coding").find_map(|(at, word)| {
            let name =
                comment.get(at + word.len()..)?.strip_prefix([':', '='])?.trim_start_matches([' ', '\t']);
            let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter));
            name.get(..end.unwrap_or(name.len())).filter(|name| !name.is_empty())
        });
        if let Some(name) = named {
            return Some(name.to_ascii_lowercase().replace('_', "-"));
        }
    }
    None
}
