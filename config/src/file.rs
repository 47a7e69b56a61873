//! Loading a TOML file that a person wrote: every fault is one sentence with file, line and, for a misspelt key, the
//! nearest right one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Largest plan or settings file taken, in bytes.
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// Why a file that a person wrote was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is larger than [`LARGEST_FILE`].
    #[error("{} is larger than {LARGEST_FILE} bytes; is it the right file?", .0.display())]
    TooLarge(PathBuf),
    /// The file is not UTF-8.
    #[error("{}:{line}: not UTF-8 text; save the file as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// First line that is not text, from 1.
        line: usize,
    },
    /// A fault at a place in the file.
    #[error("{}:{line}: {fault}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong there, with the mend.
        fault: String,
    },
}

/// Reads the text of a file a person wrote, no larger than [`LARGEST_FILE`].
pub fn read(path: &Path) -> Result<String, FileError> {
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = line_at(&String::from_utf8_lossy(error.as_bytes()), valid);
        FileError::NotText {
            path: path.to_owned(),
            line,
        }
    })
}

/// Reads `T` from TOML text; `path` only names the file in errors.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, FileError> {
    // A byte order mark, as Windows editors leave, is no part of the TOML.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    toml::from_str(text).map_err(|error| FileError::At {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| line_at(text, span.start)),
        fault: fault(error.message()),
    })
}

/// The line, from 1, that holds byte `offset` of `text`.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The parser's message as one sentence; an unknown key gets the nearest known one.
fn fault(message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join("; ");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let Some(given) = quoted.next().filter(|_| unknown) else {
        return message;
    };
    let what = if message.starts_with("unknown field") {
        "key"
    } else {
        "value"
    };
    let nearest = quoted
        .map(|known| (strsim::damerau_levenshtein(given, known), known))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, known)) => format!("unknown {what} `{given}`; the nearest known {what} is `{known}`"),
        None => format!("unknown {what} `{given}`; none is taken here"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the errors of reading it are looked at")]
    struct Sample {
        minimum_tls: String,
        allowed_ports: Option<Vec<u16>>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Saas,
        ManagedHosting,
    }

    fn error(text: &str) -> String {
        parse::<Sample>(text, Path::new("plan.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_the_nearest() {
        assert_eq!(
            error("# plan\nminimum_tls = \"1.2\"\nalowed_ports = [1]\n"),
            "plan.toml:3: unknown key `alowed_ports`; the nearest known key is `allowed_ports`"
        );
    }

    #[test]
    fn a_misspelt_value_is_named_with_the_nearest() {
        assert_eq!(
            error("minimum_tls = \"1.2\"\nkind = \"sass\"\n"),
            "plan.toml:2: unknown value `sass`; the nearest known value is `saas`"
        );
    }

    #[test]
    fn a_wrong_type_and_broken_syntax_have_their_line() {
        assert!(
            error("minimum_tls = \"1.2\"\n\nallowed_ports = [\"x\"]\n")
                .starts_with("plan.toml:3: invalid type")
        );
        assert!(error("minimum_tls = \n").starts_with("plan.toml:1: "));
    }
}
