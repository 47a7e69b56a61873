//! How a program that has accounts of its own, such as a web panel, tells of logins: a text with places for what varies.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Longest text of a pattern, in bytes.
const LONGEST: usize = 1_024;

/// One kind of line that tells of a login.
///
/// The text is compared with the whole message of `program`, or with the whole line of `file`. `<user>`, `<source>`,
/// `<time>` and `<*>` (anything) stand for what varies, all else for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct LoginPattern {
    /// The program that says so through syslog or the journal.
    pub program: Option<String>,
    /// The file it writes to instead; its lines have their own time, by RFC 3339.
    pub file: Option<PathBuf>,
    /// What such a line tells.
    pub outcome: PatternOutcome,
    /// The text, taken apart.
    pub pieces: Vec<Piece>,
}

/// What a line that a pattern is like tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatternOutcome {
    /// A login.
    Accepted,
    /// A failed one.
    Failed,
}

/// A part of the text of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Stands for itself.
    Text(String),
    /// `<*>`: anything, or nothing.
    Any,
    /// `<source>`: an address or host name.
    Source,
    /// `<time>`: a time by RFC 3339.
    Time,
    /// `<user>`: whatever was typed as a name.
    User,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Neither or both of program and file.
    #[error("a pattern of logins names either a program or a file")]
    Where,
    /// Lines of a file have no other time.
    #[error(
        "the text of a pattern of logins has <time> if it names a file, and has none if it names a program"
    )]
    Time,
    /// Nothing to compare with.
    #[error(
        "the text `{0}` needs words of its own before, between or behind <user>, <source>, <time> and <*>"
    )]
    Words(String),
    /// A place twice, or no source and no user.
    #[error("the text `{0}` needs <user> or <source>, and neither of them nor <time> twice")]
    Places(String),
    /// The text is too long.
    #[error("the text of a pattern of logins is longer than {LONGEST} bytes")]
    TooLong,
    /// It is not absolute.
    #[error("{}: the file of a pattern of logins is named by its whole path", .0.display())]
    Relative(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    outcome: PatternOutcome,
    text: String,
}

impl TryFrom<Written> for LoginPattern {
    type Error = PatternError;

    fn try_from(written: Written) -> Result<Self, PatternError> {
        if written.text.len() > LONGEST {
            return Err(PatternError::TooLong);
        }
        let pieces = pieces(&written.text);
        let timed = pieces.contains(&Piece::Time);
        match (&written.program, &written.file) {
            (Some(_), None) if timed => return Err(PatternError::Time),
            (None, Some(_)) if !timed => return Err(PatternError::Time),
            (None, Some(file)) if !file.is_absolute() => return Err(PatternError::Relative(file.clone())),
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) | (Some(_), Some(_)) => return Err(PatternError::Where),
        }
        let is_text = |piece: &Piece| matches!(piece, Piece::Text(_));
        let beside = pieces.windows(2).any(|two| !two.iter().any(is_text));
        if beside || !pieces.iter().any(is_text) {
            return Err(PatternError::Words(written.text));
        }
        let times = |piece: &Piece| pieces.iter().filter(|known| *known == piece).count();
        let places = [Piece::User, Piece::Source, Piece::Time].map(|piece| times(&piece));
        if places.iter().any(|times| *times > 1) || places[0] + places[1] == 0 {
            return Err(PatternError::Places(written.text));
        }
        Ok(Self {
            program: written.program,
            file: written.file,
            outcome: written.outcome,
            pieces,
        })
    }
}

impl From<LoginPattern> for Written {
    fn from(pattern: LoginPattern) -> Self {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            place => place_name(place).to_owned(),
        };
        Self {
            text: pattern.pieces.iter().map(text).collect(),
            program: pattern.program,
            file: pattern.file,
            outcome: pattern.outcome,
        }
    }
}

const fn place_name(piece: &Piece) -> &'static str {
    match piece {
        Piece::Any => "<*>",
        Piece::Source => "<source>",
        Piece::Time => "<time>",
        Piece::User => "<user>",
        Piece::Text(_) => "",
    }
}

/// Takes a text apart. A `<` that begins no place stands for itself.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut words, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        let places = [Piece::Any, Piece::Source, Piece::Time, Piece::User];
        let place = places
            .into_iter()
            .find_map(|place| rest.strip_prefix(place_name(&place)).map(|rest| (place, rest)));
        rest = match place {
            Some((place, behind)) => {
                if !words.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut words)));
                }
                pieces.push(place);
                behind
            }
            None => {
                words.push(letter);
                rest.get(letter.len_utf8()..).unwrap_or_default()
            }
        };
    }
    if !words.is_empty() {
        pieces.push(Piece::Text(words));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<LoginPattern, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_pattern_reads_what_it_writes() {
        for text in [
            "program = \"webmin\"\noutcome = \"failed\"\ntext = \"Invalid login as <user> from <source>\"",
            "file = \"/a.log\"\noutcome = \"accepted\"\ntext = '{\"time\":\"<time>\",\"x\":\"<b><*>\",\"user\":\"<user>\"}'",
        ] {
            let read = pattern(text).unwrap();
            assert_eq!(pattern(&toml::to_string(&read).unwrap()).unwrap(), read);
        }
    }

    #[test]
    fn what_can_not_be_told_apart_is_refused() {
        for (fields, text, why) in [
            ("", "a <user>", "either a program or a file"),
            (
                "program = \"x\"\nfile = \"/x\"\n",
                "a <user>",
                "either a program or a file",
            ),
            ("program = \"x\"\n", "<user><source>", "needs words"),
            ("program = \"x\"\n", "<user>", "needs words"),
            ("program = \"x\"\n", "a <*> b", "needs <user> or <source>"),
            ("program = \"x\"\n", "a <user> b <user>", "twice"),
            (
                "program = \"x\"\n",
                "a <time> b <user>",
                "has none if it names a program",
            ),
            ("file = \"/x\"\n", "a <user>", "has <time>"),
            ("file = \"x\"\n", "<time> a <user>", "whole path"),
        ] {
            let error = pattern(&format!("{fields}outcome = \"failed\"\ntext = \"{text}\"")).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
