//! A checkpoint of this collector: size and root, and in two extension lines when it was signed and which one came
//! before it, so that neither a date nor a missing checkpoint goes unseen.
//!
//! ```text
//! plumbline-ca-1a2b3c4d
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! signed_at 1795347600000000
//! previous 20851999
//! ```

use ring::signature::Ed25519KeyPair;

use super::checkpoint::{Checkpoint, decimal};
use super::note::{Note, NoteError, VerifierKey};
use super::tree::Hash;

/// Name of the line that tells when, in microseconds since 1970.
const SIGNED_AT: &str = "signed_at ";

/// Name of the line that tells the size of the checkpoint before; 0 for the first.
const PREVIOUS: &str = "previous ";

/// What a checkpoint states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which ledger.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// When it was signed, by the collector's clock, in microseconds since 1970.
    pub signed_at: u64,
    /// Size of the checkpoint before it; 0 for the first.
    pub previous: u64,
}

/// Why a note is no checkpoint of this collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStatement {
    /// It is no note, or not signed with the collector's key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text is not a checkpoint as this collector writes it.
    #[error("the note is not a checkpoint as this collector writes it")]
    Form,
}

impl Statement {
    /// Signs it in the name of its origin.
    pub fn sign(&self, pair: &Ed25519KeyPair) -> Result<Note, NoteError> {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: self.size,
            root: self.root,
            extensions: vec![
                format!("{SIGNED_AT}{}", self.signed_at),
                format!("{PREVIOUS}{}", self.previous),
            ],
        };
        Note::sign(&checkpoint.to_string(), &self.origin, pair)
    }

    /// Reads a note that must be signed with `key`, whose name is the origin.
    pub fn read(note: &[u8], key: &VerifierKey) -> Result<Self, NoStatement> {
        let note = Note::parse(note)?;
        let checkpoint: Checkpoint = note.verify(key)?.parse().map_err(|_| NoStatement::Form)?;
        let Checkpoint {
            origin,
            size,
            root,
            extensions,
        } = checkpoint;
        let [signed_at, previous] = extensions.as_slice() else {
            return Err(NoStatement::Form);
        };
        let number = |line: &str, name| line.strip_prefix(name).and_then(decimal).ok_or(NoStatement::Form);
        if origin != key.name() {
            return Err(NoStatement::Form);
        }
        Ok(Self {
            signed_at: number(signed_at, SIGNED_AT)?,
            previous: number(previous, PREVIOUS)?,
            origin,
            size,
            root,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
    }

    #[test]
    fn a_statement_is_read_as_it_was_signed() {
        let statement = Statement {
            origin: "plumbline-ca-1".to_owned(),
            size: 3,
            root: Hash::of(b""),
            signed_at: 1_795_347_600_000_000,
            previous: 1,
        };
        let note = statement.sign(&pair()).unwrap().to_string();
        let key = VerifierKey::of("plumbline-ca-1", &pair()).unwrap();
        assert_eq!(Statement::read(note.as_bytes(), &key), Ok(statement));
        let other = VerifierKey::of("plumbline-ca-2", &pair()).unwrap();
        assert!(matches!(
            Statement::read(note.as_bytes(), &other),
            Err(NoStatement::Note(NoteError::NotSigned(_)))
        ));
    }

    #[test]
    fn another_form_is_refused() {
        let key = VerifierKey::of("o", &pair()).unwrap();
        let root = Hash::of(b"").base64();
        for (origin, extensions) in [
            ("o", ""),
            ("o", "signed_at 1\n"),
            ("o", "previous 1\nsigned_at 1\n"),
            ("o", "signed_at -1\nprevious 1\n"),
            ("o", "signed_at 1\nprevious 1\nmore\n"),
            ("p", "signed_at 1\nprevious 1\n"),
        ] {
            let text = format!("{origin}\n1\n{root}\n{extensions}");
            let note = Note::sign(&text, "o", &pair()).unwrap().to_string();
            let read = Statement::read(note.as_bytes(), &key);
            assert_eq!(read, Err(NoStatement::Form), "{text}");
        }
    }
}
