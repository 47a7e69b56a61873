//! The name that a file of evidence came with, made harmless: shown and offered for saving, never a path here.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Longest name, in bytes of UTF-8: what every common file system takes, less some for ` (1)` and `.part`.
const LONGEST: usize = 200;

/// Longest ending that is kept when a name is cut, with its dot, in bytes.
const LONGEST_ENDING: usize = 16;

/// Most characters of a name that are looked at.
const LOOKED_AT: usize = 4_096;

/// What a file without a usable name is called.
const NAMELESS: &str = "evidence";

/// Names that are devices on Windows, with any ending.
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
    "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// A file name that is safe to show and to save under: one component, no control or invisible characters, nothing that
/// turns the direction of writing, at most 200 bytes, never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// What is left of a declared name; total on any text.
    #[must_use]
    pub fn of(declared: &str) -> Self {
        // Only the end of an overlong name matters: the last component and its ending stand there.
        let skipped = declared.chars().count().saturating_sub(LOOKED_AT);
        let tail: String = declared.chars().skip(skipped).collect();
        let last = tail.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut name = String::new();
        for character in last.chars().filter(|character| !is_hidden(*character)).nfc() {
            let character = match character {
                '<' | '>' | ':' | '"' | '|' | '?' | '*' | '/' | '\\' => '_',
                white if white.is_whitespace() => ' ',
                usual => usual,
            };
            if !(character == ' ' && name.ends_with(' ')) {
                name.push(character);
            }
        }
        let name = shorten(name.trim_matches([' ', '.']));
        let stem = name.split('.').next().unwrap_or_default().trim_end();
        if name.is_empty() {
            Self(NAMELESS.to_owned())
        } else if DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem)) {
            Self(shorten(&format!("_{name}")))
        } else {
            Self(name)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for FileName {
    fn from(declared: String) -> Self {
        Self::of(&declared)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character shows nothing of itself: controls, marks of direction, joiners, separators of lines, tags, fillers
/// and what Unicode keeps free of characters.
fn is_hidden(character: char) -> bool {
    character.is_control() && !character.is_whitespace()
        || matches!(
            character,
            '\u{00AD}'
                | '\u{034F}'
                | '\u{061C}'
                | '\u{115F}'..='\u{1160}'
                | '\u{17B4}'..='\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{3164}'
                | '\u{FDD0}'..='\u{FDEF}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFFB}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
        || (character as u32) & 0xFFFE == 0xFFFE
}

/// At most [`LONGEST`] bytes, with the ending kept where it is a short one.
fn shorten(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let ending = name.rfind('.').map_or("", |at| &name[at..]).trim_matches(' ');
    let ending = if ending.len() <= LONGEST_ENDING {
        ending
    } else {
        ""
    };
    let stem = &name[..name.floor_char_boundary(LONGEST - ending.len())];
    format!("{}{ending}", stem.trim_end_matches([' ', '.']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_its_last_component_without_tricks() {
        for (declared, name) in [
            ("簽到表 2026Q4.pdf", "簽到表 2026Q4.pdf"),
            ("../../x", "x"),
            ("/etc/passwd", "passwd"),
            ("C:\\x", "x"),
            ("C:x", "C_x"),
            ("a\\..\\b/c.txt", "c.txt"),
            ("", "evidence"),
            ("..", "evidence"),
            ("a/", "evidence"),
            ("\0", "evidence"),
            ("a\0b.pdf", "ab.pdf"),
            ("minutes\r\nSet-Cookie: x", "minutes Set-Cookie_ x"),
            ("annexe\u{202E}fdp.exe", "annexefdp.exe"),
            ("zero\u{200B}width\u{FEFF}.png", "zerowidth.png"),
            (" .hidden. ", "hidden"),
            ("a   b\u{3000}c.txt", "a b c.txt"),
            ("nul.txt", "_nul.txt"),
            ("COM1", "_COM1"),
            ("console.txt", "console.txt"),
            ("<a href=\"x\">", "_a href=_x__"),
            ("e\u{301}.txt", "é.txt"),
        ] {
            assert_eq!(FileName::of(declared).as_str(), name, "{declared:?}");
        }
    }

    #[test]
    fn an_overlong_name_is_cut_and_keeps_its_ending() {
        let name = FileName::of(&format!("{}.docx", "錄".repeat(4_000)));
        assert!(name.as_str().len() <= LONGEST && name.as_str().ends_with("錄.docx"));
        let name = FileName::of(&"x".repeat(4_000));
        assert_eq!(name.as_str().len(), LONGEST);
        let name = FileName::of(&format!("a.{}", "y".repeat(4_000)));
        assert!(name.as_str().starts_with("a.y") || name.as_str().starts_with('y'));
        let device = FileName::of(&format!("NUL.{}", "a".repeat(300)));
        assert_eq!(FileName::of(device.as_str()), device);
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_plain_component(declared in any::<String>()) {
            check(&declared)?;
        }

        #[test]
        fn hostile_text_becomes_a_plain_component(
            parts in prop::collection::vec(prop_oneof![
                Just("../"), Just("..\\"), Just("\0"), Just("\u{202E}"), Just("."), Just(" "), Just("\r\n"), Just("é錄"),
                Just("C:"), Just("NUL"), Just("\""), Just("e\u{301}"), Just("\u{FFFF}"), Just("x.pdf"), Just("%2e%2e%2f"),
                Just("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ], 0..40)
        ) {
            check(&parts.concat())?;
        }
    }

    fn check(declared: &str) -> Result<(), TestCaseError> {
        let name = FileName::of(declared);
        let text = name.as_str();
        prop_assert!(!text.is_empty() && text.len() <= LONGEST + 1);
        prop_assert!(!text.contains(['/', '\\', '\0', '"', ':']), "{}", text);
        prop_assert!(
            !text.starts_with(['.', ' ']) && !text.ends_with(['.', ' ']),
            "{:?}",
            text
        );
        prop_assert!(!text.chars().any(is_hidden), "{:?}", text);
        prop_assert_eq!(FileName::of(text), name, "made harmless twice is the same");
        Ok(())
    }
}
