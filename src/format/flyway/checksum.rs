//! The checksum of a migration: the same whatever the line endings, the byte order mark or the encoding.

use crc::{CRC_32_ISO_HDLC, Crc};

/// CRC-32 of every line without its ending, signed (`flyway-core/…/resolver/ChecksumCalculator.java`).
pub(super) fn checksum(text: &str) -> i32 {
    let crc = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    // An empty line adds nothing, so that CR LF may count as two endings.
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).split(['\n', '\r']) {
        digest.update(line.as_bytes());
    }
    digest.finalize().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_checksum_is_flyway_s() {
        assert_eq!(checksum("CREATE TABLE t (id INT);\n"), 1_556_295_178);
        assert_eq!(checksum(""), 0);
    }

    #[test]
    fn line_endings_and_a_byte_order_mark_do_not_count() {
        for text in [
            "CREATE TABLE t (id INT);\r\nSELECT 1;",
            "CREATE TABLE t (id INT);\nSELECT 1;",
            "CREATE TABLE t (id INT);\nSELECT 1;\n",
            "CREATE TABLE t (id INT);\rSELECT 1;\r\n",
            "\u{feff}CREATE TABLE t (id INT);\nSELECT 1;",
        ] {
            assert_eq!(checksum(text), -69_630_916, "{text:?}");
        }
        assert_ne!(checksum("SELECT  1;"), checksum("SELECT 1;"));
    }
}
