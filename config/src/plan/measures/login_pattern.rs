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
    /// Nothing that says so.
    #[error(
        "a pattern of logins is from a program, such as \"panel\", or a file, such as \"/var/log/panel.log\""
    )]
    From,
    /// Lines of a file have no other time.
    #[error(
        "the text of a pattern of logins has <time> if it is from a file, and has none if it is from a program"
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
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// A program, or the whole path of a file.
    from: String,
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
        let is_file = written.from.starts_with('/');
        if written.from.is_empty() {
            return Err(PatternError::From);
        }
        if timed != is_file {
            return Err(PatternError::Time);
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
            file: is_file.then(|| written.from.clone().into()),
            program: Some(written.from).filter(|_| !is_file),
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
            from: pattern.program.unwrap_or_else(|| {
                let file = pattern.file.unwrap_or_default();
                file.to_string_lossy().into_owned()
            }),
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
            "from = \"webmin\"\noutcome = \"failed\"\ntext = \"Invalid login as <user> from <source>\"",
            "from = \"/a.log\"\noutcome = \"accepted\"\ntext = '{\"time\":\"<time>\",\"x\":\"<b><*>\",\"user\":\"<user>\"}'",
        ] {
            let read = pattern(text).unwrap();
            assert_eq!(pattern(&toml::to_string(&read).unwrap()).unwrap(), read);
        }
    }

    #[test]
    fn what_can_not_be_told_apart_is_refused() {
        for (from, text, why) in [
            ("", "a <user>", "is from a program"),
            ("x", "<user><source>", "needs words"),
            ("x", "<user>", "needs words"),
            ("x", "a <*> b", "needs <user> or <source>"),
            ("x", "a <user> b <user>", "twice"),
            ("x", "a <time> b <user>", "has none if it is from a program"),
            ("/x", "a <user>", "has <time>"),
        ] {
            let error = pattern(&format!(
                "from = \"{from}\"\noutcome = \"failed\"\ntext = \"{text}\""
            ))
            .unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
