//! What was found, kept durably until the collector has it.
//!
//! Assessments wait *unnumbered*. The one at the head is sealed, that is numbered, chained to the one before and made
//! into exact bytes, and those bytes are durable before they are first sent; so a re-post is byte for byte the same,
//! and at most one sealed report waits. Thinning a full spool takes only what has no number yet: it can't break the
//! chain, and the next report says how many were thinned (`dropped_reports`).
//!
//! What probes want remembered is kept in the same transaction as the findings that came from it. A crash at any
//! moment leaves both or neither, so a log line is never judged twice and never skipped.
//!
//! A body that the collector refuses for good was never part of the chain it keeps: it is put aside, and its number
//! goes to the next.

mod error;
mod split;
mod state;
mod tables;
#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests damage the file itself")]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use plumbline_config::finding::Status;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{Assessment, LARGEST_REPORT, Report};
use plumbline_facts::Memory;
use redb::Database;

use crate::spool::state::State;
use crate::spool::tables::Tables;

pub use error::SpoolError;
pub use state::Enrolment;
pub use tables::Refused;

/// File of the spool, in the data directory.
pub const FILE: &str = "spool.redb";
/// Where a spool that can't be read is moved.
const BROKEN_FILE: &str = "spool.broken.redb";
/// Bytes of the file that the database may hold in memory.
const CACHE_BYTES: usize = 512 * 1024;
/// Room that the rest of a report needs beside its assessment, in bytes.
const REPORT_OVERHEAD: usize = 4 * 1024;
/// The largest part of an assessment that is kept as one report, in bytes. Well under [`LARGEST_REPORT`], so that
/// memory stays small.
const LARGEST_PART: usize = 1024 * 1024;
const _: () = assert!(LARGEST_PART + REPORT_OVERHEAD < LARGEST_REPORT);
/// A file this large that is mostly empty is compacted, in bytes.
const WORTH_COMPACTING: u64 = 8 * 1024 * 1024;

/// The durable queue of reports. One process at a time holds it.
#[derive(Debug)]
pub struct Spool {
    database: Mutex<Database>,
    path: PathBuf,
    started_over: bool,
}

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

/// How full the spool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
}

/// What the seal of a report adds.
#[derive(Clone, Copy, Debug)]
pub struct Seal {
    /// Host clock.
    pub now: Timestamp,
    /// Send a heartbeat where nothing waits.
    pub heartbeat: bool,
}

impl Spool {
    /// Opens the spool in `data_dir` for this enrolment, making it where there is none. After a new enrolment what
    /// waits is kept and numbered from 1 again. A file that can't be read is moved aside, and said so by
    /// [`Self::started_over`].
    pub fn open(data_dir: &Path, enrolment: &Enrolment) -> Result<Self, SpoolError> {
        let path = data_dir.join(FILE);
        let (database, started_over) = match open_database(&path) {
            Err(error) if error.is_corruption() => {
                std::fs::rename(&path, data_dir.join(BROKEN_FILE))?;
                (open_database(&path)?, true)
            }
            other => (other?, false),
        };
        crate::data_dir::sync_directory(data_dir)?;
        let spool = Self {
            database: Mutex::new(database),
            path,
            started_over,
        };
        spool.enrol(enrolment)?;
        if started_over {
            // How many reports were in it can't be told any more; that some may be missing can.
            spool.change(|tables| {
                let mut state = tables.state()?;
                state.dropped_reports = state.dropped_reports.max(1);
                tables.set_state(&state)
            })?;
        }
        Ok(spool)
    }

    /// From now on reports are numbered within this enrolment.
    pub fn enrol(&self, enrolment: &Enrolment) -> Result<(), SpoolError> {
        self.change(|tables| {
            let mut state = tables.state()?;
            if state.enrolment.as_ref() != Some(enrolment) {
                if let Some(sealed) = tables.take_sealed()? {
                    let report = state::report_of(&sealed)?;
                    state.dropped_reports = state.dropped_reports.saturating_add(report.dropped_reports);
                    if let Some(assessment) = report.assessment {
                        tables.put_back(&assessment)?;
                    }
                }
                let role_before = state.enrolment.as_ref().map(|before| before.role);
                if role_before.is_some_and(|role| role != enrolment.role) {
                    // Judged by the other scope's clauses: under this role it would say what was never measured.
                    state.dropped_reports = state.dropped_reports.saturating_add(tables.clear_waiting()?);
                }
                state.enrol(enrolment);
            }
            tables.set_state(&state)
        })
    }

    /// The file could not be read and was moved aside: what it held was not delivered, and numbering begins again.
    #[must_use]
    pub const fn started_over(&self) -> bool {
        self.started_over
    }

    /// What the probes wanted remembered when findings were last kept.
    pub fn memory(&self) -> Result<Memory, SpoolError> {
        self.change(|tables| tables.memory())
    }

    /// Keeps an assessment, or nothing new, together with what the probes want remembered; thins to `limit` bytes.
    /// Once this returns both survive a crash.
    pub fn keep(
        &self,
        assessment: Option<Assessment>,
        memory: &Memory,
        limit: u64,
    ) -> Result<(), SpoolError> {
        let parts: Vec<(Vec<u8>, bool)> = assessment
            .map(parts)
            .unwrap_or_default()
            .into_iter()
            .map(|part| {
                let troubled = |status| matches!(status, Status::Fail | Status::Error);
                let troubled = part.findings.iter().any(|finding| troubled(finding.status));
                serde_json::to_vec(&part).map(|bytes| (bytes, troubled))
            })
            .collect::<Result<_, _>>()?;
        self.change(|tables| {
            for (bytes, troubled) in &parts {
                tables.push(bytes, *troubled)?;
            }
            tables.set_memory(memory)?;
            let thinned = tables.thin(limit)?;
            if thinned > 0 {
                let mut state = tables.state()?;
                state.dropped_reports = state.dropped_reports.saturating_add(thinned);
                tables.set_state(&state)?;
            }
            Ok(())
        })
    }

    /// The report to send next: the sealed one, or the head of the queue, sealed now; `None` where nothing waits and
    /// no heartbeat is asked for.
    pub fn next(&self, seal: Seal) -> Result<Option<Sealed>, SpoolError> {
        if let Some(sealed) = self.change(|tables| tables.sealed())? {
            return Ok(Some(sealed));
        }
        self.change(|tables| {
            let head = tables.pop()?;
            if head.is_none() && !seal.heartbeat {
                return Ok(None);
            }
            let mut state = tables.state()?;
            let sealed = seal_report(&mut state, head.as_deref(), seal.now)?;
            tables.set_sealed(&sealed)?;
            tables.set_state(&state)?;
            Ok(Some(sealed))
        })
    }

    /// The collector has the sealed report `sequence` on durable storage: it is let go. Says whether it bore an
    /// assessment, as against a heartbeat.
    pub fn confirm(&self, sequence: u64) -> Result<bool, SpoolError> {
        let assessment = self.change(|tables| {
            let mut assessment = false;
            if let Some(sealed) = tables.sealed()?.filter(|sealed| sealed.sequence == sequence) {
                tables.take_sealed()?;
                let mut state = tables.state()?;
                state.sequence = sealed.sequence;
                state.previous = sha256_hex(&sealed.body);
                tables.set_state(&state)?;
                assessment = state::bears_assessment(&sealed)?;
            }
            Ok(assessment)
        })?;
        self.compact_when_worth_it()?;
        Ok(assessment)
    }

    /// The collector refused the sealed report `sequence` for good. One that says what several checks found is put
    /// back as two halves, so that in the end only the check at fault is lost; one that can't be halved is put aside
    /// and counted. Its number goes to the next.
    pub fn refuse(&self, sequence: u64, status: u16, detail: &str, now: Timestamp) -> Result<(), SpoolError> {
        self.change(|tables| {
            let Some(sealed) = tables.sealed()?.filter(|sealed| sealed.sequence == sequence) else {
                return Ok(());
            };
            tables.take_sealed()?;
            let report = state::report_of(&sealed)?;
            let mut state = tables.state()?;
            state.dropped_reports = state.dropped_reports.saturating_add(report.dropped_reports);
            if let Some((first, second)) = report.assessment.and_then(split::halve) {
                tables.put_back(&second)?;
                tables.put_back(&first)?;
                return tables.set_state(&state);
            }
            state.dropped_reports = state.dropped_reports.saturating_add(1);
            state.refused_reports = state.refused_reports.saturating_add(1);
            tables.set_state(&state)?;
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
    /// highest number it holds: the sealed report is sealed anew beyond both chains, and names the gap.
    pub fn renumber(&self, last: u64) -> Result<(), SpoolError> {
        self.change(|tables| {
            let Some(sealed) = tables.take_sealed()? else {
                return Ok(());
            };
            let report = state::report_of(&sealed)?;
            let mut state = tables.state()?;
            // What the collector had and has no more is missing there; without a gap named it takes no new beginning.
            let missing = state.sequence.saturating_sub(last).max(1);
            let dropped = state.dropped_reports.saturating_add(report.dropped_reports);
            state.dropped_reports = dropped.max(missing);
            state.sequence = state.sequence.max(last);
            tables.set_state(&state)?;
            match report.assessment {
                Some(assessment) => tables.put_back(&assessment),
                // A heartbeat is worth nothing unsent; another follows.
                None => Ok(()),
            }
        })
    }

    /// How full it is.
    pub fn depth(&self) -> Result<Depth, SpoolError> {
        self.change(|tables| {
            let state = tables.state()?;
            let (mut reports, mut bytes) = tables.waiting()?;
            let mut dropped_reports = state.dropped_reports;
            if let Some(sealed) = tables.sealed()? {
                reports += 1;
                bytes += sealed.body.len() as u64;
                dropped_reports += state::report_of(&sealed)?.dropped_reports;
            }
            Ok(Depth {
                spool_reports: reports,
                spool_bytes: bytes,
                dropped_reports,
                refused_reports: state.refused_reports,
                confirmed_sequence: state.sequence,
            })
        })
    }

    /// The last few reports that the collector refused for good, oldest first.
    pub fn refused(&self) -> Result<Vec<Refused>, SpoolError> {
        self.change(|tables| tables.refused())
    }

    /// One transaction: all of it is durable when this returns, or none is.
    fn change<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let mut database = self.lock();
        match transact(&database, work) {
            // After a failed write the database refuses all else until it is opened again.
            Err(error) if error.wants_reopening() => {
                // The lock on the file goes with the old handle.
                let placeholder =
                    Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())?;
                drop(std::mem::replace(&mut *database, placeholder));
                *database = open_database(&self.path)?;
                Err(error)
            }
            other => other,
        }
    }

    fn compact_when_worth_it(&self) -> Result<(), SpoolError> {
        let mut database = self.lock();
        let length = std::fs::metadata(&self.path)?.len();
        if length < WORTH_COMPACTING {
            return Ok(());
        }
        let stored = {
            let transaction = database.begin_write()?;
            let stored = transaction.stats()?.stored_bytes();
            transaction.abort()?;
            stored
        };
        if stored < length / 4 {
            database.compact()?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The assessment in parts that each fit a report.
#[must_use]
pub fn parts(assessment: Assessment) -> Vec<Assessment> {
    split::split(assessment, LARGEST_PART)
}

fn open_database(path: &Path) -> Result<Database, SpoolError> {
    Ok(Database::builder()
        .set_cache_size(CACHE_BYTES)
        // The file is small, and trusting a damaged one would be worse than reading it once at start.
        .set_check_integrity_on_open(true)
        .create(path)?)
}

fn transact<T>(
    database: &Database,
    work: impl FnOnce(&mut Tables<'_>) -> Result<T, SpoolError>,
) -> Result<T, SpoolError> {
    // Durability is `Immediate` by default: the commit returns after fsync.
    let transaction = database.begin_write()?;
    let (result, changed) = {
        let mut tables = Tables::open(&transaction)?;
        let result = work(&mut tables);
        (result, tables.changed())
    };
    if result.is_ok() && changed {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    result
}

/// The next report of the chain, as exact bytes.
fn seal_report(state: &mut State, assessment: Option<&[u8]>, now: Timestamp) -> Result<Sealed, SpoolError> {
    let enrolment = state.enrolment.clone().ok_or(SpoolError::NotEnrolled)?;
    let assessment = assessment.map(|bytes| {
        serde_json::from_slice::<Assessment>(bytes).map(|mut assessment| {
            // It may have been kept under an earlier enrolment.
            assessment.host.id = Some(enrolment.host_id.clone());
            assessment
        })
    });
    let report = Report {
        incarnation: enrolment.incarnation,
        sequence: state.sequence.saturating_add(1),
        previous: state.previous.clone(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        sealed_at: now,
        assessment: assessment.transpose()?,
        state: None,
        looked_age_seconds: None,
        dropped_reports: std::mem::take(&mut state.dropped_reports),
    };
    Ok(Sealed {
        incarnation: report.incarnation,
        sequence: report.sequence,
        body: serde_json::to_vec(&report)?,
    })
}
