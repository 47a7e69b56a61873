//! The Ed25519 key that plans and the ledger's checkpoints are signed with.

use rcgen::{KeyPair, PKCS_ED25519};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::PkiError;
use crate::home::{Home, read_private, write_private};
use crate::ledger::note::{Note, NoteError, VerifierKey};
use crate::ledger::statement::Statement;

/// Signs in the collector's name.
pub(crate) struct Signer {
    key: Ed25519KeyPair,
}

impl Signer {
    /// Makes a new key and writes it to the data directory.
    pub(crate) fn create(home: &Home) -> Result<Self, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(failed)?;
        write_private(&home.ledger_key(), key.serialize_pem().as_bytes())?;
        Self::load(home)
    }

    /// Reads the key from the data directory.
    pub(crate) fn load(home: &Home) -> Result<Self, PkiError> {
        let key = KeyPair::from_pem(&read_private(&home.ledger_key())?).map_err(failed)?;
        let key = Ed25519KeyPair::from_pkcs8(key.serialized_der())
            .map_err(|error| failed(rcgen::Error::RingKeyRejected(error.to_string())))?;
        Ok(Self { key })
    }

    /// The public key, in hexadecimal.
    pub(crate) fn public_key(&self) -> String {
        hex::encode(self.key.public_key())
    }

    /// The signature over `bytes`, in hexadecimal.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        hex::encode(self.sign_bytes(bytes))
    }

    /// The signature over `bytes`.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(bytes).as_ref().to_vec()
    }

    /// Signs a checkpoint.
    pub(crate) fn sign_checkpoint(&self, statement: &Statement) -> Result<Note, NoteError> {
        statement.sign(&self.key)
    }

    /// Signs a text in the name of a ledger's `origin`.
    pub(crate) fn sign_note(&self, text: &str, origin: &str) -> Result<Note, NoteError> {
        Note::sign(text, origin, &self.key)
    }

    /// What the checkpoints of the ledger `origin` are checked with.
    pub(crate) fn verifier_key(&self, origin: &str) -> Result<VerifierKey, NoteError> {
        VerifierKey::of(origin, &self.key)
    }
}

const fn failed(source: rcgen::Error) -> PkiError {
    PkiError::Key {
        what: "ledger key",
        source,
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_signature_stands_under_the_public_key_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("data"));
        home.create().unwrap();
        let public = Signer::create(&home).unwrap().public_key();
        let signature = Signer::load(&home).unwrap().sign(b"plan");
        UnparsedPublicKey::new(&ED25519, hex::decode(public).unwrap())
            .verify(b"plan", &hex::decode(signature).unwrap())
            .unwrap();
    }
}
