//! The order of migrations: that of JavaScript's `localeCompare`, by which `packages/migrate/src/utils/listMigrations.ts`
//! sorts the directories. Releases before that file compared bytes; names of 14 digits sort alike in both.

use std::cmp::Ordering;

/// The characters of ASCII in the order of the Unicode collation's root, as Node.js 20 sorts them; a letter stands for
/// both cases.
const COLLATION: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";

/// Compares two names: by their characters, then by their case, the lower one first.
///
/// What is not ASCII comes after it, by code point: a whole collation is not worth its size for accents in names.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let weights = |name: &str| name.chars().map(weight).collect::<Vec<_>>();
    let cases = |name: &str| name.chars().map(char::is_uppercase).collect::<Vec<_>>();
    weights(one).cmp(&weights(other)).then_with(|| cases(one).cmp(&cases(other))).then_with(|| one.cmp(other))
}

fn weight(letter: char) -> (usize, u32) {
    let lower = letter.to_ascii_lowercase();
    (COLLATION.find(lower).unwrap_or(COLLATION.len()), lower.into())
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn names_sort_as_javascript_sorts_them() {
        // As Prisma 6.19.3 applied them.
        let names = [
            "0_init",
            "1_init",
            "20250101_b",
            "2025010100000_c",
            "20250101000000_a",
            "20250101000000_A2",
            "20250101000000_B",
            "add_x",
            "add-x",
            "addx",
            "init",
            "Zeta",
            "zz",
        ];
        let mut sorted = names;
        sorted.sort_unstable();
        assert_ne!(sorted, names, "bytes sort otherwise");
        sorted.sort_unstable_by(|one, other| compare(one, other));
        assert_eq!(sorted, names);
    }

    #[test]
    fn case_decides_only_between_equals() {
        let mut sorted = ["AB", "aB", "Ab", "ab_1", "aB_0", "ab", "b", "\u{e9}", "a"];
        sorted.sort_unstable_by(|one, other| compare(one, other));
        assert_eq!(sorted, ["a", "ab", "aB", "Ab", "AB", "aB_0", "ab_1", "b", "\u{e9}"]);
    }
}
