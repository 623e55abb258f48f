//! Literals as they are shown.

use proc_macro2::{Literal, TokenTree};

use super::source::is;

/// What a macro's arguments begin with.
pub(super) struct Filled {
    /// The text with the names of what is filled in.
    pub(super) text: Option<String>,
    /// Where the other arguments begin.
    pub(super) behind: usize,
}

/// A literal for people: words, and no SQL.
pub(super) fn of(literal: &Literal) -> Option<String> {
    string(literal).filter(|text| is_for_people(text))
}

/// `format!`'s arguments: the text, and what is filled in where it says `{}`.
pub(super) fn filled(arguments: &[TokenTree]) -> Filled {
    let separated: Vec<&[TokenTree]> = arguments.split(|token| is(token, ",")).collect();
    let mut behind = 0;
    for (number, argument) in separated.iter().enumerate() {
        behind += argument.len() + 1;
        let [TokenTree::Literal(literal)] = argument else { continue };
        let names: Vec<String> = separated[number + 1..].iter().map(|argument| name(argument)).collect();
        let text = string(literal).map(|text| fill(&text, &names)).filter(|text| is_for_people(text));
        return Filled { text, behind: behind.min(arguments.len()) };
    }
    Filled { text: None, behind: 0 }
}

/// What an argument is called: its last word that is no conversion.
fn name(argument: &[TokenTree]) -> String {
    const CONVERSIONS: [&str; 23] = [
        "as_deref",
        "as_str",
        "cast_unsigned",
        "clone",
        "cloned",
        "code",
        "count",
        "display",
        "else",
        "escape_debug",
        "escape_default",
        "format",
        "from_utf8_lossy",
        "into",
        "join",
        "len",
        "quoted",
        "shown",
        "to_string",
        "to_string_lossy",
        "unwrap_or",
        "unwrap_or_default",
        "unwrap_or_else",
    ];
    let words = argument.iter().filter_map(|token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        TokenTree::Group(group) => Some(name(&group.stream().into_iter().collect::<Vec<_>>())),
        _ => None,
    });
    let words: Vec<String> =
        words.filter(|word| !CONVERSIONS.contains(&word.as_str()) && word != "…").collect();
    words.last().cloned().unwrap_or_else(|| "…".to_owned())
}

/// Puts names where values will stand.
fn fill(text: &str, names: &[String]) -> String {
    let mut shown = String::new();
    let mut names = names.iter();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        shown += before;
        if let Some(behind) = from.strip_prefix("{{") {
            shown.push('{');
            rest = behind;
        } else if let Some(behind) = from.strip_prefix("}}") {
            shown.push('}');
            rest = behind;
        } else {
            let (inside, behind) =
                from.trim_start_matches('{').split_once('}').expect("an end of what is filled in");
            let name = inside.split(':').next().unwrap_or_default();
            let name = match name {
                "" => names.next().map_or("…", String::as_str),
                name => name,
            };
            shown += &format!("‹{name}›");
            rest = behind;
        }
    }
    shown + rest
}

/// Text as the program has it: escapes and continued lines resolved.
fn string(literal: &Literal) -> Option<String> {
    let source = literal.to_string();
    if let Some(raw) = source.strip_prefix('r') {
        return Some(raw.trim_matches('#').trim_matches('"').to_owned());
    }
    let inner = source.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            (_, Some('\n')) => while letters.next_if(|next| next.is_whitespace()).is_some() {},
            (_, Some('n')) => text.push('\n'),
            (_, Some('r')) => text.push('\r'),
            (_, Some('t')) => text.push('\t'),
            (_, Some(escaped)) => text.push(escaped),
            (letter, None) => text.push(letter),
        }
    }
    Some(text)
}

/// How SQL, other code and lines of HTTP begin. What begins like this and is none of it has … in it.
const CODE: [&str; 52] = [
    "(SELECT ",
    "(l.",
    "::",
    "<< ",
    "ALTER ",
    "Authorization: ",
    "Cache-Control: ",
    "Allow: ",
    "CASE ",
    "CAST(",
    "COMMENT ",
    "CREATE ",
    "DELETE ",
    "DO $$",
    "DROP ",
    "EXISTS ",
    "GET ",
    "HAVING ",
    "HTTP/1.1 ",
    "IF(",
    "INSERT ",
    "PRAGMA ",
    "RESET ",
    "SELECT ",
    "SET ",
    "SHOW ",
    "TIMESTAMPDIFF(",
    "UPDATE ",
    "USE ",
    "VALUES ",
    "WHERE ",
    "WITH ",
    "_utf8mb4 ",
    "applied_steps_count = ",
    "coalesce(",
    "create table ",
    "delete from ",
    "encode(",
    "extract(",
    "finished_at = ",
    "floor(",
    "insert into ",
    "lock_timeout = ",
    "logs = ",
    "rolled_back_at = ",
    "set_config(",
    "sql_mode = ",
    "strftime(",
    "version = ",
    "version IS ",
    "{quoted ",
    "‹UTF8›",
];

/// Two words or more, one of them in small letters; and not what is sent to a server.
fn is_for_people(text: &str) -> bool {
    let is_code = CODE.iter().any(|beginning| text.trim_start().starts_with(beginning));
    let outside: String =
        text.split('‹').map(|piece| piece.split('›').next_back().unwrap_or_default()).collect();
    let words =
        outside.split_whitespace().filter(|word| word.chars().filter(char::is_ascii_lowercase).count() > 1);
    text.trim_matches('\u{20}').contains(' ') && words.count() > 0 && !is_code
}
