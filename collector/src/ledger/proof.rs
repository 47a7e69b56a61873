//! Proofs over the tree: that a leaf is in it (inclusion), and that a larger one begins with it (consistency).
//!
//! Made as RFC 9162, 2.1.3.1 and 2.1.4.1 define them, checked by the algorithms of 2.1.3.2 and 2.1.4.2. Making one
//! reads at most two tiles of 256 nodes for each eight levels of the tree.

use std::collections::BTreeMap;
use std::ops::Range;

use super::tree::{Frontier, Hash, LARGEST_TREE, TILE_HEIGHT, empty_root, fold, node_hash, subtrees};

/// Longest inclusion proof: one hash for each level of the largest tree.
pub const LONGEST_INCLUSION: usize = 62;

/// Longest consistency proof: as long, and one hash to begin from.
pub const LONGEST_CONSISTENCY: usize = LONGEST_INCLUSION + 1;

/// The nodes of a tree that are kept.
pub trait Nodes {
    /// Why they could not be read.
    type Error;

    /// The nodes `range` of a level, in order. Asked for are leaves (level 0) and complete subtrees of the levels 8, 16
    /// …, at most 256 at once.
    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, Self::Error>;
}

/// Why a proof could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// Nodes could not be read.
    #[error(transparent)]
    Nodes(#[from] E),
    /// Nodes that the tree must have are not kept.
    #[error("nodes {from} and on of level {level} are missing from the ledger")]
    Missing {
        /// Level of the nodes.
        level: u8,
        /// The first of those asked for.
        from: u64,
    },
    /// There is no such leaf, or no such tree.
    #[error("there is no such proof: it asks for {asked} of {of}")]
    OutOfRange {
        /// The leaf or the smaller tree.
        asked: u64,
        /// The tree.
        of: u64,
    },
}

/// The root of the first `size` leaves.
pub fn root_at<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, ProofError<N::Error>> {
    Ok(frontier_at(nodes, size)?.root())
}

/// The right edge of the tree as it was at `size` leaves.
pub fn frontier_at<N: Nodes>(nodes: &N, size: u64) -> Result<Frontier, ProofError<N::Error>> {
    let mut reader = Reader::new(nodes, size)?;
    let hashes = reader.hashes(0..size)?;
    Frontier::new(size, hashes).map_err(|_| ProofError::OutOfRange {
        asked: size,
        of: LARGEST_TREE,
    })
}

/// The proof that the leaf `index` is in the tree of `size` leaves: PATH(index, D\[size\]) of RFC 9162, 2.1.3.1.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, ProofError<N::Error>> {
    if index >= size {
        return Err(ProofError::OutOfRange {
            asked: index,
            of: size,
        });
    }
    let mut reader = Reader::new(nodes, size)?;
    let mut siblings = Vec::new();
    let mut here = 0..size;
    while let Some(middle) = middle(&here) {
        let left = here.start..middle;
        let right = middle..here.end;
        let (on, sibling) = if index < middle {
            (left, right)
        } else {
            (right, left)
        };
        siblings.push(sibling);
        here = on;
    }
    // Found from the root down; a proof goes from the leaf up.
    siblings
        .into_iter()
        .rev()
        .map(|range| reader.root(range))
        .collect()
}

/// The proof that the tree of `second` leaves begins with that of `first`: PROOF(first, D\[second\]) of RFC 9162,
/// 2.1.4.1. It is empty when they are the same, or the first is empty.
pub fn consistency<N: Nodes>(nodes: &N, first: u64, second: u64) -> Result<Vec<Hash>, ProofError<N::Error>> {
    if first > second {
        return Err(ProofError::OutOfRange {
            asked: first,
            of: second,
        });
    }
    let mut reader = Reader::new(nodes, second)?;
    if first == 0 || first == second {
        return Ok(Vec::new());
    }
    let mut siblings = Vec::new();
    let mut here = 0..second;
    // Until `here` ends where the first tree does.
    while let Some(middle) = middle(&here).filter(|_| here.end != first) {
        let left = here.start..middle;
        let right = middle..here.end;
        let (on, sibling) = if first <= middle {
            (left, right)
        } else {
            (right, left)
        };
        siblings.push(sibling);
        here = on;
    }
    // A subtree that is the whole first tree needs no telling: the verifier has its root.
    if here.start > 0 {
        siblings.push(here);
    }
    siblings
        .into_iter()
        .rev()
        .map(|range| reader.root(range))
        .collect()
}

/// Whether `proof` shows the leaf `leaf` at `index` of the tree of `size` leaves with this root (RFC 9162, 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size || proof.len() > LONGEST_INCLUSION {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `second` leaves begins with that of `first` (RFC 9162, 2.1.4.2). Every tree
/// begins with the empty one.
#[must_use]
pub fn verify_consistency(
    first: u64,
    second: u64,
    first_root: &Hash,
    second_root: &Hash,
    proof: &[Hash],
) -> bool {
    if first > second || proof.len() > LONGEST_CONSISTENCY {
        return false;
    }
    if first == second {
        return proof.is_empty() && first_root == second_root;
    }
    if first == 0 {
        return proof.is_empty() && *first_root == empty_root();
    }
    // A first tree of 2^n leaves is one subtree, whose root stands for the proof's first hash.
    let (from, path) = if first.is_power_of_two() {
        if proof.is_empty() {
            return false;
        }
        (first_root, proof)
    } else {
        match proof.split_first() {
            Some(parts) => parts,
            None => return false,
        }
    };
    let (mut node, mut last) = (first - 1, second - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut was, mut is) = (*from, *from);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            was = node_hash(sibling, &was);
            is = node_hash(sibling, &is);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            is = node_hash(&is, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && was == *first_root && is == *second_root
}

/// Where a subtree of more than one leaf is divided: after the largest power of two that is smaller than its size.
fn middle(range: &Range<u64>) -> Option<u64> {
    let size = range.end.checked_sub(range.start).filter(|size| *size > 1)?;
    range.start.checked_add(1_u64.checked_shl((size - 1).ilog2())?)
}

/// Reads whole tiles, each once.
struct Reader<'a, N> {
    nodes: &'a N,
    size: u64,
    /// By level and number.
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl<'a, N: Nodes> Reader<'a, N> {
    fn new(nodes: &'a N, size: u64) -> Result<Self, ProofError<N::Error>> {
        if size > LARGEST_TREE {
            return Err(ProofError::OutOfRange {
                asked: size,
                of: LARGEST_TREE,
            });
        }
        Ok(Self {
            nodes,
            size,
            tiles: BTreeMap::new(),
        })
    }

    /// The root over leaves `range`.
    fn root(&mut self, range: Range<u64>) -> Result<Hash, ProofError<N::Error>> {
        let hashes = self.hashes(range)?;
        Ok(fold(&hashes).unwrap_or_else(empty_root))
    }

    /// The roots of the complete subtrees that leaves `range` is made of.
    fn hashes(&mut self, range: Range<u64>) -> Result<Vec<Hash>, ProofError<N::Error>> {
        subtrees(range)
            .map(|(level, index)| self.subtree(level, index))
            .collect()
    }

    /// The root of a complete subtree, from the nodes of the level below it that is kept.
    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, ProofError<N::Error>> {
        let above = level % TILE_HEIGHT;
        let kept = level - above;
        let first = index << above;
        let tile = first >> TILE_HEIGHT;
        let missing = ProofError::Missing {
            level: kept,
            from: first,
        };
        if !self.tiles.contains_key(&(kept, tile)) {
            let start = tile << TILE_HEIGHT;
            let end = (start + (1 << TILE_HEIGHT)).min(self.size >> kept);
            let nodes = self.nodes.nodes(kept, start..end)?;
            self.tiles.insert((kept, tile), nodes);
        }
        let offset = usize::try_from(first % (1 << TILE_HEIGHT)).unwrap_or(usize::MAX);
        let nodes = self
            .tiles
            .get(&(kept, tile))
            .and_then(|nodes| nodes.get(offset..offset.checked_add(1 << above)?));
        nodes.and_then(complete).ok_or(missing)
    }
}

/// The root over 2^n nodes of one level.
fn complete(nodes: &[Hash]) -> Option<Hash> {
    let mut level = nodes.to_vec();
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks();
        level = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    level.first().copied()
}

#[cfg(test)]
mod tests;
