//! TMP
fn main() {}
