//! The reports of an excerpt, in the order of their leaves: the chains of all hosts are followed at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::num::NonZero;
use std::thread;

use super::Audit;
use super::archive::{Archive, Excerpt, LeafRow, ReportRow, Subject};
use super::chain::{Chain, Examined, examine};
use super::fault::{Fault, FaultKind};

/// The chains of all hosts, by host and incarnation.
#[derive(Default)]
pub(super) struct Chains(HashMap<(String, i64), Chain>);

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
            let key = (report.place.host.clone(), report.place.incarnation);
            if !self.chains.0.contains_key(&key) {
                let chain = self.begin_at(report)?;
                self.chains.0.insert(key, chain);
            }
            let body = self.archive.body(report)?;
            reports.push(Bodied { report, body });
        }
        for (Bodied { report, .. }, examined) in reports.iter().zip(examined(&reports, &self.chains)) {
            let key = (report.place.host.clone(), report.place.incarnation);
            let Entry::Occupied(chain) = self.chains.0.entry(key) else {
                continue;
            };
            let (key, mut chain) = chain.remove_entry();
            let told = report.leaf.map_or_else(Vec::new, |leaf| excerpt.told(leaf));
            if report.place.sequence <= chain.sequence {
                let fault = Fault::new(FaultKind::LeafOrder).report(report);
                self.fault(fault.differs(
                    "sequence",
                    chain.sequence.saturating_add(1),
                    report.place.sequence,
                ));
            }
            self.linked(report, &mut chain, examined, &told);
            self.chains.0.insert(key, chain);
        }
        Ok(())
    }
}

/// What the bodies show, looked at on all processors: their signatures take most of the time of an audit.
fn examined(reports: &[Bodied<'_>], chains: &Chains) -> Vec<Option<io::Result<Examined>>> {
    let look = |bodied: &Bodied<'_>| {
        let report = bodied.report;
        let chain = chains
            .0
            .get(&(report.place.host.clone(), report.place.incarnation))?;
        let body = bodied.body.as_ref()?;
        Some(match body {
            Ok(bytes) => Ok(examine(bytes, report, &chain.record, chain.key)),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        })
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let each = reports.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = reports
            .chunks(each)
            .map(|part| scope.spawn(move || part.iter().map(look).collect::<Vec<_>>()))
            .collect();
        let parts = parts.into_iter().zip(reports.chunks(each));
        // A part whose thread failed is looked at again, here.
        let whole = |(part, of): (thread::ScopedJoinHandle<'_, Vec<_>>, &[Bodied<'_>])| {
            part.join().unwrap_or_else(|_| of.iter().map(look).collect())
        };
        parts.flat_map(whole).collect()
    })
}
