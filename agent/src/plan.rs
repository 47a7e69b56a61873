//! The plan that the daemon judges by: the collector's, signed, of which the last good one is kept; or a file of this
//! host that the settings name; or, until the collector has published one, the form at its usual values.

use std::fmt;
use std::path::{Path, PathBuf};

use plumbline_config::file::FileError;
use plumbline_config::plan::LoadedPlan;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::SignedPlan;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError};

/// File of the collector's plan as it came, in the data directory.
const FILE: &str = "plan.json";
/// Largest file of a kept plan, in bytes: 1 MiB of text, which JSON may double, and the rest.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where the plan in force comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A file of this host, named in the settings.
    File,
    /// The collector.
    Collector,
    /// The form at its usual values: the collector has none, or has not been reached yet.
    BuiltIn,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Collector => "collector",
            Self::BuiltIn => "built-in",
        })
    }
}

/// Why a plan was not taken. The one before stays in force.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The text is not the one that its hash names.
    #[error("the plan that the collector sent is not the text its SHA-256 names")]
    Hash,
    /// The signature is not by the key given at enrolment.
    #[error(
        "the plan that the collector sent is not signed by the key given at enrolment; was the collector replaced?"
    )]
    Signature,
    /// It is not a sound plan.
    #[error(transparent)]
    Plan(#[from] FileError),
    /// It could not be kept or read back.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// What was kept can't be read back.
    #[error("{0} is not what was kept there")]
    Kept(PathBuf),
}

/// Reads the plan file that the settings name, or what is kept of the collector's, or the form at its usual values.
/// A kept plan that no longer stands is an error; the caller says so and asks the collector anew.
pub fn load(file: Option<&Path>, data_dir: &Path, key: &[u8]) -> Result<(LoadedPlan, Source), PlanError> {
    if let Some(file) = file {
        return Ok((LoadedPlan::load(file)?, Source::File));
    }
    match kept(data_dir, key)? {
        Some(plan) => Ok((plan, Source::Collector)),
        None => built_in(),
    }
}

/// The form at its usual values.
pub fn built_in() -> Result<(LoadedPlan, Source), PlanError> {
    Ok((LoadedPlan::example()?, Source::BuiltIn))
}

/// Takes a plan that the collector sent: verified, kept, and only then in force.
pub fn take(signed: SignedPlan, data_dir: &Path, key: &[u8]) -> Result<LoadedPlan, PlanError> {
    let bytes = serde_json::to_vec(&signed).unwrap_or_default();
    let plan = verify(signed, key)?;
    DataDir::open(data_dir)?.write(FILE, &bytes)?;
    Ok(plan)
}

fn kept(data_dir: &Path, key: &[u8]) -> Result<Option<LoadedPlan>, PlanError> {
    let directory = DataDir::open(data_dir)?;
    let Some(bytes) = directory.read(FILE, LARGEST)? else {
        return Ok(None);
    };
    let signed = serde_json::from_slice(&bytes).map_err(|_| PlanError::Kept(directory.path(FILE)))?;
    verify(signed, key).map(Some)
}

fn verify(signed: SignedPlan, key: &[u8]) -> Result<LoadedPlan, PlanError> {
    let signature = hex::decode(&signed.signature).map_err(|_| PlanError::Signature)?;
    UnparsedPublicKey::new(&ED25519, key)
        .verify(signed.toml.as_bytes(), &signature)
        .map_err(|_| PlanError::Signature)?;
    if sha256_hex(signed.toml.as_bytes()) != signed.sha256 {
        return Err(PlanError::Hash);
    }
    Ok(LoadedPlan::from_text(
        signed.toml,
        Path::new("the collector's plan"),
    )?)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at the files themselves")]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn key() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
    }

    fn public() -> Vec<u8> {
        key().public_key().as_ref().to_vec()
    }

    fn signed(toml: &str) -> SignedPlan {
        SignedPlan {
            toml: toml.to_owned(),
            sha256: sha256_hex(toml.as_bytes()),
            signature: hex::encode(key().sign(toml.as_bytes())),
        }
    }

    fn example() -> String {
        LoadedPlan::example().unwrap().text
    }

    #[test]
    fn a_good_plan_is_kept_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(None, dir.path(), &public()).unwrap().1, Source::BuiltIn);
        let plan = take(signed(&example()), dir.path(), &public()).unwrap();
        let (back, source) = load(None, dir.path(), &public()).unwrap();
        assert_eq!((back.reference, source), (plan.reference, Source::Collector));
    }

    #[test]
    fn a_bad_plan_is_refused_and_the_old_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let good = take(signed(&example()), dir.path(), &public()).unwrap();
        let other_key = SignedPlan {
            signature: hex::encode(
                Ed25519KeyPair::from_seed_unchecked(&[8; 32])
                    .unwrap()
                    .sign(example().as_bytes()),
            ),
            ..signed(&example())
        };
        let changed = SignedPlan {
            toml: format!("{}\n# changed", example()),
            ..signed(&example())
        };
        let misnamed = SignedPlan {
            sha256: "0".repeat(64),
            ..signed(&example())
        };
        let no_signature = SignedPlan {
            signature: "zz".to_owned(),
            ..signed(&example())
        };
        let take = |plan| take(plan, dir.path(), &public()).unwrap_err();
        for bad in [other_key, changed, no_signature] {
            assert!(matches!(take(bad), PlanError::Signature));
        }
        assert!(matches!(take(misnamed), PlanError::Hash));
        assert!(matches!(take(signed("no_such_key = 1\n")), PlanError::Plan(_)));
        let (held, _) = load(None, dir.path(), &public()).unwrap();
        assert_eq!(held.reference, good.reference);
    }

    #[test]
    fn a_kept_plan_that_was_changed_on_disk_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        take(signed(&example()), dir.path(), &public()).unwrap();
        let path = dir.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("toml\":\"", "toml\":\"# ", 1)).unwrap();
        assert!(matches!(
            load(None, dir.path(), &public()),
            Err(PlanError::Signature)
        ));
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(
            load(None, dir.path(), &public()),
            Err(PlanError::Kept(_))
        ));
    }
}
