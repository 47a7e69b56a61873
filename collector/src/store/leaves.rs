//! What the ledger is told of what is kept.

use plumbline_config::ident::HostId;
use ring::rand::{SecureRandom, SystemRandom};

use super::{Act, Incoming, StoreError};
use crate::ledger::entry::{ActEntry, Entry, NONCE, ReportEntry};
use crate::ledger::tree::{Frontier, Hash, Node};

/// What a leaf stands for, and where the rest of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeafOf {
    /// A report.
    Report {
        /// The host.
        host: HostId,
        /// Its incarnation.
        incarnation: u32,
        /// The report's number.
        sequence: u64,
    },
    /// An act of a person, by its nonce.
    Act(String),
}

/// A leaf of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its place, from 0.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
    /// What it stands for; `None`: the row that it stands for is gone.
    pub of: Option<LeafOf>,
    /// The entry as the rows that are kept give it; `None`: they are gone, or don't read as an entry.
    pub entry: Option<Entry>,
}

/// A signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// Size of the tree.
    pub size: u64,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub signed_at: jiff::Timestamp,
}

/// Leaves that are added to the tree in one transaction.
#[derive(Debug)]
pub(super) struct Growth {
    frontier: Frontier,
    before: u64,
    leaves: Vec<Hash>,
    nodes: Vec<Node>,
}

impl Growth {
    /// Goes on from the right edge as it is kept; none is kept of an empty tree.
    pub(super) fn from(frontier: Option<&[u8]>) -> Result<Self, StoreError> {
        let frontier = match frontier {
            Some(bytes) => Frontier::from_bytes(bytes)
                .map_err(|error| StoreError::damaged("right edge of the ledger", error))?,
            None => Frontier::empty(),
        };
        Ok(Self {
            before: frontier.size(),
            frontier,
            leaves: Vec::new(),
            nodes: Vec::new(),
        })
    }

    /// Adds a leaf.
    pub(super) fn add(&mut self, leaf: Hash) {
        self.nodes.extend(self.frontier.push(leaf));
        self.leaves.push(leaf);
    }

    /// The new leaves with their places.
    pub(super) fn leaves(&self) -> impl Iterator<Item = (u64, &Hash)> {
        (self.before..).zip(&self.leaves)
    }

    /// The subtrees that became complete.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The right edge now.
    pub(super) const fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

/// The entry of a report.
pub(super) fn report_entry(incoming: &Incoming) -> Result<Entry, StoreError> {
    let hash = |what, text: &str| {
        Hash::from_hex(text).ok_or_else(|| StoreError::damaged(what, "not a SHA-256 in hexadecimal"))
    };
    Ok(Entry::Report(ReportEntry {
        host: incoming.host.clone(),
        incarnation: incoming.incarnation,
        sequence: incoming.report.sequence,
        previous: hash("hash of the report before", &incoming.report.previous)?,
        received_at: incoming.received_at.as_microsecond(),
        sealed_at: incoming.report.sealed_at.as_microsecond(),
        body_sha256: hash("hash of a body", &incoming.body.sha256)?,
        signature: hex::decode(&incoming.signature)
            .map_err(|error| StoreError::damaged("signature", error))?,
    }))
}

/// The entry of an act.
pub(super) fn act_entry(act: &Act, nonce: [u8; NONCE]) -> Entry {
    Entry::Act(ActEntry {
        at: act.at.as_microsecond(),
        who: act.who.clone(),
        what: act.what.clone(),
        on: act.on.clone(),
        nonce,
    })
}

/// A number that makes an act's entry one of a kind.
pub(super) fn fresh_nonce() -> Result<[u8; NONCE], StoreError> {
    let mut nonce = [0; NONCE];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| StoreError::Random)?;
    Ok(nonce)
}
