//! Who this host is to the collector: a key made here, and the certificate the collector gave for it.
//!
//! Kept in `identity/` of the data directory: `identity.json`, and the private key in a file of its own that
//! `identity.json` names. A new identity is in force from the moment that `identity.json` is replaced, whole; a crash
//! before it leaves the old key and certificate together.

pub mod enroll;
mod machine;
mod request;

use std::fmt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::seal::{SealError, Sealer, sha256_hex};
use plumbline_config::wire::EnrollReply;
use rcgen::KeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::data_dir::{DataDir, DataDirError};

pub use machine::machine_hash;
pub use request::signing_request;

/// Directory of the identity, in the data directory.
const DIRECTORY: &str = "identity";
/// File of everything but the key.
const FILE: &str = "identity.json";
/// Largest identity file taken, in bytes.
const LARGEST: u64 = 64 * 1024;
/// Bytes of an Ed25519 public key.
const PLAN_KEY_LENGTH: usize = 32;

/// An identity that could not be read, used or kept.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none.
    #[error(
        "this host is not enrolled; run `plumbline-agent enroll --collector URL --token TOKEN --ca-sha256 HEX` \
         with a token of the collector's `token create`"
    )]
    NotEnrolled,
    /// Something of it is not what it should be.
    #[error(
        "the identity in {directory} is damaged ({what}); enrol again with `plumbline-agent enroll --force`"
    )]
    Damaged {
        /// Where it is kept.
        directory: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// Who this host is to the collector.
#[derive(Clone)]
pub struct Identity {
    facts: Stored,
    key_pem: Zeroizing<String>,
    validity: Validity,
}

/// When a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this.
    pub not_before: Timestamp,
    /// Not after this.
    pub not_after: Timestamp,
}

impl Validity {
    /// When it is to be renewed: after two thirds of its life.
    #[must_use]
    pub fn renew_at(self) -> Timestamp {
        let life = self.not_before.duration_until(self.not_after).as_secs();
        let two_thirds = SignedDuration::from_secs(life - life / 3);
        self.not_before
            .saturating_add(two_thirds)
            .unwrap_or(self.not_after)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    host_id: HostId,
    incarnation: u32,
    role: Role,
    agent_url: String,
    certificate_pem: String,
    ca_pem: String,
    plan_key: String,
    key_file: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stored {
            host_id, incarnation, ..
        } = &self.facts;
        write!(f, "Identity({host_id}, incarnation {incarnation})")
    }
}

impl Identity {
    /// The identity that the collector gave for `key`. Refused unless its parts fit together.
    pub fn from_reply(reply: EnrollReply, key: &KeyPair) -> Result<Self, String> {
        let facts = Stored {
            host_id: reply.host_id,
            incarnation: reply.incarnation,
            role: reply.role,
            agent_url: reply.agent_url,
            certificate_pem: reply.certificate_pem,
            ca_pem: reply.ca_pem,
            plan_key: reply.plan_key,
            key_file: key_file(key),
        };
        Self::fit_together(facts, Zeroizing::new(key.serialize_pem()))
    }

    /// Reads the identity kept in `data_dir`.
    pub fn load(data_dir: &Path) -> Result<Self, IdentityError> {
        let path = data_dir.join(DIRECTORY);
        let Ok(directory) = DataDir::open(&path) else {
            return Err(IdentityError::NotEnrolled);
        };
        let damaged = |what: String| IdentityError::Damaged {
            directory: path.display().to_string(),
            what,
        };
        let bytes = directory.read(FILE, LARGEST)?.ok_or(IdentityError::NotEnrolled)?;
        let facts: Stored =
            serde_json::from_slice(&bytes).map_err(|error| damaged(format!("{FILE}: {error}")))?;
        let key = directory
            .read(&facts.key_file, LARGEST)?
            .ok_or_else(|| damaged(format!("{} is missing", facts.key_file)))?;
        let key = String::from_utf8(key).map_err(|_| damaged(format!("{} is not text", facts.key_file)))?;
        Self::fit_together(facts, Zeroizing::new(key)).map_err(damaged)
    }

    /// Keeps the identity in `data_dir`, in place of any other.
    pub fn store(&self, data_dir: &Path) -> Result<(), DataDirError> {
        let directory = DataDir::create(&data_dir.join(DIRECTORY))?;
        let before = directory
            .read(FILE, LARGEST)?
            .and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let facts = serde_json::to_vec_pretty(&self.facts).unwrap_or_default();
        directory.write(&self.facts.key_file, self.key_pem.as_bytes())?;
        directory.write(FILE, &facts)?;
        match before {
            Some(before) if before.key_file != self.facts.key_file && is_key_file(&before.key_file) => {
                directory.remove(&before.key_file)
            }
            _ => Ok(()),
        }
    }

    /// The same identity with a fresh certificate for its key.
    pub fn renewed(&self, certificate_pem: String) -> Result<Self, String> {
        let facts = Stored {
            certificate_pem,
            ..self.facts.clone()
        };
        Self::fit_together(facts, self.key_pem.clone())
    }

    fn fit_together(facts: Stored, key_pem: Zeroizing<String>) -> Result<Self, String> {
        if !is_key_file(&facts.key_file) {
            return Err("its key has an impossible file name".to_owned());
        }
        let key = KeyPair::from_pem(&key_pem).map_err(|error| format!("private key: {error}"))?;
        let certificate = certificate(&facts.certificate_pem)?;
        certificate_of("the CA", &facts.ca_pem)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| format!("certificate: {error}"))?;
        if parsed.public_key().subject_public_key.data != key.public_key_raw() {
            return Err("the certificate is not for this host's key".to_owned());
        }
        let second =
            |time: i64| Timestamp::from_second(time).map_err(|error| format!("certificate: {error}"));
        let validity = Validity {
            not_before: second(parsed.validity().not_before.timestamp())?,
            not_after: second(parsed.validity().not_after.timestamp())?,
        };
        if !facts.agent_url.starts_with("https://") {
            return Err("the collector's address for agents is no https URL".to_owned());
        }
        let plan_key = hex::decode(&facts.plan_key).unwrap_or_default();
        if plan_key.len() != PLAN_KEY_LENGTH {
            return Err("the plan key is no Ed25519 key in hexadecimal".to_owned());
        }
        let identity = Self {
            facts,
            key_pem,
            validity,
        };
        identity.sealer().map_err(|error| error.to_string())?;
        Ok(identity)
    }

    /// The id, also in the certificate.
    #[must_use]
    pub const fn host_id(&self) -> &HostId {
        &self.facts.host_id
    }

    /// Number of this enrolment of the host.
    #[must_use]
    pub const fn incarnation(&self) -> u32 {
        self.facts.incarnation
    }

    /// The role that the host is judged by.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.facts.role
    }

    /// Base URL of the collector's listener for agents.
    #[must_use]
    pub fn agent_url(&self) -> &str {
        &self.facts.agent_url
    }

    /// The client certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.facts.certificate_pem
    }

    /// When the certificate holds.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// The Ed25519 public key that plans are signed with.
    #[must_use]
    pub fn plan_key(&self) -> Vec<u8> {
        hex::decode(&self.facts.plan_key).unwrap_or_default()
    }

    /// Signs with this identity's key.
    pub fn sealer(&self) -> Result<Sealer, SealError> {
        let key = self.key_pair()?;
        Sealer::from_pkcs8(key.serialized_der())
    }

    /// The key.
    pub(crate) fn key_pair(&self) -> Result<KeyPair, SealError> {
        KeyPair::from_pem(&self.key_pem).map_err(|_| SealError::Key)
    }

    /// Certificate, key and the one CA to trust, as TLS takes them.
    pub(crate) fn tls(&self) -> Result<TlsParts, String> {
        Ok(TlsParts {
            certificate: certificate(&self.facts.certificate_pem)?,
            key: PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
                .map_err(|error| format!("private key: {error}"))?,
            ca: certificate_of("the CA", &self.facts.ca_pem)?,
        })
    }
}

/// What TLS takes of an identity.
pub(crate) struct TlsParts {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) ca: CertificateDer<'static>,
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>, String> {
    certificate_of("this host", pem)
}

fn certificate_of(whose: &str, pem: &str) -> Result<CertificateDer<'static>, String> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| format!("the certificate of {whose} is no PEM certificate: {error}"))
}

/// The file that a key is kept in, named after the key, so that a new one never overwrites the one in force.
fn key_file(key: &KeyPair) -> String {
    let fingerprint: String = sha256_hex(key.public_key_raw()).chars().take(16).collect();
    format!("key-{fingerprint}.pem")
}

fn is_key_file(name: &str) -> bool {
    name.strip_prefix("key-")
        .and_then(|rest| rest.strip_suffix(".pem"))
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at the files themselves")]
mod tests {
    use super::*;
    use crate::testing::Authority;

    #[test]
    fn an_identity_is_kept_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Identity::load(dir.path()),
            Err(IdentityError::NotEnrolled)
        ));
        let authority = Authority::new();
        let identity = authority.identity("h-1", 2);
        identity.store(dir.path()).unwrap();
        let back = Identity::load(dir.path()).unwrap();
        assert_eq!((back.host_id().as_str(), back.incarnation()), ("h-1", 2));
        assert_eq!(back.validity(), identity.validity());
        for entry in std::fs::read_dir(dir.path().join(DIRECTORY)).unwrap() {
            use std::os::unix::fs::PermissionsExt;
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(!format!("{identity:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_new_identity_replaces_the_old_and_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        authority.identity("h-1", 1).store(dir.path()).unwrap();
        authority.identity("h-1", 2).store(dir.path()).unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap().incarnation(), 2);
        let files = std::fs::read_dir(dir.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(files, 2, "identity.json and one key");
    }

    #[test]
    fn a_certificate_for_another_key_is_refused() {
        let authority = Authority::new();
        let one = authority.identity("h-1", 1);
        let other = authority.identity("h-2", 1);
        assert!(one.renewed(other.certificate_pem().to_owned()).is_err());
        assert!(one.renewed("nonsense".to_owned()).is_err());
        assert!(one.renewed(one.certificate_pem().to_owned()).is_ok());
    }

    #[test]
    fn renewal_is_due_after_two_thirds_of_the_life() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let validity = Validity {
            not_before: at(1_000),
            not_after: at(1_900),
        };
        assert_eq!(validity.renew_at(), at(1_600));
    }
}
