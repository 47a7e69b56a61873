#![expect(
    clippy::cast_possible_truncation,
    reason = "the trees of these tests are small"
)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::ledger::tree::tests::{VECTOR_ROOTS, leaf, naive_root, vector_leaf};
use crate::ledger::tree::{LARGEST_TREE, Node};

/// Keeps what a store keeps: leaves, and every eighth level.
#[derive(Default)]
struct Kept {
    levels: Vec<Vec<Hash>>,
    frontier: Frontier,
    reads: Cell<u64>,
}

impl Kept {
    fn of(leaves: impl IntoIterator<Item = Hash>) -> Self {
        let mut kept = Self {
            levels: vec![Vec::new(); 4],
            ..Self::default()
        };
        for leaf in leaves {
            kept.levels[0].push(leaf);
            for Node { level, index, hash } in kept.frontier.push(leaf) {
                let nodes = &mut kept.levels[usize::from(level / TILE_HEIGHT)];
                assert_eq!(index, nodes.len() as u64, "nodes come in order");
                nodes.push(hash);
            }
        }
        kept
    }

    fn counted(size: u64) -> Self {
        Self::of((0..size).map(leaf))
    }
}

impl Nodes for Kept {
    type Error = Infallible;

    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, Infallible> {
        assert_eq!(level % TILE_HEIGHT, 0, "only every eighth level is kept");
        assert!(range.end - range.start <= 256, "a tile is 256 nodes");
        self.reads.set(self.reads.get() + range.end - range.start);
        let of_level = &self.levels[usize::from(level / TILE_HEIGHT)];
        let range = range.start as usize..range.end as usize;
        Ok(of_level.get(range).unwrap_or_default().to_vec())
    }
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|hex| Hash::from_hex(hex).unwrap()).collect()
}

/// The proofs word for word as RFC 9162 defines them; each root is worked out once.
struct Defined {
    leaves: Vec<Hash>,
    roots: RefCell<HashMap<Range<usize>, Hash>>,
}

impl Defined {
    /// MTH(D).
    fn root(&self, of: Range<usize>) -> Hash {
        let known = self.roots.borrow().get(&of).copied();
        known.unwrap_or_else(|| {
            let root = match of.len() {
                0 => empty_root(),
                1 => self.leaves[of.start],
                _ => {
                    let [left, right] = halves(&of);
                    node_hash(&self.root(left), &self.root(right))
                }
            };
            self.roots.borrow_mut().insert(of, root);
            root
        })
    }

    /// PATH(m, D), where `index` counts from the first leaf of all.
    fn inclusion(&self, index: usize, of: Range<usize>) -> Vec<Hash> {
        if of.len() < 2 {
            return Vec::new();
        }
        let [left, right] = halves(&of);
        let (on, sibling) = if index < left.end {
            (left, right)
        } else {
            (right, left)
        };
        let mut path = self.inclusion(index, on);
        path.push(self.root(sibling));
        path
    }

    /// SUBPROOF(m, D, b), where `first` counts from the first leaf of all.
    fn consistency(&self, first: usize, of: Range<usize>, whole: bool) -> Vec<Hash> {
        if first == of.end {
            return if whole { Vec::new() } else { vec![self.root(of)] };
        }
        let [left, right] = halves(&of);
        let (mut proof, sibling) = if first <= left.end {
            (self.consistency(first, left, whole), right)
        } else {
            (self.consistency(first, right, false), left)
        };
        proof.push(self.root(sibling));
        proof
    }
}

fn halves(of: &Range<usize>) -> [Range<usize>; 2] {
    let middle = of.start + of.len().next_power_of_two() / 2;
    [of.start..middle, middle..of.end]
}

#[test]
fn the_classic_vectors_hold() {
    let kept = Kept::of((0..8).map(vector_leaf));
    // certificate-transparency, merkletree/merkle_verifier_test.cc.
    let inclusions: [(u64, u64, &[&str]); 4] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            3,
            &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
    ];
    for (index, size, proof) in inclusions {
        let proof = hashes(proof);
        let root = Hash::from_hex(VECTOR_ROOTS[size as usize]).unwrap();
        assert_eq!(inclusion(&kept, index, size).unwrap(), proof);
        assert!(verify_inclusion(
            &vector_leaf(index as usize),
            index,
            size,
            &proof,
            &root
        ));
    }
    let consistencies: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (first, second, proof) in consistencies {
        let proof = hashes(proof);
        let root = |size| Hash::from_hex(VECTOR_ROOTS[size as usize]).unwrap();
        assert_eq!(consistency(&kept, first, second).unwrap(), proof);
        assert!(verify_consistency(
            first,
            second,
            &root(first),
            &root(second),
            &proof
        ));
    }
}

/// Every proof of every tree, as defined, as made and as checked; and as another implementation checks it.
#[test]
fn every_proof_of_every_small_tree_stands() {
    let defined = Defined {
        leaves: (0..300).map(leaf).collect(),
        roots: RefCell::default(),
    };
    let kept = Kept::counted(300);
    for size in 1..=300 {
        let root = defined.root(0..size);
        assert_eq!(root_at(&kept, size as u64).unwrap(), root);
        for index in 0..size {
            let proof = inclusion(&kept, index as u64, size as u64).unwrap();
            assert_eq!(proof, defined.inclusion(index, 0..size), "{index} in {size}");
            assert!(verify_inclusion(
                &leaf(index as u64),
                index as u64,
                size as u64,
                &proof,
                &root
            ));
        }
        for first in 0..=size {
            let proof = consistency(&kept, first as u64, size as u64).unwrap();
            if first > 0 {
                let as_defined = defined.consistency(first, 0..size, true);
                assert_eq!(proof, as_defined, "{first} to {size}");
            }
            let was = defined.root(0..first);
            assert!(
                verify_consistency(first as u64, size as u64, &was, &root, &proof),
                "{first} to {size}"
            );
        }
    }
}

/// Another implementation of RFC 6962 makes the same roots and proofs, and takes ours.
#[test]
fn another_implementation_agrees() {
    let mut other = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, [u8; 8]>::new();
    let mut roots = vec![other.root()];
    for index in 0..300_u64 {
        other.push(index.to_be_bytes());
        roots.push(other.root());
    }
    let kept = Kept::counted(300);
    for size in 1..=300 {
        let ours = root_at(&kept, size).unwrap();
        assert_eq!(roots[size as usize].as_bytes().as_slice(), ours.as_bytes());
    }
    for index in 0..300 {
        let ours = inclusion(&kept, index, 300).unwrap();
        let theirs = other.prove_inclusion(index as usize);
        assert_eq!(theirs.as_bytes(), flat(&ours));
        let proof = ct_merkle::InclusionProof::<sha2::Sha256>::from_bytes(flat(&ours));
        roots[300]
            .verify_inclusion(&index.to_be_bytes(), index, &proof)
            .unwrap();
    }
    for added in 0..300 {
        let first = 300 - added;
        let ours = consistency(&kept, first, 300).unwrap();
        let proof = ct_merkle::ConsistencyProof::<sha2::Sha256>::try_from_bytes(flat(&ours)).unwrap();
        assert_eq!(other.prove_consistency(added as usize).as_bytes(), flat(&ours));
        roots[300]
            .verify_consistency(&roots[first as usize], &proof)
            .unwrap();
    }
}

fn flat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// A tree of three kept levels, and its proofs' cost.
#[test]
fn a_large_tree_is_proved_from_a_few_tiles() {
    let size = (1 << 17) + 70_001;
    let kept = Kept::counted(size);
    let root = kept.frontier.root();
    assert_eq!(root_at(&kept, size).unwrap(), root);
    for index in [0, 255, 256, 65_535, 65_536, 131_072, size - 1] {
        kept.reads.set(0);
        let proof = inclusion(&kept, index, size).unwrap();
        assert!(kept.reads.get() <= 3 * 2 * 256, "{}", kept.reads.get());
        assert!(verify_inclusion(&leaf(index), index, size, &proof, &root));
        kept.reads.set(0);
        let proof = consistency(&kept, index + 1, size).unwrap();
        assert!(kept.reads.get() <= 3 * 2 * 256);
        let first = root_at(&kept, index + 1).unwrap();
        assert!(verify_consistency(index + 1, size, &first, &root, &proof));
    }
}

#[test]
fn what_is_not_kept_is_named() {
    let mut kept = Kept::counted(600);
    kept.levels[1].truncate(1);
    assert_eq!(
        inclusion(&kept, 3, 600),
        Err(ProofError::Missing { level: 8, from: 1 })
    );
    assert!(inclusion(&kept, 3, 300).is_ok());
    assert_eq!(
        inclusion(&kept, 5, 5),
        Err(ProofError::OutOfRange { asked: 5, of: 5 })
    );
    assert!(consistency(&kept, 6, 5).is_err());
    assert!(root_at(&kept, LARGEST_TREE + 1).is_err());
    assert_eq!(root_at(&kept, 0).unwrap(), empty_root());
}

#[test]
fn proofs_of_the_largest_sizes_end() {
    let endless = vec![leaf(0); 200];
    for size in [1, 2, LARGEST_TREE, u64::MAX] {
        for at in [0, 1, size / 2, size - 1] {
            for length in [0, 1, 62, 63, 64, 200] {
                let proof = &endless[..length];
                assert!(!verify_inclusion(&leaf(1), at, size, proof, &leaf(2)));
                assert!(!verify_consistency(at, size, &leaf(1), &leaf(2), proof));
            }
        }
    }
}

/// Changes one bit of one of these hashes.
fn flip(hashes: &mut [Hash], at: Index, bit: Index) {
    let hash = at.get_mut(hashes);
    hash.0[bit.index(32)] ^= 1 << (bit.index(256) / 32);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn proofs_stand_and_no_flipped_bit_does(size in 2_u64..6_000, at: Index, flips: [(Index, Index); 8]) {
        let kept = Kept::counted(size);
        let root = kept.frontier.root();
        let index = at.index(size as usize) as u64;
        let proof = inclusion(&kept, index, size).unwrap();
        prop_assert!(verify_inclusion(&leaf(index), index, size, &proof, &root));
        let first = index + 1;
        let first_root = naive_root(&kept.levels[0][..first as usize]);
        prop_assert_eq!(root_at(&kept, first).unwrap(), first_root);
        let consistent = consistency(&kept, first, size).unwrap();
        prop_assert!(verify_consistency(first, size, &first_root, &root, &consistent));
        for (hash, bit) in flips {
            let mut all = [&proof[..], &[leaf(index), root]].concat();
            flip(&mut all, hash, bit);
            let (proof, ends) = all.split_at(proof.len());
            prop_assert!(!verify_inclusion(&ends[0], index, size, proof, &ends[1]));

            let mut all = [&consistent[..], &[first_root, root]].concat();
            flip(&mut all, hash, bit);
            let (proof, ends) = all.split_at(consistent.len());
            prop_assert!(!verify_consistency(first, size, &ends[0], &ends[1], proof));
        }
    }

    #[test]
    fn a_proof_stands_for_its_own_leaf_and_size_alone(size in 2_u64..700, at: Index, other: Index) {
        let kept = Kept::counted(size);
        let root = kept.frontier.root();
        let index = at.index(size as usize) as u64;
        let proof = inclusion(&kept, index, size).unwrap();
        let other = other.index(size as usize) as u64;
        if other != index {
            prop_assert!(!verify_inclusion(&leaf(index), other, size, &proof, &root));
            prop_assert!(!verify_inclusion(&leaf(other), index, size, &proof, &root));
        }
        prop_assert!(!verify_inclusion(&leaf(index), index, size, &[&proof[..], &[root]].concat(), &root));
        if let Some((_, shorter)) = proof.split_last() {
            prop_assert!(!verify_inclusion(&leaf(index), index, size, shorter, &root));
        }
    }

    #[test]
    fn nothing_upsets_a_verifier(numbers: [u64; 2], random: [[u8; 32]; 2],
                                 proof in proptest::collection::vec(any::<[u8; 32]>(), 0..80)) {
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let [a, b] = random.map(Hash);
        prop_assert!(!verify_inclusion(&a, numbers[0], numbers[1], &proof, &b));
        prop_assert!(!verify_consistency(numbers[0], numbers[1], &a, &b, &proof));
    }
}
