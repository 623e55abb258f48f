//! refinery's checksum: `SipHash-1-3` over name, version and script.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// How wide the tool's version numbers are: its feature `int8-versions` changes what is hashed, and the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// `i32` and `int4`, unless the tool was built otherwise.
    Four,
    /// `i64` and `int8`.
    Eight,
}

/// `Migration::unapplied` of `refinery_core/src/runner.rs`, which hashes with std's `Hash` of a string (its bytes and 0xFF)
/// and of an integer (its bytes as the machine orders them: little-endian wherever castoff and refinery run).
pub(super) fn checksum(name: &str, version: i64, sql: &str, width: Width) -> u64 {
    let mut hasher = SipHasher13::new();
    let mut text = |text: &str| {
        hasher.write(text.as_bytes());
        hasher.write_u8(0xff);
    };
    text(name);
    let bytes = version.to_le_bytes();
    // A version that needs more is not the narrow tool's.
    hasher.write(match width {
        Width::Four => bytes.get(..4).unwrap_or_default(),
        Width::Eight => &bytes,
    });
    hasher.write(sql.as_bytes());
    hasher.write_u8(0xff);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{Width, checksum};

    const F: &str = "CREATE TABLE t (id INT);\n";

    #[test]
    fn the_checksums_are_those_of_the_real_crate() {
        assert_eq!(checksum("init", 1, F, Width::Four), 14_534_297_154_302_664_340);
        assert_eq!(checksum("add_cars", 2, F, Width::Four), 1_400_439_292_116_786_763);
        assert_eq!(checksum("init", 1, "", Width::Four), 18_152_499_038_539_559_451);
    }

    /// Computed by `refinery_cli` 0.10.0 with the feature `int8-versions`.
    #[test]
    fn a_wide_version_is_hashed_whole() {
        assert_eq!(checksum("init", 20_250_107_090_000, F, Width::Eight), 2_777_831_610_470_514_904);
        let other = "CREATE TABLE u (id INT);\n";
        assert_eq!(checksum("u", 1, other, Width::Eight), 8_041_490_726_454_550_641);
    }
}
