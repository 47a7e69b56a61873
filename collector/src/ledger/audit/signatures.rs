//! The hosts' signatures in an excerpt. A body holds the hash of the one before it, so whoever signs a report signs every
//! report before it in an unbroken chain, too: the signature of the last one vouches for all of them, and is verified in
//! their place. A signature by itself is part of the leaf, and proved with it.

use std::collections::HashMap;

use super::Audit;
use super::archive::{Archive, Place, ReportRow};
use super::chain::signed_by;
use super::parallel;

/// Bytes of bodies that wait for the next of their chain. What would be more is verified at once, so that memory is
/// bounded whatever the number and size of hosts.
const MOST_WAITING: usize = 64 * 1024 * 1024;

/// Signatures verified together, at most.
const BATCH: usize = 4_096;

/// A report with the body that its host signed.
pub(super) struct Signed {
    pub(super) report: ReportRow,
    pub(super) body: Vec<u8>,
}

/// Signatures that are still to be verified.
#[derive(Default)]
pub(super) struct Unverified {
    /// The last report of each chain, by host and incarnation.
    last: HashMap<(String, i64), Signed>,
    /// Bytes of their bodies.
    waiting: usize,
    /// Those that no later report vouches for.
    due: Vec<Signed>,
}

impl Unverified {
    /// The next report of its host: whether it vouches for the one before, and its body, if that is kept.
    pub(super) fn next(&mut self, place: &Place, vouches: bool, signed: Option<Signed>) {
        let chain = (place.host.clone(), place.incarnation);
        if let Some(before) = self.last.remove(&chain) {
            self.waiting = self.waiting.saturating_sub(before.body.len());
            if !vouches {
                self.due.push(before);
            }
        }
        let Some(signed) = signed else { return };
        let waiting = self.waiting.saturating_add(signed.body.len());
        if waiting > MOST_WAITING {
            self.due.push(signed);
        } else {
            self.waiting = waiting;
            self.last.insert(chain, signed);
        }
    }

    /// A report that is to be verified for itself.
    pub(super) fn due(&mut self, signed: Signed) {
        self.due.push(signed);
    }
}

impl<A: Archive + ?Sized> Audit<'_, A> {
    /// Verifies the signatures that are due.
    pub(super) fn due_signatures(&mut self) {
        let due = std::mem::take(&mut self.unverified.due);
        self.signatures(&due);
    }

    /// Verifies the last signature of every chain.
    pub(super) fn last_signatures(&mut self) {
        let Unverified { last, mut due, .. } = std::mem::take(&mut self.unverified);
        due.extend(last.into_values());
        due.sort_unstable_by_key(|signed| signed.report.leaf);
        self.signatures(&due);
    }

    fn signatures(&mut self, due: &[Signed]) {
        for batch in due.chunks(BATCH) {
            let chains = &self.chains;
            let made_by = parallel::map(batch, |Signed { report, body }| {
                let chain = chains.of(&report.place)?;
                signed_by(&chain.record.keys, chain.key, body, &report.signature)
            });
            for (Signed { report, .. }, made_by) in batch.iter().zip(made_by) {
                let chain = self.chains.of_mut(&report.place);
                let keys = chain.map_or(0, |chain| {
                    chain.key = made_by.unwrap_or(chain.key);
                    chain.record.keys.len()
                });
                if made_by.is_none() {
                    self.unsigned(report, keys);
                }
            }
        }
    }
}
