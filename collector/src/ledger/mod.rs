//! The ledger: everything that was ever accepted, in an order that can't be changed without it being seen.
//!
//! Each report taken in and each act of a person is an [`entry`]; the hashes of the entries are the leaves of an
//! append-only Merkle tree (RFC 9162, 2.1; [`tree`]); the collector signs the tree's size and root as it grows
//! ([`checkpoint`], a signed [`note`]). Whoever keeps one checkpoint can have it [`proved`](proof) that an entry was in
//! the tree then, and that a later tree has changed nothing of it.
//!
//! The [`audit`] proves all of it on what is kept. These modules do no I/O of their own: the store keeps what they
//! make, and gives it back through [`Nodes`](proof::Nodes) and [`Archive`](audit::Archive).

pub mod audit;
pub mod checkpoint;
pub mod entry;
pub(crate) mod keeper;
pub mod kept_elsewhere;
pub mod note;
pub mod proof;
pub(crate) mod prove;
pub mod statement;
pub mod tree;
