//! What the spool gives out: sealed reports, and how full it is.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::wire::{Assessment, Report};
use serde::{Deserialize, Serialize};

use crate::spool::SpoolError;
use crate::spool::chain::{Chain, Glance, Resync, Why};
use crate::spool::tables::{Place, Tables};

/// Digits of the state's digest that are shown.
const SHOWN_DIGITS: usize = 12;

/// A sealed report: the bytes that are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The enrolment that it is numbered within.
    pub incarnation: u32,
    /// Its number.
    pub sequence: u64,
    /// The exact body.
    pub body: Vec<u8>,
}

/// What the seal of a report adds, and when one is made where nothing waits.
#[derive(Clone, Copy, Debug)]
pub struct Seal {
    /// Host clock.
    pub now: Timestamp,
    /// Seconds since the oldest of the last looks of all checks; `None` where one has not looked yet.
    pub looked_age_seconds: Option<u64>,
    /// Where nothing waits, a report that the state stands is made when the collector confirmed none for this long.
    pub silence: SignedDuration,
    /// Least time between the beginnings of two resyncs.
    pub resync_spacing: SignedDuration,
}

/// How full the spool is, and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Reports that the collector has not confirmed.
    pub spool_reports: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// Reports thinned, or refused for good, that no confirmed report has told of yet.
    pub dropped_reports: u64,
    /// Reports ever refused for good by the collector; the last few are kept aside.
    pub refused_reports: u64,
    /// Number of the last report that the collector confirmed.
    pub confirmed_sequence: u64,
    /// The first digits of the digest of the host's state.
    pub state_digest: String,
    /// Findings in the host's state.
    pub state_findings: u64,
    /// How often everything was sent, or begun to be.
    pub resyncs: u64,
    /// When last, and why.
    pub last_resync: Option<Resync>,
    /// Why everything is to be sent next.
    pub resync_due: Option<Why>,
}

/// Whether the collector holds the same state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agreement {
    /// It was not told enough to say.
    #[default]
    Unsaid,
    /// It does.
    Agreed,
    /// It asks for everything.
    Asked,
    /// It asks for everything though that was the last it got: the next time is put off.
    InVain,
}

/// What a confirmed report was, and what the collector said to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// It bore an assessment.
    pub assessment: bool,
    /// Whether the states agree.
    pub agreement: Agreement,
}

/// The next report of the chain, as exact bytes.
pub(super) fn seal(
    tables: &Tables<'_>,
    chain: &mut Chain,
    head: Option<(Assessment, Place)>,
    seal: Seal,
) -> Result<Sealed, SpoolError> {
    let enrolment = chain.enrolment.clone().ok_or(SpoolError::NotEnrolled)?;
    let (assessment, state) = match head {
        Some((mut assessment, place)) => {
            // It may have been kept under an earlier enrolment.
            assessment.host.id = Some(enrolment.host_id);
            (Some(assessment), place.state)
        }
        None => (None, Some(tables.host()?.digest())),
    };
    // While everything is still to follow the collector can't have the state, and need not say so.
    let follows = chain.resync.is_some();
    // The looks are behind the state of now; what was queued before the last change was another.
    let current = !follows && tables.is_idle()?;
    let report = Report {
        incarnation: enrolment.incarnation,
        sequence: chain.sequence.saturating_add(1),
        previous: chain.previous.clone(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        sealed_at: seal.now,
        assessment,
        state: state.filter(|_| !follows),
        looked_age_seconds: seal.looked_age_seconds.filter(|_| current),
        dropped_reports: std::mem::take(&mut chain.dropped_reports),
    };
    Ok(Sealed {
        incarnation: report.incarnation,
        sequence: report.sequence,
        body: serde_json::to_vec(&report)?,
    })
}

pub(super) fn depth(tables: &Tables<'_>) -> Result<Depth, SpoolError> {
    let chain = tables.chain()?;
    let (mut reports, mut bytes) = tables.waiting()?;
    let mut dropped_reports = chain.dropped_reports;
    if let Some(sealed) = tables.sealed()? {
        reports += 1;
        bytes += sealed.body.len() as u64;
        dropped_reports += Glance::at(&sealed.body)?.dropped_reports;
    }
    let mut state_digest = tables.host()?.digest();
    state_digest.truncate(SHOWN_DIGITS);
    Ok(Depth {
        spool_reports: reports,
        spool_bytes: bytes,
        dropped_reports,
        refused_reports: chain.refused_reports,
        confirmed_sequence: chain.sequence,
        state_digest,
        state_findings: tables.count_findings()?,
        resyncs: chain.resyncs,
        last_resync: chain.last_resync,
        resync_due: chain.resync,
    })
}
