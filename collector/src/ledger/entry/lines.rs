//! The lines of an entry: `name value`, and JSON strings in ASCII as Python's `json.dumps` and `jq --ascii-output`
//! write them: `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`, and `\uXXXX` for all else outside U+0020 to U+007E.

use std::fmt::{Display, Write};
use std::str::{FromStr, Split};

use data_encoding::HEXLOWER;

/// Bytes of most entries, at most.
const USUAL: usize = 640;

/// Writes an entry.
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(USUAL))
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A member whose type can't hold a space or a line feed: numbers, ids, hashes.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) {
        // Writing to a string can't fail.
        let _written = writeln!(self.0, "{name} {value}");
    }

    /// A member of bytes.
    pub(super) fn hex(&mut self, name: &str, bytes: &[u8]) {
        self.0.push_str(name);
        self.0.push(' ');
        HEXLOWER.encode_append(bytes, &mut self.0);
        self.0.push('\n');
    }

    /// A member in words.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.0.push_str(name);
        self.0.push_str(" \"");
        for c in text.chars() {
            self.character(c);
        }
        self.0.push_str("\"\n");
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn character(&mut self, c: char) {
        match c {
            '"' => self.0.push_str("\\\""),
            '\\' => self.0.push_str("\\\\"),
            '\u{8}' => self.0.push_str("\\b"),
            '\u{c}' => self.0.push_str("\\f"),
            '\n' => self.0.push_str("\\n"),
            '\r' => self.0.push_str("\\r"),
            '\t' => self.0.push_str("\\t"),
            ' '..='~' => self.0.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _written = write!(self.0, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// Reads an entry, line by line.
pub(super) struct Reader<'a>(Split<'a, char>);

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.split('\n'))
    }

    /// The next line.
    pub(super) fn line(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    /// The value of the next line, if it has this name.
    pub(super) fn member(&mut self, name: &str) -> Option<&'a str> {
        self.line()?.strip_prefix(name)?.strip_prefix(' ')
    }

    pub(super) fn plain<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.member(name)?.parse().ok()
    }

    pub(super) fn hex(&mut self, name: &str) -> Option<Vec<u8>> {
        HEXLOWER.decode(self.member(name)?.as_bytes()).ok()
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        serde_json::from_str(self.member(name)?).ok()
    }

    /// Whether nothing is left but the end of the last line.
    pub(super) fn ended(mut self) -> bool {
        self.0.next() == Some("") && self.0.next().is_none()
    }
}
