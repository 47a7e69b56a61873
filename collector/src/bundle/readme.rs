//! What the bundle tells whoever opens it.

/// The text, in both languages.
pub(super) const fn text() -> &'static str {
    include_str!("readme.txt")
}
