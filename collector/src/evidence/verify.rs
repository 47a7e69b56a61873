//! Proving all files of evidence against what the ledger says of them.

use std::collections::HashSet;

use super::Evidence;
use super::digest::Digest;
use super::error::EvidenceError;
use super::reading::Reading;
use super::vault::Kept;

/// What became of proving all files.
#[derive(Debug, Default)]
pub struct Verification {
    /// Files that are what they were.
    pub intact: u64,
    /// Files that are missing, altered, of another size, replaced, or not locked where they should be.
    pub faults: Vec<EvidenceError>,
    /// Files that are kept and that nothing speaks of: left by an attestation that was never recorded, or put there.
    pub unexpected: Vec<Kept>,
}

impl Verification {
    /// Whether every file that should be there is what it was.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

impl Evidence {
    /// Reads every file of `expected` to its end, and lists what else is kept. `each` is told of every file that was
    /// looked at. A server that can't be reached ends it: that says nothing of the files.
    pub async fn verify(
        &self,
        expected: impl IntoIterator<Item = Kept>,
        mut each: impl FnMut(&Kept),
    ) -> Result<Verification, EvidenceError> {
        let mut found = Verification::default();
        let mut known: HashSet<Digest> = HashSet::new();
        for kept in expected {
            if !known.insert(kept.sha256) {
                continue;
            }
            match self.prove(kept).await {
                Ok(()) => found.intact += 1,
                Err(error) if error.is_damage() => found.faults.push(error),
                Err(error) => return Err(error),
            }
            each(&kept);
        }
        let mut after = None;
        loop {
            let page = self.vault.page(after).await?;
            let Some(last) = page.last() else {
                return Ok(found);
            };
            after = Some(last.sha256);
            found
                .unexpected
                .extend(page.into_iter().filter(|kept| !known.contains(&kept.sha256)));
        }
    }

    async fn prove(&self, kept: Kept) -> Result<(), EvidenceError> {
        let opened = self.vault.open(kept.sha256).await?;
        let opened = opened.ok_or(EvidenceError::Missing(kept.sha256))?;
        let unlocked_in = opened.unlocked_in.clone();
        Reading::new(opened, kept)?.prove().await?;
        match unlocked_in {
            Some(bucket) => Err(EvidenceError::Unlocked {
                digest: kept.sha256,
                bucket,
            }),
            None => Ok(()),
        }
    }
}
