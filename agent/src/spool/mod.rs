//! What was found, kept durably until the collector has it.
//!
//! The spool holds the host's whole state ([`host_state`]) and queues what a run changes of it, with the digest of the
//! state after the change. Where what waits can't bring the collector to that state (it asks, its backup was restored, a
//! full spool was thinned …) the state follows whole, after what waits ([`resync`]).
//!
//! Assessments wait *unnumbered*. The one at the head is sealed, that is numbered, chained to the one before and made
//! into exact bytes, and those bytes are durable before they are first sent; so a re-post is byte for byte the same,
//! and at most one sealed report waits. Thinning a full spool takes only what has no number yet: it can't break the
//! chain, and the next report says how many were thinned (`dropped_reports`).
//!
//! The state, what waits and what probes want remembered are kept in one transaction. A crash at any moment leaves all
//! or nothing, so a log line is never judged twice and never skipped, and no change is missed or told twice.
//!
//! A body that the collector refuses for good was never part of the chain it keeps: it is put aside, and its number
//! goes to the next.

mod chain;
mod error;
mod file;
mod host_state;
mod parts;
mod report;
mod resync;
mod tables;
#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests damage the file itself")]
mod tests;

use std::path::Path;

use jiff::Timestamp;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{Assessment, Heartbeat, HeartbeatReply, LARGEST_REPORT};
use plumbline_facts::Memory;

use crate::spool::chain::{Chain, Glance};
use crate::spool::file::SpoolFile;
use crate::spool::tables::{Place, Tables};

pub use chain::{Enrolment, Resync, Why};
pub use error::SpoolError;
pub use file::FILE;
pub use report::{Agreement, Confirmed, Depth, Seal, Sealed};
pub use tables::Refused;

/// Room that the rest of a report needs beside its assessment, in bytes.
const REPORT_OVERHEAD: usize = 4 * 1024;
/// The largest part of an assessment that is kept as one report, in bytes. Well under [`LARGEST_REPORT`], so that
/// memory stays small.
const LARGEST_PART: usize = 1024 * 1024;
// Of a check what is new and what is gone may each be that large.
const _: () = assert!(2 * LARGEST_PART + REPORT_OVERHEAD < LARGEST_REPORT);

/// The durable state of the host and queue of reports. One process at a time holds it.
#[derive(Debug)]
pub struct Spool {
    file: SpoolFile,
    known_checks: Vec<String>,
    started_over: bool,
}

impl Spool {
    /// Opens the spool in `data_dir` for this enrolment and the checks that this program has, making it where there is
    /// none. After a new enrolment what waits is kept and numbered from 1 again. A file that can't be read is moved
    /// aside, and said so by [`Self::started_over`].
    pub fn open<'c>(
        data_dir: &Path,
        enrolment: &Enrolment,
        known_checks: impl IntoIterator<Item = &'c str>,
    ) -> Result<Self, SpoolError> {
        let (file, started_over) = SpoolFile::open(data_dir)?;
        let spool = Self {
            file,
            known_checks: known_checks.into_iter().map(str::to_owned).collect(),
            started_over,
        };
        spool.enrol(enrolment)?;
        spool.file.change(|tables| {
            let mut chain = tables.chain()?;
            if host_state::keep_only(tables, &spool.known_checks)? {
                chain.wants_resync(Why::ChecksChanged);
            }
            if started_over {
                // How many reports were in it can't be told any more; that some may be missing can.
                chain.dropped_reports = chain.dropped_reports.max(1);
                chain.resync = Some(Why::StartedOver);
            }
            tables.set_chain(&chain)
        })?;
        Ok(spool)
    }

    /// From now on reports are numbered within this enrolment.
    pub fn enrol(&self, enrolment: &Enrolment) -> Result<(), SpoolError> {
        self.file.change(|tables| {
            let mut chain = tables.chain()?;
            if chain.enrolment.as_ref() == Some(enrolment) {
                return Ok(());
            }
            if let Some(sealed) = tables.take_sealed()? {
                let report = chain::report_of(&sealed)?;
                chain.dropped_reports = chain.dropped_reports.saturating_add(report.dropped_reports);
                if let Some(assessment) = report.assessment {
                    tables.put_back(&assessment, &Place::again(&assessment, None))?;
                }
            }
            tables.drop_parts()?;
            let role_before = chain.enrolment.as_ref().map(|before| before.role);
            if role_before.is_some_and(|role| role != enrolment.role) {
                // Judged by the other scope's clauses: under this role it would say what was never measured.
                chain.dropped_reports = chain.dropped_reports.saturating_add(tables.clear_waiting()?);
                tables.clear_host()?;
            }
            chain.enrol(enrolment);
            tables.set_chain(&chain)
        })
    }

    /// The file could not be read and was moved aside: what it held was not delivered, and numbering begins again.
    #[must_use]
    pub const fn started_over(&self) -> bool {
        self.started_over
    }

    /// What the probes wanted remembered when findings were last kept.
    pub fn memory(&self) -> Result<Memory, SpoolError> {
        self.file.change(|tables| tables.memory())
    }

    /// Takes what the checks that ran say now into the host's state, queues what of it is new, and keeps what the
    /// probes want remembered; thins to `limit` bytes. Once this returns all of it survives a crash. Where nothing is
    /// new nothing is written.
    pub fn keep(&self, assessment: Assessment, memory: &Memory, limit: u64) -> Result<(), SpoolError> {
        let assessment = parts::settle(assessment, LARGEST_PART);
        self.file.change(|tables| {
            let enrolment = tables.chain()?.enrolment.ok_or(SpoolError::NotEnrolled)?;
            if assessment.host.role != enrolment.role {
                return Err(SpoolError::OtherRole);
            }
            let queued = host_state::take_in(tables, assessment)?;
            tables.set_memory(memory)?;
            if !queued {
                return Ok(());
            }
            let thinned = tables.thin(limit)?;
            if thinned.reports > 0 || thinned.parts > 0 {
                let mut chain = tables.chain()?;
                chain.dropped_reports = chain.dropped_reports.saturating_add(thinned.reports);
                chain.wants_resync(Why::Thinned);
                tables.set_chain(&chain)?;
            }
            Ok(())
        })
    }

    /// The report to send next: the sealed one, or the head of the queue, sealed now; where nothing waits, the first
    /// part of a resync that is due, or a report that the state stands, where the last report is long ago.
    pub fn next(&self, seal: Seal) -> Result<Option<Sealed>, SpoolError> {
        if let Some(sealed) = self.file.change(|tables| tables.sealed())? {
            return Ok(Some(sealed));
        }
        self.file.change(|tables| {
            let mut chain = tables.chain()?;
            let mut head = tables.pop()?;
            if head.is_none()
                && let Some(why) = chain.may_resync(seal.now, seal.resync_spacing)
                && resync::queue(tables, &self.known_checks, seal.now, seal.looked_age_seconds)?
            {
                chain.resync_begins(Resync { at: seal.now, why });
                head = tables.pop()?;
            }
            if head.is_none() {
                if !chain.silent_for(seal.silence, seal.now) {
                    return Ok(None);
                }
                host_state::try_withheld(tables)?;
            }
            let sealed = report::seal(tables, &mut chain, head, seal)?;
            tables.set_sealed(&sealed)?;
            tables.set_chain(&chain)?;
            Ok(Some(sealed))
        })
    }

    /// That the host lives and its state is this; `None` where a report waits, which says so better.
    pub fn heartbeat(&self, seal: Seal) -> Result<Option<Heartbeat>, SpoolError> {
        self.file.change(|tables| {
            let chain = tables.chain()?;
            let Some(enrolment) = &chain.enrolment else {
                return Err(SpoolError::NotEnrolled);
            };
            if !tables.is_idle()? || tables.sealed()?.is_some() {
                return Ok(None);
            }
            Ok(Some(Heartbeat {
                incarnation: enrolment.incarnation,
                sequence: chain.sequence,
                state: tables.host()?.digest(),
                looked_age_seconds: seal.looked_age_seconds,
                agent_version: env!("CARGO_PKG_VERSION").to_owned(),
                sent_at: seal.now,
            }))
        })
    }

    /// The collector answered a heartbeat of the enrolment `incarnation`.
    pub fn heard(&self, incarnation: u32, reply: &HeartbeatReply) -> Result<Agreement, SpoolError> {
        self.file.change(|tables| {
            let mut chain = tables.chain()?;
            if chain.enrolment.as_ref().map(|within| within.incarnation) != Some(incarnation) {
                return Ok(Agreement::Unsaid);
            }
            let behind = reply.sequence < chain.sequence;
            if behind {
                chain.wants_resync(Why::CollectorBehind);
            }
            let agreement = agreement(tables, &mut chain, reply.resync || behind, true)?;
            tables.set_chain(&chain)?;
            Ok(agreement)
        })
    }

    /// The collector has the sealed report `sequence` on durable storage, and may ask for everything: the report is let
    /// go.
    pub fn confirm(&self, sequence: u64, asks: bool, now: Timestamp) -> Result<Confirmed, SpoolError> {
        let confirmed = self.file.change(|tables| {
            let Some(sealed) = tables.sealed()?.filter(|sealed| sealed.sequence == sequence) else {
                return Ok(Confirmed::default());
            };
            tables.take_sealed()?;
            let glance = Glance::at(&sealed.body)?;
            let mut chain = tables.chain()?;
            chain.sequence = sealed.sequence;
            chain.previous = sha256_hex(&sealed.body);
            chain.confirmed_at = Some(now);
            let agreement = agreement(tables, &mut chain, asks, glance.tells_state())?;
            tables.set_chain(&chain)?;
            Ok(Confirmed {
                assessment: glance.bears_assessment(),
                agreement,
            })
        })?;
        self.file.compact_when_worth_it()?;
        Ok(confirmed)
    }

    /// The collector refused the sealed report `sequence` for good. One that says what several checks found is put
    /// back as two halves, so that in the end only the check at fault is lost; one that can't be halved is put aside
    /// and counted, and everything follows, so that the states meet again. What is refused of that too is withheld.
    /// The number goes to the next.
    pub fn refuse(&self, sequence: u64, status: u16, detail: &str, now: Timestamp) -> Result<(), SpoolError> {
        self.file.change(|tables| {
            let Some(sealed) = tables.sealed()?.filter(|sealed| sealed.sequence == sequence) else {
                return Ok(());
            };
            tables.take_sealed()?;
            let report = chain::report_of(&sealed)?;
            let mut chain = tables.chain()?;
            chain.dropped_reports = chain.dropped_reports.saturating_add(report.dropped_reports);
            if let Some((first, second)) = report.assessment.as_ref().and_then(parts::halve) {
                tables.put_back(&second, &Place::again(&second, report.state))?;
                tables.put_back(&first, &Place::again(&first, None))?;
                return tables.set_chain(&chain);
            }
            chain.dropped_reports = chain.dropped_reports.saturating_add(1);
            chain.refused_reports = chain.refused_reports.saturating_add(1);
            if report.assessment.is_some() {
                chain.wants_resync(Why::Refused);
            }
            tables.set_chain(&chain)?;
            if let Some(part) = report.assessment.filter(|one| one.scope.is_checks())
                && let [check] = part.checks.as_slice()
            {
                host_state::withhold(tables, check, &part.findings)?;
            }
            tables.put_aside(Refused {
                sequence,
                status,
                detail: detail.to_owned(),
                at: now,
                body: sealed.body,
            })
        })
    }

    /// The collector's chain has left ours (a restored backup or a copied disk, here or there), and `last` is the
    /// highest number it holds: the sealed report is sealed anew beyond both chains, and names the gap. Its state has
    /// left ours too, so everything follows.
    pub fn renumber(&self, last: u64) -> Result<(), SpoolError> {
        self.file.change(|tables| {
            let Some(sealed) = tables.take_sealed()? else {
                return Ok(());
            };
            let report = chain::report_of(&sealed)?;
            let mut chain = tables.chain()?;
            // What the collector had and has no more is missing there; without a gap named it takes no new beginning.
            let missing = chain.sequence.saturating_sub(last).max(1);
            let dropped = chain.dropped_reports.saturating_add(report.dropped_reports);
            chain.dropped_reports = dropped.max(missing);
            chain.sequence = chain.sequence.max(last);
            // Where this begins a resync, everything follows already.
            let begins = |assessment: &Assessment| assessment.known_checks.is_some();
            if !report.assessment.as_ref().is_some_and(begins) {
                chain.wants_resync(Why::Renumbered);
            }
            tables.set_chain(&chain)?;
            match report.assessment {
                Some(assessment) => tables.put_back(&assessment, &Place::again(&assessment, report.state)),
                // That nothing changed is worth nothing unsent; another follows.
                None => Ok(()),
            }
        })
    }

    /// How full it is, and what it holds.
    pub fn depth(&self) -> Result<Depth, SpoolError> {
        self.file.change(|tables| report::depth(tables))
    }

    /// The last few reports that the collector refused for good, oldest first.
    pub fn refused(&self) -> Result<Vec<Refused>, SpoolError> {
        self.file.change(|tables| tables.refused())
    }
}

/// The assessment in parts that each fit a report.
#[must_use]
pub fn parts(assessment: Assessment) -> Vec<Assessment> {
    parts::split(assessment, LARGEST_PART)
}

/// What it means that the collector asks for everything, or does not where it was told the state.
fn agreement(
    tables: &Tables<'_>,
    chain: &mut Chain,
    asks: bool,
    told: bool,
) -> Result<Agreement, SpoolError> {
    // While one is on its way to it, or due, the collector need not ask again.
    if asks && chain.resync.is_none() && !tables.resyncs()? {
        chain.wants_resync(Why::CollectorAsked);
    }
    Ok(match (asks, told) {
        (false, false) => Agreement::Unsaid,
        (false, true) => {
            chain.in_vain = 0;
            Agreement::Agreed
        }
        (true, _) if chain.in_vain > 0 && chain.resync.is_some() => Agreement::InVain,
        (true, _) => Agreement::Asked,
    })
}
