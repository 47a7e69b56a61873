//! Loading a TOML file that a person wrote: every fault is one sentence with file, line and, for a misspelt key, the
//! nearest right one.

mod fault;
mod places;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use places::line_at;

pub use fault::nearest;
pub(crate) use fault::{Owners, shorten};
pub(crate) use places::Places;

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
    /// Several faults, one line each.
    #[error("{}", lines(.0))]
    Several(Vec<FileError>),
}

fn lines(errors: &[FileError]) -> String {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
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
    parse_with(text, path, |_| Vec::new())
}

/// [`parse`], with what is known of the tables that a misplaced key belongs to.
pub(crate) fn parse_with<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    owners: Owners,
) -> Result<T, FileError> {
    let text = without_mark(text);
    toml::from_str(text).map_err(|error| {
        let start = error.span().map(|span| span.start);
        let at = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        let key = start.and_then(|start| Places::of(text)?.key_at(start));
        FileError::At {
            path: path.to_owned(),
            line: start.map_or(1, |start| line_at(text, start)),
            fault: fault::sentence(error.message(), key.as_deref(), at, owners),
        }
    })
}

/// The text without the byte order mark that Windows editors leave; it is no part of the TOML.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
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
                == "plan.toml:3: `allowed_ports` takes a whole number from 0 to 65535, not the text \"x\""
        );
        assert!(error("minimum_tls = \n").starts_with("plan.toml:1: "));
    }
}
