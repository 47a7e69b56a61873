//! What a bundle says of itself, signed with the key of the ledger.

use data_encoding::BASE64;
use jiff::Timestamp;
use jiff::civil::Date;
use plumbline_config::wire::PlanRef;
use serde::{Deserialize, Serialize};

use crate::ledger::note::{Note, NoteError, VerifierKey};
use crate::ledger::tree::{Frontier, Hash};

/// The format, and what every signed text begins with.
pub(super) const FORMAT: &str = "plumbline/bundle/v2";

/// Largest manifest read, in bytes.
pub(super) const LARGEST_MANIFEST: u64 = 16 * 1024 * 1024;

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `plumbline/bundle/v2`.
    pub format: String,
    /// Which ledger.
    pub origin: String,
    /// What the ledger's checkpoints are checked with: `name+id+key`.
    pub key: String,
    /// The company, by the plan.
    pub company: String,
    /// The plan that was current at the end; none: none was published.
    pub plan: Option<PlanRef>,
    /// The period.
    pub period: Covered,
    /// The part of the ledger.
    pub ledger: Tree,
    /// Why it holds neither checklist nor report, if so.
    pub without_report: Option<String>,
    /// The members, by name.
    pub members: Vec<Member>,
}

/// A period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Covered {
    /// Such as `2026Q4`.
    pub name: String,
    /// First day.
    pub first: Date,
    /// Last day, itself included.
    pub last: Date,
    /// When it begins.
    pub begins_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
}

/// A part of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Number of its first leaf: the size of the last checkpoint before the period.
    pub first: u64,
    /// Roots of the complete subtrees before that leaf, from the left, in hexadecimal.
    pub before: Vec<String>,
    /// Leaves of the tree at its end: the size of the first checkpoint after the period.
    pub size: u64,
    /// Roots of the complete subtrees at its end, from the left, in hexadecimal.
    pub after: Vec<String>,
}

/// A member of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Signature over [`Manifest::member_text`], in base64: which member was changed can be told though the manifest was.
    pub signature: String,
}

impl Manifest {
    /// What is signed of the manifest, whose bytes are `bytes`.
    pub(super) fn text(origin: &str, bytes: &[u8]) -> String {
        format!("{origin}\n{FORMAT}\nsha256 {}\n", Hash::of(bytes))
    }

    /// What is signed of a member.
    #[must_use]
    pub fn member_text(&self, name: &str, size: u64, sha256: &str) -> String {
        let (period, tree) = (&self.period, &self.ledger);
        format!(
            "{FORMAT} member\n{}\n{} {}\n{} {}\n{name} {size} {sha256}\n",
            self.origin, period.begins_at, period.ends_at, tree.first, tree.size
        )
    }

    /// Whether `key` signed the member as it is named here.
    pub(super) fn is_signed(&self, member: &Member, key: &VerifierKey) -> bool {
        let text = self.member_text(&member.name, member.size, &member.sha256);
        let signature = BASE64.decode(member.signature.as_bytes());
        signature.is_ok_and(|signature| key.made(&signature, text.as_bytes()))
    }
}

/// Whether `note` says that `key` signed the manifest with these bytes.
pub(super) fn check_note(note: &[u8], key: &VerifierKey, manifest: &[u8]) -> Result<(), NoteError> {
    let note = Note::parse(note)?;
    if note.verify(key)? == Manifest::text(key.name(), manifest) {
        Ok(())
    } else {
        Err(NoteError::BadSignature(key.name().to_owned()))
    }
}

impl Tree {
    /// The right edge before the first leaf.
    pub(super) fn before(&self) -> Option<Frontier> {
        frontier(self.first, &self.before)
    }

    /// The right edge at the end.
    pub(super) fn after(&self) -> Option<Frontier> {
        frontier(self.size, &self.after)
    }
}

fn frontier(size: u64, hashes: &[String]) -> Option<Frontier> {
    let hashes = hashes.iter().map(|hash| Hash::from_hex(hash));
    Frontier::new(size, hashes.collect::<Option<_>>()?).ok()
}
