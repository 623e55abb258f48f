//! Takes out of an output what is another in every run.

/// How a moment is written; `0` is any digit.
const MOMENTS: [(&str, &str); 2] = [
    ("0000-00-00T00:00:00.000Z", "2026-01-31T03:00:00.123Z"),
    ("0000-00-00T00:00:00Z", "2026-01-31T03:00:00Z"),
];

/// What stands before a number that is another every time.
const BEFORE: [&str; 9] =
    ["_ms=", "attempt=", "(attempt ", "pid ", "pid=", "after ", "in ", "within ", "execution_time = "];

/// The text with the same times and numbers in every run, and with these pieces in the place of those.
pub(super) fn shown(text: &str, replaced: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in replaced {
        text = text.replace(from, to);
    }
    let mut result = String::new();
    let mut rest = text.as_str();
    while let Some(letter) = rest.chars().next() {
        if let Some((form, moment)) = MOMENTS.iter().find(|(form, _)| is_like(rest, form)) {
            result.push_str(moment);
            rest = rest.split_at(form.len()).1;
            continue;
        }
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let before = BEFORE.iter().find(|before| result.ends_with(*before));
        let (number, behind) = rest.split_at(digits);
        match before {
            Some(before) if digits > 0 && (!before.ends_with(' ') || is_measured(before, behind)) => {
                result.push('N');
            }
            _ if digits > 0 => result.push_str(number),
            _ => {
                result.push(letter);
                rest = rest.split_at(letter.len_utf8()).1;
                continue;
            }
        }
        rest = behind;
    }
    result
}

/// `after 5s` was asked for, `after 5 ms` was measured. Attempts and process ids are another every time.
fn is_measured(before: &str, behind: &str) -> bool {
    behind.starts_with(" ms")
        || behind.starts_with("ms")
        || ["(attempt ", "pid ", "execution_time = "].contains(&before)
}

fn is_like(text: &str, form: &str) -> bool {
    let mut letters = text.chars();
    form.chars().all(|wanted| match (wanted, letters.next()) {
        ('0', Some(letter)) => letter.is_ascii_digit(),
        (wanted, letter) => letter == Some(wanted),
    })
}

#[test]
fn what_differs_from_run_to_run_is_the_same_and_the_rest_stays() {
    let text = "2025-11-21T21:05:59.001Z INFO  ready after 12 ms (attempt 3) after 30s, in 3 files; pid 77, b  wait_ms=9";
    let same = "2026-01-31T03:00:00.123Z INFO  ready after N ms (attempt N) after 30s, in 3 files; pid N, a  wait_ms=N";
    assert_eq!(shown(text, &[("b".into(), "a".into())]), same);
}
