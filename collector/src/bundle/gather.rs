//! What the ledger and its rows hold of a period, on its way from the store into a bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

use data_encoding::HEXLOWER;
use jiff::Timestamp;

use super::export::{ExportError, Exported, Vault};
use super::manifest::Tree;
use super::rows::{ActLine, CheckpointLine, EarlierLine, EntryLine, GapLine, HostLine, ReportLine};
use super::writer::{MemberWriter, Writer};
use super::{bodies, name};
use crate::evidence::files_in;
use crate::ledger::audit::{ActRow, GapRow, Incarnation, LeafRow, Place, ReportRow, Subject, signed_by};
use crate::ledger::proof::{self, Nodes};
use crate::ledger::tree::{Frontier, Hash};
use crate::store::{Family, Kept, StoreError};

/// Rows read at once.
const PAGE: usize = 500;

/// What is read of the store at one moment, on its way into the bundle.
pub(super) struct Gathering<'g, 'v> {
    pub(super) begins_at: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) writer: &'g mut Writer,
    pub(super) vault: &'g mut Vault<'v>,
    pub(super) progress: &'g mut dyn FnMut(u64, u64),
    pub(super) done: Exported,
    /// When plans were published in the period, and which.
    pub(super) published: BTreeMap<i64, String>,
    /// Evidence files that records name.
    pub(super) files: BTreeSet<String>,
}

impl Gathering<'_, '_> {
    /// Writes all that the ledger holds, and says which part of it that is.
    pub(super) fn gather(&mut self, kept: &Kept<'_>) -> Result<Tree, ExportError> {
        let leaves = leaves_of(kept, self.begins_at, self.ends_at)?;
        let nodes = KeptNodes(kept);
        let before = proof::frontier_at(&nodes, leaves.start)?;
        let after = proof::frontier_at(&nodes, leaves.end)?;
        let Bodies { signers, gone } = self.bodies(kept, &leaves)?;
        self.checkpoints(kept, &leaves)?;
        self.earlier(kept, &leaves)?;
        self.entries(kept, &leaves, &gone)?;
        self.evidence()?;
        self.writer.member(name::HOSTS, |out| hosts(out, &signers))?;
        let hashes = |edge: &Frontier| edge.hashes().iter().map(Hash::hex).collect();
        Ok(Tree {
            first: leaves.start,
            before: hashes(&before),
            size: leaves.end,
            after: hashes(&after),
        })
    }

    /// The bodies of the reports.
    fn bodies(&mut self, kept: &Kept<'_>, leaves: &Range<u64>) -> Result<Bodies, ExportError> {
        let mut found = Bodies::default();
        let count = leaves.end - leaves.start;
        let progress = &mut self.progress;
        self.writer.member(name::BODIES, |out| {
            each_leaf(kept, leaves, &mut |passed| progress(passed, 2 * count), |leaf| {
                let Subject::Report(report) = &leaf.of else {
                    return Ok(());
                };
                let body = body(kept, report).map_err(|why| match why {
                    Unreadable::Store(error) => error.into(),
                    Unreadable::Body(why) => ExportError::damaged(leaf.index, &why),
                })?;
                found.gone.next(leaf.index, body.is_none());
                if let Some(body) = &body {
                    found.signers.add(kept, report, body.as_bytes())?;
                }
                Ok(bodies::write(out, leaf.index, body.as_deref())?)
            })
        })?;
        Ok(found)
    }

    fn checkpoints(&mut self, kept: &Kept<'_>, leaves: &Range<u64>) -> Result<(), ExportError> {
        self.writer.member(name::CHECKPOINTS, |out| {
            let mut after = Some(signed(leaves.start).saturating_sub(1));
            loop {
                let page = kept.checkpoints(after, PAGE)?;
                let within = page.into_iter().take_while(|row| row.size <= signed(leaves.end));
                let before = after;
                for row in within {
                    after = Some(row.size);
                    out.line(&CheckpointLine::of(row))?;
                }
                if after == before {
                    return Ok(());
                }
            }
        })
    }

    /// The acts from before the leaves that what people say still rests on, each with its proof.
    fn earlier(&mut self, kept: &Kept<'_>, leaves: &Range<u64>) -> Result<(), ExportError> {
        let (files, done) = (&mut self.files, &mut self.done);
        self.writer.member(name::EARLIER, |out| {
            let mut after = 0;
            loop {
                let page = kept.acts(after, PAGE)?;
                let Some((_, last)) = page.last() else {
                    return Ok(());
                };
                after = last.id;
                for (leaf, act) in page {
                    if leaf >= leaves.start || !still_counts(&act) {
                        continue;
                    }
                    let nodes = KeptNodes(kept);
                    let proof = proof::inclusion(&nodes, leaf, leaves.end)?;
                    let hash = nodes.nodes(0, leaf..leaf + 1)?.first().map(Hash::hex);
                    files_of(&act, files);
                    done.earlier += 1;
                    out.line(&EarlierLine {
                        leaf,
                        hash: hash.unwrap_or_default(),
                        proof: proof.iter().map(Hash::hex).collect(),
                        act: ActLine::of(act),
                    })?;
                }
            }
        })
    }

    /// The leaves with what they stand for.
    fn entries(&mut self, kept: &Kept<'_>, leaves: &Range<u64>, gone: &Gone) -> Result<(), ExportError> {
        let gaps = gaps(kept)?;
        let (files, done, published) = (&mut self.files, &mut self.done, &mut self.published);
        let count = leaves.end - leaves.start;
        let progress = &mut self.progress;
        self.writer.member(name::ENTRIES, |out| {
            each_leaf(
                kept,
                leaves,
                &mut |passed| progress(count + passed, 2 * count),
                |leaf| {
                    let damaged = |why: &str| ExportError::damaged(leaf.index, why);
                    let mut line = EntryLine {
                        leaf: leaf.index,
                        hash: leaf.hash.ok_or_else(|| damaged("its hash is none"))?.hex(),
                        report: None,
                        act: None,
                    };
                    match leaf.of {
                        Subject::Report(report) => {
                            let told = gaps.get(&report.place).cloned().unwrap_or_default();
                            line.report = Some(ReportLine::of(&report, told, !gone.holds(leaf.index)));
                            done.reports += 1;
                        }
                        Subject::Act(act) => {
                            files_of(&act, files);
                            if act.what == PUBLISH {
                                published.insert(act.at, act.on.clone());
                            }
                            line.act = Some(ActLine::of(act));
                            done.acts += 1;
                        }
                        Subject::Missing(what) => return Err(damaged(&format!("{what} is not there"))),
                    }
                    done.leaves += 1;
                    Ok(out.line(&line)?)
                },
            )?;
            if done.leaves == count {
                return Ok(());
            }
            let why = format!("of {count} leaves {} are there", done.leaves);
            Err(ExportError::damaged(leaves.start, &why))
        })
    }

    /// The evidence files that are kept.
    fn evidence(&mut self) -> Result<(), ExportError> {
        for sha256 in &self.files {
            if let Some(mut file) = (self.vault)(sha256)? {
                let name = format!("{}{sha256}", name::EVIDENCE);
                self.writer.member(&name, |out| Ok(io::copy(&mut file, out)?))?;
                self.done.files += 1;
            }
        }
        Ok(())
    }
}

/// Calls `each` with every leaf in order, and `progress` with how many were passed.
fn each_leaf(
    kept: &Kept<'_>,
    leaves: &Range<u64>,
    progress: &mut dyn FnMut(u64),
    mut each: impl FnMut(LeafRow) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut next = leaves.start;
    while next < leaves.end {
        let page = kept.leaves(next, PAGE)?;
        let Some(last) = page.last().map(|leaf| leaf.index) else {
            break;
        };
        for leaf in page.into_iter().filter(|leaf| leaf.index < leaves.end) {
            each(leaf)?;
        }
        next = last.saturating_add(1);
        progress(next.min(leaves.end) - leaves.start);
    }
    Ok(())
}

/// What an act that publishes a plan is called.
pub(super) const PUBLISH: &str = "plan.publish";

/// Whether an act from before the period still counts in it: a plan, or what somebody said. What stood on a day does not.
fn still_counts(act: &ActRow) -> bool {
    let day = |family: &str| family == Family::Day.name();
    act.what == PUBLISH || act.record.as_ref().is_some_and(|record| !day(&record.family))
}

/// Adds the evidence files that the record of an act names.
pub(super) fn files_of(act: &ActRow, files: &mut BTreeSet<String>) {
    let record = act
        .record
        .as_ref()
        .filter(|record| record.family != Family::Day.name());
    let named = record.map_or_else(Vec::new, |record| files_in(&record.body));
    files.extend(named.into_iter().map(|file| file.sha256.to_string()));
}

/// The leaves from the last checkpoint before a period to the first one after it, or to the newest.
fn leaves_of(kept: &Kept<'_>, begins_at: Timestamp, ends_at: Timestamp) -> Result<Range<u64>, ExportError> {
    let size = kept.head()?.map_or(0, |head| head.size());
    // Size of the first checkpoint that was signed at `at` or later, or one more than that of the last checkpoint.
    let first_from = |at: i64| -> Result<i64, StoreError> {
        let (mut low, mut high) = (0, signed(size).saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let found = kept.checkpoints(Some(middle - 1), 1)?;
            if found.first().is_some_and(|row| row.signed_at < at) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    };
    // After the last one signed before the period, or at its very beginning.
    let after_last = first_from(begins_at.as_microsecond().saturating_add(1))?;
    let from = u64::try_from(after_last - 1).unwrap_or(0);
    let to = first_from(ends_at.as_microsecond())?;
    let last = match kept.checkpoints(Some(to - 1), 1)?.first() {
        Some(row) => row.size,
        None => to - 1,
    };
    let to = u64::try_from(last).map_err(|_| ExportError::NoCheckpoint)?;
    Ok(from.min(to)..to)
}

/// Why the body of a report is not there.
enum Unreadable {
    Store(StoreError),
    Body(String),
}

fn body(kept: &Kept<'_>, report: &ReportRow) -> Result<Option<String>, Unreadable> {
    let Some(bytes) = kept.body(report).map_err(Unreadable::Store)? else {
        return Ok(None);
    };
    let bytes = bytes.map_err(|error| Unreadable::Body(format!("its body can't be unpacked: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Unreadable::Body("its body is no text".to_owned()))?;
    Ok(Some(text))
}

/// The gaps on record, by the reports that told of them: there are few.
fn gaps(kept: &Kept<'_>) -> Result<BTreeMap<Place, Vec<GapLine>>, StoreError> {
    let mut gaps: BTreeMap<Place, Vec<GapLine>> = BTreeMap::new();
    let mut after: Option<GapRow> = None;
    loop {
        let page = kept.gaps(after.as_ref(), PAGE)?;
        for gap in &page {
            gaps.entry(gap.place.clone()).or_default().push(GapLine::of(gap));
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(gaps),
        }
    }
}

/// What the bodies of the reports told.
#[derive(Default)]
struct Bodies {
    signers: Signers,
    gone: Gone,
}

/// The reports whose bodies are no longer kept: in stretches, for most often they are the oldest.
#[derive(Default)]
struct Gone {
    /// First and last leaf of each stretch, in order.
    stretches: Vec<(u64, u64)>,
    goes_on: bool,
}

impl Gone {
    /// The next report, by its leaf.
    fn next(&mut self, leaf: u64, is_gone: bool) {
        match self.stretches.last_mut().filter(|_| self.goes_on) {
            Some((_, last)) if is_gone => *last = leaf,
            _ if is_gone => self.stretches.push((leaf, leaf)),
            _ => {}
        }
        self.goes_on = is_gone;
    }

    fn holds(&self, leaf: u64) -> bool {
        let after = self.stretches.partition_point(|(_, last)| *last < leaf);
        self.stretches.get(after).is_some_and(|(first, _)| *first <= leaf)
    }
}

/// The keys of each incarnation of a host, and which of them signed something.
#[derive(Default)]
struct Signers(BTreeMap<(String, i64), Signing>);

struct Signing {
    record: Incarnation,
    used: BTreeSet<usize>,
    last: usize,
}

impl Signers {
    fn add(&mut self, kept: &Kept<'_>, report: &ReportRow, body: &[u8]) -> Result<(), StoreError> {
        let place = &report.place;
        let key = (place.host.clone(), place.incarnation);
        let signing = match self.0.entry(key) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(Signing {
                record: kept.incarnation(&place.host, place.incarnation)?,
                used: BTreeSet::new(),
                last: 0,
            }),
        };
        if let Some(used) = signed_by(&signing.record.keys, signing.last, body, &report.signature) {
            signing.used.insert(used);
            signing.last = used;
        }
        Ok(())
    }
}

fn hosts(out: &mut MemberWriter<'_>, signers: &Signers) -> Result<(), ExportError> {
    for ((host, incarnation), signing) in &signers.0 {
        let keys = signing
            .used
            .iter()
            .filter_map(|used| signing.record.keys.get(*used));
        out.line(&HostLine {
            host: host.clone(),
            incarnation: *incarnation,
            keys: keys.map(|key| HEXLOWER.encode(key)).collect(),
        })?;
    }
    Ok(())
}

/// The nodes that a store keeps, as they are at one moment.
struct KeptNodes<'k, 'a>(&'k Kept<'a>);

impl Nodes for KeptNodes<'_, '_> {
    type Error = StoreError;

    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let missing = || StoreError::Damaged {
            what: "ledger",
            why: "a node is missing; `plumbline-collector verify` names it".to_owned(),
        };
        let hashes: Option<Vec<Hash>> = if level == 0 {
            let count = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
            self.0
                .leaves(range.start, count)?
                .into_iter()
                .map(|leaf| leaf.hash)
                .collect()
        } else {
            self.0
                .nodes(level, range)?
                .into_iter()
                .map(|(_, hash)| hash)
                .collect()
        };
        hashes.ok_or_else(missing)
    }
}

fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stretches_hold_the_bodies_that_are_gone(reports in prop::collection::btree_map(0_u64..300, any::<bool>(), 0..100)) {
            let mut gone = Gone::default();
            for (leaf, is_gone) in &reports {
                gone.next(*leaf, *is_gone);
            }
            for (leaf, is_gone) in &reports {
                prop_assert_eq!(gone.holds(*leaf), *is_gone);
            }
        }
    }
}
