//! `[evidence]` of `collector.toml`: where the files that prove attestations are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// Where files of evidence are kept, and which are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceSettings {
    /// Folder that the files are kept in; `evidence` in the data directory without it. With `s3` files wait there only
    /// until the server has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Largest file that is taken, in bytes.
    pub largest_bytes: u64,
    /// A server that keeps the files instead of the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Settings>,
}

/// A bucket on a server that speaks the S3 protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// The server, `https://…`; `http://` on this machine alone.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// The region that requests are signed for.
    #[serde(default = "usual_region")]
    pub region: String,
    /// What the keys of all objects begin with.
    #[serde(default = "usual_prefix")]
    pub prefix: String,
    /// Whether the bucket stands in the path of addresses and not in the host name.
    #[serde(default)]
    pub path_style: bool,
    /// How objects are locked. There is no default: `compliance` can't be taken back by anybody.
    pub mode: ObjectLock,
    /// How long objects are locked at least; as long as `retention` and the plan say without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Interval>,
    /// File with the id of the access key, 0600; from `AWS_ACCESS_KEY_ID` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_file: Option<PathBuf>,
    /// File with the secret of the access key, 0600; from `AWS_SECRET_ACCESS_KEY` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_file: Option<PathBuf>,
    /// Certificates that the server's is by, PEM; the system's own otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// How an object is kept from being deleted (S3 Object Lock).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectLock {
    /// Nobody may delete it before its time, not even the owner of the account.
    Compliance,
    /// Only who has a right of its own for that may.
    Governance,
    /// It is not locked.
    None,
}

fn usual_region() -> String {
    "us-east-1".to_owned()
}

fn usual_prefix() -> String {
    "evidence/".to_owned()
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self {
            folder: None,
            largest_bytes: 512 * 1024 * 1024,
            s3: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::file;
    use crate::settings::CollectorSettings;

    fn parse(text: &str) -> Result<CollectorSettings, String> {
        file::parse(text, Path::new("collector.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_is_the_default_and_a_server_needs_its_lock_named() {
        assert_eq!(parse("").unwrap().evidence, EvidenceSettings::default());
        let settings = parse(
            "[evidence]\nlargest_bytes = 1000\n[evidence.s3]\nendpoint = \"https://s3.example\"\nbucket = \"b\"\n\
             mode = \"compliance\"\nretention = \"7 years\"\n",
        );
        let s3 = settings.unwrap().evidence.s3.unwrap();
        assert_eq!(
            (s3.region.as_str(), s3.prefix.as_str()),
            ("us-east-1", "evidence/")
        );
        assert_eq!(s3.mode, ObjectLock::Compliance);
        let fault = parse("[evidence.s3]\nendpoint = \"https://s3.example\"\nbucket = \"b\"\n").unwrap_err();
        assert!(fault.contains("mode"), "{fault}");
    }

    #[test]
    fn a_misspelt_key_is_told_with_its_line_and_the_nearest() {
        let fault = parse("[evidence]\nlargest_byte = 1\n").unwrap_err();
        assert!(fault.contains(":2") && fault.contains("largest_bytes"), "{fault}");
        let fault =
            parse("[evidence.s3]\nendpoint = \"x\"\nbucket = \"b\"\nmode = \"none\"\npathstyle = true\n");
        let fault = fault.unwrap_err();
        assert!(fault.contains(":5") && fault.contains("path_style"), "{fault}");
    }
}
