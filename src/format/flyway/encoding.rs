//! The encodings a file may be in.

/// An encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, and ASCII with it.
    Utf8,
    /// Every byte is the character of that number.
    Latin1,
    /// Two bytes a unit; their order is the byte order mark's, or this.
    Utf16 {
        /// Whether the lower byte comes first where nothing says so.
        little: bool,
    },
}

impl Encoding {
    /// The names that are known, for messages.
    pub(super) const NAMES: &str = "UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE or UTF-16LE";

    /// The encoding of one of Java's names.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" => Self::Utf8,
            "ISO-8859-1" | "ISO8859_1" | "LATIN1" => Self::Latin1,
            "UTF-16" | "UTF-16BE" => Self::Utf16 { little: false },
            "UTF-16LE" => Self::Utf16 { little: true },
            _ => return None,
        })
    }

    /// The text of a file; `None` where it is not in this encoding. UTF-8 is left to the caller, who can say the line.
    pub(super) fn decode(self, content: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(content).ok().map(str::to_owned),
            Self::Latin1 => Some(content.iter().map(|byte| char::from(*byte)).collect()),
            Self::Utf16 { little } => {
                let little = match content.get(..2) {
                    Some([0xff, 0xfe]) => true,
                    Some([0xfe, 0xff]) => false,
                    _ => little,
                };
                let (units, rest) = content.as_chunks::<2>();
                let units = units
                    .iter()
                    .map(|unit| if little { u16::from_le_bytes(*unit) } else { u16::from_be_bytes(*unit) });
                let text: Result<String, _> = char::decode_utf16(units).collect();
                text.ok().filter(|_| rest.is_empty())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding;

    #[test]
    fn a_text_is_the_same_in_every_encoding() {
        let little: Vec<u8> = "é;\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}é;\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (name, content, text) in [
            ("utf-8", "é;\n".as_bytes().to_vec(), "é;\n"),
            ("ISO-8859-1", vec![0xe9, b';', b'\n'], "é;\n"),
            ("UTF-16LE", little, "é;\n"),
            ("UTF-16", big, "\u{feff}é;\n"),
        ] {
            assert_eq!(Encoding::named(name).unwrap().decode(&content).as_deref(), Some(text), "{name}");
        }
    }

    #[test]
    fn what_is_not_in_the_encoding_is_no_text() {
        assert!(Encoding::Utf8.decode(&[0xe9]).is_none());
        assert!(Encoding::Utf16 { little: true }.decode(b"odd").is_none());
        assert!(Encoding::named("windows-1252").is_none());
    }
}
