//! `x-multi-statement`: a file cut at every semicolon.

use crate::format::Part;

/// `Parse` of `database/multistmt/parse.go` with the delimiter of `database/postgres/postgres.go`, whose `runStatement`
/// drops what is white space alone. A semicolon in a literal, a comment or a body counts too: that is what it says.
pub(super) fn parts(sql: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut line = 1;
    for text in sql.split_inclusive(';') {
        if !text.trim().is_empty() {
            parts.push(Part { line, ..Part::whole(text) });
        }
        line += text.matches('\n').count();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn every_semicolon_ends_a_part() {
        let seen = parts("SELECT 1;\n\nSELECT ';' -- a\n;\n \n");
        let seen: Vec<_> = seen.iter().map(|part| (part.line, part.sql.as_str())).collect();
        assert_eq!(seen, [(1, "SELECT 1;"), (1, "\n\nSELECT ';"), (3, "' -- a\n;")]);
        assert_eq!(parts(" \n"), []);
    }
}
