//! Proofs from what a store keeps.

use std::ops::Range;

use serde::Serialize;

use super::proof::{self, Nodes, ProofError};
use super::tree::Hash;
use crate::store::{Store, StoreError};

/// Proof that a leaf is in a tree.
#[derive(Debug, Serialize)]
pub(crate) struct Inclusion {
    pub(crate) index: u64,
    pub(crate) size: u64,
    pub(crate) leaf: Hash,
    pub(crate) root: Hash,
    pub(crate) proof: Vec<Hash>,
}

/// Proof that a tree begins with another.
#[derive(Debug, Serialize)]
pub(crate) struct Consistency {
    pub(crate) first: u64,
    pub(crate) second: u64,
    pub(crate) first_root: Hash,
    pub(crate) second_root: Hash,
    pub(crate) proof: Vec<Hash>,
}

/// Proves the leaf `index` in the tree of `size` leaves, or in that of the newest checkpoint.
pub(crate) fn inclusion(
    store: &dyn Store,
    index: u64,
    size: Option<u64>,
) -> Result<Inclusion, ProofError<StoreError>> {
    let nodes = Stored(store);
    let size = size_of(store, size)?;
    let proof = proof::inclusion(&nodes, index, size)?;
    let leaf = nodes.nodes(0, index..index + 1)?.first().copied();
    Ok(Inclusion {
        leaf: leaf.ok_or(ProofError::Missing {
            level: 0,
            from: index,
        })?,
        root: proof::root_at(&nodes, size)?,
        index,
        size,
        proof,
    })
}

/// Proves that the tree of `second` leaves, or that of the newest checkpoint, begins with that of `first`.
pub(crate) fn consistency(
    store: &dyn Store,
    first: u64,
    second: Option<u64>,
) -> Result<Consistency, ProofError<StoreError>> {
    let nodes = Stored(store);
    let second = size_of(store, second)?;
    let proof = proof::consistency(&nodes, first, second)?;
    Ok(Consistency {
        first,
        second,
        first_root: proof::root_at(&nodes, first)?,
        second_root: proof::root_at(&nodes, second)?,
        proof,
    })
}

/// The size asked for, if the tree has grown to it; that of the newest checkpoint if none was asked for.
fn size_of(store: &dyn Store, asked: Option<u64>) -> Result<u64, ProofError<StoreError>> {
    let Some(asked) = asked else {
        return Ok(store.latest_checkpoint()?.map_or(0, |latest| latest.size));
    };
    let size = store.ledger_frontier()?.size();
    if asked > size {
        return Err(ProofError::OutOfRange { asked, of: size });
    }
    Ok(asked)
}

/// The nodes that a store keeps.
struct Stored<'a>(&'a dyn Store);

impl Nodes for Stored<'_> {
    type Error = StoreError;

    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.0.ledger_nodes(level, range)
    }
}
