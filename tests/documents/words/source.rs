//! The program's own files, in the order in which its modules are declared. Tests are none of it.

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// One file of the program.
pub(super) struct Source {
    /// Below `src`, without the ending: `config/values`.
    pub(super) room: String,
    /// What it holds, without what only tests see.
    pub(super) tokens: Vec<TokenTree>,
}

impl Source {
    /// A file of this text.
    pub(super) fn new(room: String, text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{room}: {error}"));
        Self { room, tokens: without_tests(tokens) }
    }
}

/// The library and the binary, each file before those it declares.
pub(super) fn sources() -> Vec<Source> {
    let root = super::super::documents::root().join("src");
    let mut found = Vec::new();
    for entry in ["main.rs", "lib.rs"] {
        read(&root, &root.join(entry), &root, &mut found);
    }
    found
}

/// `below` is where the files of the modules stand that this one declares.
fn read(root: &Path, file: &Path, below: &Path, found: &mut Vec<Source>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let room = file.strip_prefix(root).expect("a file below src").with_extension("");
    let source = Source::new(room.display().to_string(), &text);
    let declared = declared(&source.tokens);
    found.push(source);
    for name in declared {
        read(root, &below.join(format!("{name}.rs")), &below.join(&name), found);
    }
}

/// The names in `mod name;`.
fn declared(tokens: &[TokenTree]) -> Vec<String> {
    let names = tokens.windows(3).filter(|three| is(&three[0], "mod") && is(&three[2], ";"));
    names.map(|three| three[1].to_string()).collect()
}

/// Leaves out attributes, documentation among them, and the item behind `#[cfg(test)]`.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    let mut skipping = false;
    while let Some(token) = tokens.next() {
        if is(&token, "#") {
            tokens.next_if(|next| is(next, "!"));
            let attribute = tokens.next().expect("an attribute behind #").to_string();
            skipping |= attribute.replace(' ', "") == "[cfg(test)]";
        } else if skipping {
            let is_body = matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
            skipping = !(is_body || is(&token, ";"));
        } else {
            kept.push(match token {
                TokenTree::Group(group) => {
                    let inner = without_tests(group.stream()).into_iter().collect();
                    TokenTree::Group(Group::new(group.delimiter(), inner))
                }
                token => token,
            });
        }
    }
    kept
}

/// Whether this is the word or the mark.
pub(super) fn is(token: &TokenTree, text: &str) -> bool {
    !matches!(token, TokenTree::Group(_)) && token.to_string() == text
}
