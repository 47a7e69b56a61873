//! The Merkle tree of RFC 9162, 2.1 (the same as RFC 6962's), and its right edge.
//!
//! A tree of any size needs only the roots of its *complete* subtrees, of which it has one for each bit set in its
//! size: that is the [`Frontier`], and all that appending takes. To prove things later the inner nodes are wanted too.
//! Of these only every eighth level is worth keeping: what lies between is hashed anew from at most 255 nodes.

use std::fmt;
use std::ops::Range;

use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN, digest};
use serde::{Serialize, Serializer};

/// Levels between the nodes that are kept: 0 (leaves), 8, 16 …
pub const TILE_HEIGHT: u8 = 8;

/// Largest tree, in leaves. Databases count in signed 64 bits.
pub const LARGEST_TREE: u64 = 1 << 62;

/// What is hashed before a leaf's bytes, so that no leaf can pass for an inner node (RFC 9162, 2.1.1).
const LEAF_PREFIX: u8 = 0x00;

/// What is hashed before an inner node's two hashes.
const NODE_PREFIX: u8 = 0x01;

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; SHA256_OUTPUT_LEN]);

impl Hash {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(digest(&SHA256, bytes).as_ref())
    }

    /// The hash in these bytes, if they are as many as a hash has.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash in lower-case hexadecimal, if `text` is one.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        if text.len() != 2 * hash.len() {
            return None;
        }
        HEXLOWER.decode_mut(text.as_bytes(), &mut hash).ok()?;
        Some(Self(hash))
    }

    /// The hash in base64 (RFC 4648, 4), if `text` is one.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_bytes(&BASE64.decode(text.as_bytes()).ok()?)
    }

    /// In lower-case hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// In base64.
    #[must_use]
    pub fn base64(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SHA256_OUTPUT_LEN] {
        &self.0
    }

    fn from_digest(digest: &[u8]) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{}…", HEXLOWER.encode(&[a, b, c, d]))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[LEAF_PREFIX]);
    context.update(bytes);
    Hash::from_digest(context.finish().as_ref())
}

/// The hash of an inner node over its two children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[NODE_PREFIX]);
    context.update(&left.0);
    context.update(&right.0);
    Hash::from_digest(context.finish().as_ref())
}

/// The root of a tree without leaves: the hash of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash::of(b"")
}

/// The root over complete subtrees, in order from the left; `None` of none.
#[must_use]
pub fn fold(subtrees: &[Hash]) -> Option<Hash> {
    subtrees
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
}

/// Where the complete subtrees lie that leaves `range` is made of, from the left, as (level, index): the node `index`
/// of `level` covers the leaves from `index << level`.
pub(super) fn subtrees(range: Range<u64>) -> impl Iterator<Item = (u8, u64)> {
    let Range { mut start, end } = range;
    std::iter::from_fn(move || {
        let size = end.checked_sub(start).filter(|size| *size > 0)?;
        let level = start.trailing_zeros().min(size.ilog2());
        let at = (u8::try_from(level).ok()?, start.checked_shr(level)?);
        start = start.checked_add(1_u64.checked_shl(level)?)?;
        Some(at)
    })
}

/// A node of the tree that is to be kept: the root of a complete subtree of 256, 65,536 … leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its level; leaves are at 0.
    pub level: u8,
    /// Its number within the level, from 0 on the left.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Bytes that are no [`Frontier`], or a size and hashes that don't fit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the right edge of a tree: its size and its hashes do not fit each other")]
pub struct NoFrontier;

/// The right edge of a tree: its size, and the roots of its complete subtrees from the largest (leftmost) on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            size: 0,
            hashes: Vec::new(),
        }
    }

    /// A tree of `size` leaves, of whose complete subtrees these are the roots.
    pub fn new(size: u64, hashes: Vec<Hash>) -> Result<Self, NoFrontier> {
        let fits = u32::try_from(hashes.len()).is_ok_and(|count| count == size.count_ones());
        if fits && size <= LARGEST_TREE {
            Ok(Self { size, hashes })
        } else {
            Err(NoFrontier)
        }
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, from the left.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.hashes).unwrap_or_else(empty_root)
    }

    /// Appends a leaf, and gives the nodes to be kept that it completes, lowest first: none, but for every 256th leaf.
    pub fn push(&mut self, leaf: Hash) -> Vec<Node> {
        let mut kept = Vec::new();
        let mut hash = leaf;
        let mut level = 0_u8;
        // Each bit set at the right end of the size is a complete subtree that this one joins to one twice as large.
        let mut index = self.size;
        while index & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            index >>= 1;
            if level.is_multiple_of(TILE_HEIGHT) {
                kept.push(Node { level, index, hash });
            }
        }
        self.hashes.push(hash);
        // No tree comes near 2^62 leaves: at a million a second that takes a hundred thousand years.
        self.size = self.size.saturating_add(1);
        kept
    }

    /// As bytes, for a column: the size in 8 bytes, most significant first, and the hashes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for hash in &self.hashes {
            bytes.extend_from_slice(&hash.0);
        }
        bytes
    }

    /// From the bytes of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoFrontier> {
        let (size, hashes) = bytes.split_first_chunk().ok_or(NoFrontier)?;
        let (hashes, rest) = hashes.as_chunks();
        if !rest.is_empty() {
            return Err(NoFrontier);
        }
        Self::new(
            u64::from_be_bytes(*size),
            hashes.iter().copied().map(Hash).collect(),
        )
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The leaves of the classic test vectors of Certificate Transparency (certificate-transparency,
    /// `merkletree/merkle_tree_test.cc`).
    pub(in crate::ledger) const VECTOR_LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];

    /// The roots over the first 0 to 8 of them.
    pub(in crate::ledger) const VECTOR_ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    pub(in crate::ledger) fn vector_leaf(index: usize) -> Hash {
        leaf_hash(&hex::decode(VECTOR_LEAVES[index]).unwrap())
    }

    /// A leaf for each number.
    pub(in crate::ledger) fn leaf(index: u64) -> Hash {
        leaf_hash(&index.to_be_bytes())
    }

    /// MTH(D) word for word as RFC 9162, 2.1.1 has it.
    pub(in crate::ledger) fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    #[test]
    fn the_classic_vectors_hold() {
        let mut tree = Frontier::empty();
        assert_eq!(tree.root().hex(), VECTOR_ROOTS[0]);
        for (index, root) in VECTOR_ROOTS.into_iter().skip(1).enumerate() {
            assert_eq!(tree.push(vector_leaf(index)), []);
            assert_eq!(tree.root().hex(), root);
        }
    }

    #[test]
    fn every_size_has_the_root_of_the_definition() {
        let leaves: Vec<Hash> = (0..600).map(leaf).collect();
        let mut tree = Frontier::empty();
        for (size, leaf) in (1..).zip(&leaves) {
            tree.push(*leaf);
            assert_eq!(tree.size(), size as u64);
            assert_eq!(tree.root(), naive_root(&leaves[..size]), "size {size}");
        }
    }

    #[test]
    fn complete_subtrees_of_every_eighth_level_are_given_out() {
        let mut tree = Frontier::empty();
        let mut nodes = Vec::new();
        for index in 0..(1 << 16) + 300 {
            nodes.extend(tree.push(leaf(index)));
        }
        let level = |level| nodes.iter().filter(move |node| node.level == level);
        assert!(level(8).map(|node| node.index).eq(0..257));
        assert!(level(16).map(|node| node.index).eq([0]));
        assert_eq!(nodes.len(), 258);
        for node in level(8) {
            let leaves: Vec<Hash> = (node.index << 8..(node.index + 1) << 8).map(leaf).collect();
            assert_eq!(node.hash, naive_root(&leaves));
        }
        let below: Vec<Hash> = level(8).take(256).map(|node| node.hash).collect();
        assert_eq!(level(16).next().unwrap().hash, naive_root(&below));
    }

    #[test]
    fn a_range_is_made_of_its_largest_subtrees() {
        let of = |range| subtrees(range).collect::<Vec<_>>();
        assert_eq!(of(0..7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(of(4..8), [(2, 1)]);
        assert_eq!(of(3..9), [(0, 3), (2, 1), (0, 8)]);
        assert_eq!(of(5..5), []);
        assert_eq!(of(u64::MAX - 1..u64::MAX), [(0, u64::MAX - 1)]);
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = Hash::of(b"x");
        assert_eq!(Hash::from_hex(&hash.hex()), Some(hash));
        assert_eq!(Hash::from_base64(&hash.base64()), Some(hash));
        assert_eq!(Hash::from_hex(&hash.hex().to_uppercase()), None);
        assert_eq!(Hash::from_hex("00"), None);
        assert_eq!(serde_json::to_value(hash).unwrap(), hash.hex());
    }

    proptest! {
        #[test]
        fn a_frontier_is_kept_byte_for_byte(size in 0_u64..5_000, more in 0_u64..600) {
            let mut tree = Frontier::empty();
            for index in 0..size {
                tree.push(leaf(index));
            }
            let mut kept = Frontier::from_bytes(&tree.to_bytes()).unwrap();
            prop_assert_eq!(&kept, &tree);
            for index in size..size + more {
                prop_assert_eq!(kept.push(leaf(index)), tree.push(leaf(index)));
            }
            prop_assert_eq!(kept.root(), tree.root());
        }

        #[test]
        fn no_bytes_upset_a_frontier(bytes in proptest::collection::vec(any::<u8>(), 0..2_200)) {
            if let Ok(mut tree) = Frontier::from_bytes(&bytes) {
                prop_assert_eq!(tree.to_bytes(), bytes);
                tree.push(leaf(0));
                let _root = tree.root();
            }
        }

        #[test]
        fn a_frontier_of_any_size_takes_a_leaf(size in 0..=LARGEST_TREE) {
            let hashes = vec![leaf(0); size.count_ones() as usize];
            let mut tree = Frontier::new(size, hashes).unwrap();
            tree.push(leaf(1));
            prop_assert_eq!(Frontier::from_bytes(&tree.to_bytes()).is_ok(), size < LARGEST_TREE);
            prop_assert_eq!(tree.size(), size + 1);
        }
    }

    #[test]
    fn a_frontier_whose_parts_do_not_fit_is_refused() {
        assert_eq!(Frontier::new(3, vec![leaf(0)]), Err(NoFrontier));
        assert_eq!(Frontier::new(0, vec![leaf(0)]), Err(NoFrontier));
        assert_eq!(Frontier::new(LARGEST_TREE * 2, vec![leaf(0)]), Err(NoFrontier));
        assert_eq!(Frontier::from_bytes(&[0; 7]), Err(NoFrontier));
        assert_eq!(Frontier::from_bytes(&[0; 9]), Err(NoFrontier));
    }
}
