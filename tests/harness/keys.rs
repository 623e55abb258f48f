//! The lock keys of the contract, computed here a second time so that the program cannot agree with itself only.

use sha2::{Digest, Sha256};

/// castoff's own key: the first 8 bytes, big-endian, of SHA-256 of its parts with zero bytes between.
pub(crate) fn own(database: &str, schema: &str, table: &str) -> i64 {
    let digest = Sha256::digest(format!("castoff\0{database}\0{schema}\0{table}"));
    i64::from_be_bytes(digest[..8].try_into().expect("eight bytes"))
}

/// sqlx's key on PostgreSQL; as lowercase hexadecimal its lock's name on MySQL.
pub(crate) fn sqlx(database: &str) -> i64 {
    0x3d32_ad9e * i64::from(crc32(database.as_bytes()))
}

/// golang-migrate's key of names that are joined already, in decimal its lock's name on MySQL.
pub(crate) fn golang_migrate(names: &str) -> u32 {
    crc32(names.as_bytes()).wrapping_mul(1_486_364_155)
}

/// Java's `String.hashCode`, which Flyway's keys are made of.
pub(crate) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// CRC-32 as in IEEE 802.3.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
