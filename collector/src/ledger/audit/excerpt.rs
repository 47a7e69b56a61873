//! The reports of an excerpt, in the order of their leaves: the chains of all hosts are followed at once.

use std::collections::{BTreeMap, HashMap};
use std::io;

use super::archive::{Archive, Excerpt, LeafRow, Place, ReportRow, Signatures, Subject};
use super::chain::{Chain, Examined, examine};
use super::fault::{Fault, FaultKind};
use super::signatures::Signed;
use super::{Audit, parallel};

/// The chains of all hosts, by host and incarnation.
#[derive(Default)]
pub(super) struct Chains(HashMap<String, BTreeMap<i64, Chain>>);

impl Chains {
    pub(super) fn of(&self, place: &Place) -> Option<&Chain> {
        self.0.get(&place.host)?.get(&place.incarnation)
    }

    pub(super) fn of_mut(&mut self, place: &Place) -> Option<&mut Chain> {
        self.0.get_mut(&place.host)?.get_mut(&place.incarnation)
    }

    fn take(&mut self, place: &Place) -> Option<Chain> {
        self.0.get_mut(&place.host)?.remove(&place.incarnation)
    }

    fn put(&mut self, place: &Place, chain: Chain) {
        match self.0.get_mut(&place.host) {
            Some(chains) => chains.insert(place.incarnation, chain),
            None => self
                .0
                .entry(place.host.clone())
                .or_default()
                .insert(place.incarnation, chain),
        };
    }
}

/// A report with its body, as far as that is kept.
struct Bodied<'p> {
    report: &'p ReportRow,
    body: Option<io::Result<Vec<u8>>>,
}

impl<A: Archive + ?Sized> Audit<'_, A> {
    /// Follows the chains with the reports of a page of leaves.
    pub(super) fn follow(&mut self, excerpt: &dyn Excerpt, page: &[LeafRow]) -> Result<(), A::Error> {
        let mut reports = Vec::new();
        for leaf in page {
            let Subject::Report(report) = &leaf.of else {
                continue;
            };
            if self.chains.of(&report.place).is_none() {
                let chain = self.begin_at(report)?;
                self.chains.put(&report.place, chain);
            }
            let body = self.archive.body(report)?;
            reports.push(Bodied { report, body });
        }
        let examined = parallel::map(&reports, |Bodied { body, .. }| {
            Some(match body.as_ref()? {
                Ok(bytes) => Ok(examine(bytes)),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            })
        });
        for (bodied, examined) in reports.into_iter().zip(examined) {
            self.next_of_chain(excerpt, bodied, examined);
        }
        self.due_signatures();
        Ok(())
    }

    fn next_of_chain(
        &mut self,
        excerpt: &dyn Excerpt,
        bodied: Bodied<'_>,
        examined: Option<io::Result<Examined>>,
    ) {
        let Bodied { report, body } = bodied;
        let place = &report.place;
        let Some(mut chain) = self.chains.take(place) else {
            return;
        };
        if place.sequence <= chain.sequence {
            let fault = Fault::new(FaultKind::LeafOrder).report(report);
            self.fault(fault.differs("sequence", chain.sequence.saturating_add(1), place.sequence));
        }
        let vouches = matches!(&examined, Some(Ok(examined)) if chain.is_vouched_for_by(report, examined));
        let is_changed = matches!(&examined, Some(Ok(examined)) if !examined.is_of(report));
        let told = report.leaf.map_or_else(Vec::new, |leaf| excerpt.told(leaf));
        self.linked(report, &mut chain, examined, &told);
        let signed = body.and_then(Result::ok).map(|body| Signed {
            report: report.clone(),
            body,
        });
        match signed {
            // The next report holds the hash on record, which is not that of this body.
            Some(signed) if is_changed => {
                self.unverified.next(place, vouches, None);
                self.unverified.due(signed);
            }
            signed => {
                let vouches = vouches && excerpt.signatures() == Signatures::OfLast;
                self.unverified.next(place, vouches, signed);
            }
        }
        self.chains.put(place, chain);
    }
}
