//! The evidence bundle: all that was taken in during a period, as one file that is verified without a collector.
//!
//! It holds the leaves of the ledger from the last checkpoint before the period to the first one after it, every one with
//! what it stands for, and of the tree before them only its right edge: from that and the leaves every root is made that
//! a checkpoint states, so nothing can be missing, and the rest of the ledger need not come along. `docs/bundle.md`
//! tells what each member is.

mod ahead;
mod archive;
mod bodies;
mod container;
mod export;
mod gather;
mod lines;
mod manifest;
mod readme;
mod rows;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use container::{Container, ContainerError};
pub use export::{Export, ExportError, Exported, Vault, export};
pub use manifest::{Covered, Manifest, Member, Tree};
pub use verify::{Identity, Verified, key_of, verify};

/// Names of the members.
pub(crate) mod name {
    pub(crate) const README: &str = "README.txt";
    pub(crate) const BODIES: &str = "bodies.txt";
    pub(crate) const CHECKLIST: &str = "checklist.json";
    pub(crate) const CHECKPOINTS: &str = "checkpoints.jsonl";
    pub(crate) const EARLIER: &str = "earlier.jsonl";
    pub(crate) const ENTRIES: &str = "entries.jsonl";
    /// Directory of the evidence files, each under its SHA-256.
    pub(crate) const EVIDENCE: &str = "evidence/";
    pub(crate) const HOSTS: &str = "hosts.jsonl";
    pub(crate) const MANIFEST: &str = "manifest.json";
    pub(crate) const MANIFEST_NOTE: &str = "manifest.note";
    pub(crate) const PLANS: &str = "plans.jsonl";
    /// Directory of the plans, each under its SHA-256.
    pub(crate) const PLAN: &str = "plans/";

    /// Members of every bundle.
    pub(crate) const ALWAYS: [&str; 7] = [README, BODIES, CHECKPOINTS, EARLIER, ENTRIES, HOSTS, PLANS];
    /// Members of every bundle with a report.
    pub(crate) const OF_REPORT: [&str; 3] = [CHECKLIST, "report.en.html", "report.zh-TW.html"];
}
