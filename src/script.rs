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
