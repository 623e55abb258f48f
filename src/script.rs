//! stub to compile until the real one lands
#![allow(missing_docs)]
pub struct QualifiedName {
    pub schema: Option<String>,
    pub name: String,
}
pub struct ConcurrentIndex {
    pub name: QualifiedName,
    pub table: QualifiedName,
    pub if_not_exists: bool,
}
pub fn concurrent_index(_: &str) -> Option<ConcurrentIndex> {
    None
}
use crate::engine::Engine;
pub struct Statement<'a> {
    pub text: &'a str,
    pub line: usize,
    pub offset: usize,
}
pub fn statements(_: Engine, sql: &str) -> Vec<Statement<'_>> {
    vec![Statement { text: sql, line: 1, offset: 0 }]
}
pub fn line_at(_: &str, _: usize) -> usize {
    1
}
pub fn runs_outside_transaction(_: Engine, _: &str) -> bool {
    false
}
pub fn controls_transaction(_: Engine, _: &str) -> bool {
    false
}
pub struct Refusal {
    pub line: usize,
    pub what: String,
    pub hint: String,
}
pub fn refusal(_: Engine, _: &str) -> Option<Refusal> {
    None
}
pub fn excerpt(s: &str) -> String {
    s.to_owned()
}
