//! ClamAV's signature databases: the headers of the official ones, and how many others lie beside them.
//!
//! A database of the kinds `.cvd` (as published) and `.cld` (with updates applied) begins with 512 bytes of text, nine
//! fields between colons: `ClamAV-VDB`, build time, version, number of signatures, functionality level, MD5,
//! signature, builder, build time in seconds since 1970; ClamAV signatures manual, "CVD/CLD header".

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::host::{Host, ReadError};

/// Length of a header, in bytes.
const HEADER_LENGTH: usize = 512;

/// Fields of a header.
const HEADER_FIELDS: usize = 9;

/// How far ahead of the host's clock a database may have been built: a clock may be a little slow.
const MOST_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// The official databases.
const OFFICIAL: [&str; 3] = ["daily", "main", "bytecode"];

/// Endings of other files that hold signatures.
const UNOFFICIAL: [&str; 16] = [
    "cdb", "db", "hdb", "hdu", "hsb", "hsu", "ldb", "ldu", "mdb", "mdu", "msb", "msu", "ndb", "ndu", "yar",
    "yara",
];

/// What lies in a database directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Databases {
    /// The directory.
    pub directory: String,
    /// Whether it exists.
    pub exists: bool,
    /// Official databases.
    pub official: Vec<Database>,
    /// Other files that hold signatures.
    pub unofficial: usize,
    /// Why the directory was not read.
    pub fault: Option<String>,
}

/// An official database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Database {
    /// `daily`, `main` or `bytecode`.
    pub name: String,
    /// Its file.
    pub file: String,
    /// What its header says.
    pub header: Option<Header>,
    /// What is wrong with the file or its header.
    pub fault: Option<String>,
}

/// What the header of a database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Version.
    pub version: u32,
    /// Signatures in it.
    pub signatures: u32,
    /// When it was built.
    pub built_at: Timestamp,
}

/// What is wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// The file is shorter than a header.
    #[error("{0} bytes long; a header has 512")]
    Short(usize),
    /// Not this kind of file.
    #[error("does not begin with ClamAV-VDB:")]
    Magic,
    /// Not nine fields.
    #[error("{0} fields; a header has 9")]
    Fields(usize),
    /// A field that is to be a number is none.
    #[error("{0} is not a number")]
    Number(&'static str),
    /// Built after now.
    #[error("built at {0}, ahead of this host's clock")]
    Ahead(Timestamp),
}

impl Header {
    /// Reads the first bytes of a database at the time `now`.
    pub fn parse(bytes: &[u8], now: Timestamp) -> Result<Self, HeaderFault> {
        let head = bytes
            .get(..HEADER_LENGTH)
            .ok_or(HeaderFault::Short(bytes.len()))?;
        if !head.starts_with(b"ClamAV-VDB:") {
            return Err(HeaderFault::Magic);
        }
        let fields: Vec<_> = head.split(|b| *b == b':').collect();
        let [_, _, version, signatures, _, _, _, _, built] = fields[..] else {
            debug_assert_ne!(fields.len(), HEADER_FIELDS);
            return Err(HeaderFault::Fields(fields.len()));
        };
        let version = number(version).ok_or(HeaderFault::Number("the version"))?;
        let signatures = number(signatures).ok_or(HeaderFault::Number("the number of signatures"))?;
        let built = number::<i64>(built).and_then(|seconds| Timestamp::from_second(seconds).ok());
        let built_at = built.ok_or(HeaderFault::Number("the build time"))?;
        if built_at.duration_since(now) > MOST_AHEAD {
            return Err(HeaderFault::Ahead(built_at));
        }
        Ok(Self {
            version,
            signatures,
            built_at,
        })
    }
}

/// Digits alone, padding trimmed.
fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    let digits = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0', '\n']);
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

impl Databases {
    /// Reads a database directory at the time `now`.
    #[must_use]
    pub fn read(host: &Host, directory: &str, now: Timestamp) -> Self {
        let mut databases = Self {
            directory: directory.to_owned(),
            exists: true,
            ..Self::default()
        };
        let names = match host.list(directory) {
            Ok(names) => names,
            Err(ReadError::NotFound(_)) => {
                databases.exists = false;
                return databases;
            }
            Err(error) => {
                databases.fault = Some(error.to_string());
                return databases;
            }
        };
        for file in names {
            let Some((name, ending)) = file.rsplit_once('.') else {
                continue;
            };
            if UNOFFICIAL.contains(&ending) {
                databases.unofficial += 1;
            }
            if OFFICIAL.contains(&name) && matches!(ending, "cvd" | "cld") {
                let head = host.read_head(format!("{directory}/{file}"), HEADER_LENGTH as u64);
                let header = head
                    .map_err(|error| error.to_string())
                    .and_then(|head| Header::parse(&head, now).map_err(|fault| fault.to_string()));
                databases.official.push(Database {
                    name: name.to_owned(),
                    header: header.as_ref().ok().copied(),
                    fault: header.err(),
                    file,
                });
            }
        }
        databases
    }

    /// The database `name` that ClamAV uses: of two files, that of the higher version.
    #[must_use]
    pub fn effective(&self, name: &str) -> Option<&Header> {
        let named = self.official.iter().filter(|database| database.name == name);
        named
            .filter_map(|database| database.header.as_ref())
            .max_by_key(|header| header.version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn padded(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(HEADER_LENGTH, b' ');
        bytes
    }

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    const DAILY: &str = "ClamAV-VDB:21 Nov 2026 08-24 +0000:27810:2078471:90:bd2b3a:dsig:raynman:1795249450";

    #[test]
    fn reads_a_header_and_the_higher_version_wins() {
        let header = Header::parse(&padded(DAILY), now()).unwrap();
        assert_eq!((header.version, header.signatures), (27_810, 2_078_471));
        assert_eq!(header.built_at.to_string(), "2026-11-21T08:24:10Z");

        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        at("daily.cvd", &padded(DAILY));
        at("daily.cld", &padded(&DAILY.replace("27810", "27811")));
        at("main.cvd", b"short");
        at("local.ndb", b"x");
        at("notes.txt", b"x");
        let databases = Databases::read(&Host::at(dir.path()).unwrap(), "/", now());
        assert_eq!(databases.effective("daily").unwrap().version, 27_811);
        assert_eq!(databases.effective("main"), None);
        assert_eq!((databases.unofficial, databases.official.len()), (1, 3));
        assert!(!Databases::read(&Host::at(dir.path()).unwrap(), "/none", now()).exists);
    }

    #[test]
    fn what_is_wrong_with_a_header_is_named() {
        for (bytes, fault) in [
            (b"ClamAV-VDB:".to_vec(), HeaderFault::Short(11)),
            (Vec::new(), HeaderFault::Short(0)),
            (padded("PK\u{3}\u{4}"), HeaderFault::Magic),
            (
                padded(&DAILY.replace(":raynman:1795249450", "")),
                HeaderFault::Fields(7),
            ),
            (padded(&DAILY.replace(":1795249450", "")), HeaderFault::Fields(8)),
            (padded(&format!("{DAILY}:x")), HeaderFault::Fields(10)),
            (
                padded(&DAILY.replace("1795249450", "yesterday")),
                HeaderFault::Number("the build time"),
            ),
            (
                padded(&DAILY.replace("1795249450", "-1")),
                HeaderFault::Number("the build time"),
            ),
            (
                padded(&DAILY.replace("1795249450", "")),
                HeaderFault::Number("the build time"),
            ),
            (
                padded(&DAILY.replace("27810", "+1")),
                HeaderFault::Number("the version"),
            ),
            (
                padded(&DAILY.replace("1795249450", "1995249450")),
                HeaderFault::Ahead(Timestamp::from_second(1_995_249_450).unwrap()),
            ),
        ] {
            assert_eq!(Header::parse(&bytes, now()), Err(fault));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(text in "ClamAV-VDB(:[0-9a-z -]{0,12}){0,12}", noise in proptest::collection::vec(any::<u8>(), 0..600)) {
            drop(Header::parse(&padded(&text), now()));
            drop(Header::parse(&noise, now()));
        }
    }
}
