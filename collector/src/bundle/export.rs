//! Makes a bundle of a period.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::interval::Interval;
use plumbline_config::lang::Lang;

use super::gather::Gathering;
use super::manifest::{Covered, FORMAT, Manifest};
use super::rows::PlanLine;
use super::writer::Writer;
use super::{name, readme};
use crate::checklist::Period;
use crate::ledger::note::NoteError;
use crate::ledger::proof::ProofError;
use crate::pki::Signer;
use crate::records::Remembered;
use crate::report::{self, BuildError, Report, ReportFormat, Source, WriteError};
use crate::store::{Store, StoreError};

/// What gives the evidence file with a SHA-256 (in hexadecimal), if it is kept.
pub type Vault<'v> = dyn FnMut(&str) -> io::Result<Option<Box<dyn Read>>> + 'v;

/// What a bundle is made of.
pub struct Export<'e> {
    /// What is kept.
    pub store: &'e dyn Store,
    /// The period.
    pub period: &'e Period,
    /// Which ledger.
    pub origin: &'e str,
    /// The ledger's key.
    pub(crate) signer: &'e Signer,
    /// When things go stale.
    pub stale_after: Interval,
    /// Now.
    pub now: Timestamp,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Exported {
    /// Leaves.
    pub leaves: u64,
    /// Of these, reports.
    pub reports: u64,
    /// Of these, acts.
    pub acts: u64,
    /// Acts from before them that still count.
    pub earlier: u64,
    /// Evidence files.
    pub files: u64,
}

/// Why no bundle could be made.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The report could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The report could not be rendered.
    #[error(transparent)]
    Report(#[from] WriteError),
    /// A proof could not be made.
    #[error(transparent)]
    Proof(#[from] ProofError<StoreError>),
    /// The manifest could not be signed.
    #[error("the manifest could not be signed: {0}")]
    Note(#[from] NoteError),
    /// The file could not be written, or an evidence file not read.
    #[error("the bundle could not be written: {0}")]
    Output(#[from] io::Error),
    /// No checkpoint was signed yet.
    #[error("the ledger has no checkpoint yet; `plumbline-collector serve` signs one at its start")]
    NoCheckpoint,
    /// What is kept can't be what was taken in.
    #[error("leaf {leaf} of the ledger is damaged: {why}; `plumbline-collector verify` names all that is")]
    Damaged {
        /// The leaf.
        leaf: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The connection to the store was lost half-way.
    #[error("the database went away half-way; try again")]
    Interrupted,
}

impl ExportError {
    pub(super) fn damaged(leaf: u64, why: &str) -> Self {
        Self::Damaged {
            leaf,
            why: why.to_owned(),
        }
    }
}

/// Writes the bundle to `path`, for its owner alone and in one step: what fails leaves nothing.
pub fn export(
    export: &Export<'_>,
    path: &Path,
    vault: &mut Vault<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Exported, Manifest), ExportError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    // Only what this call made is overwritten or removed: not what a link leads to.
    let _stale = fs::remove_file(beside);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    let written = fill(export, file, vault, progress).and_then(|written| {
        fs::rename(beside, path)?;
        Ok(written)
    });
    if written.is_err() {
        // What went wrong first is what has to be told.
        let _gone = fs::remove_file(beside);
    }
    written
}

fn fill(
    export: &Export<'_>,
    file: File,
    vault: &mut Vault<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Exported, Manifest), ExportError> {
    let store = export.store;
    let zone = report::zone(store)?;
    let (begins_at, ends_at) = (export.period.start(&zone), export.period.end(&zone));
    let source = Source {
        store,
        people: &Remembered::default(),
        stale_after: export.stale_after,
        // A report on a period that is over says the same whenever it is made.
        now: if ends_at < export.now {
            ends_at
                .saturating_add(SignedDuration::from_secs(1))
                .unwrap_or(export.now)
        } else {
            export.now
        },
    };
    let (report, without_report) = match report::report(&source, Some(export.period)) {
        Ok(report) => (Some(report), None),
        Err(error @ BuildError::NotRecorded { .. }) => (None, Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let mut writer = Writer::new(file);
    writer.member(name::README, |out| Ok(out.write_all(readme::text().as_bytes())?))?;
    if let Some(report) = &report {
        writer.member(name::CHECKLIST, |out| {
            serde_json::to_writer_pretty(&mut *out, &report.checklist).map_err(io::Error::from)?;
            Ok(out.write_all(b"\n")?)
        })?;
    }
    let mut gathering = Gathering {
        begins_at,
        ends_at,
        writer: &mut writer,
        vault,
        progress,
        done: Exported::default(),
        published: BTreeMap::new(),
        files: BTreeSet::new(),
    };
    let mut gathered = None;
    store.at_one_moment(&mut |kept| {
        gathered = Some(match gathered {
            None => gathering.gather(kept),
            Some(_) => Err(ExportError::Interrupted),
        });
        Ok(())
    })?;
    let tree = gathered.unwrap_or(Err(ExportError::Interrupted))?;
    let Gathering { done, published, .. } = gathering;
    plans(export, &mut writer, begins_at, &published)?;
    if let Some(report) = &report {
        html(report, &source, &mut writer)?;
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        origin: export.origin.to_owned(),
        key: export.signer.verifier_key(export.origin)?.to_string(),
        company: report
            .as_ref()
            .map_or_else(String::new, |report| report.company.clone()),
        plan: report.and_then(|report| report.checklist.plan),
        period: Covered {
            name: export.period.to_string(),
            first: export.period.first,
            last: export.period.last,
            begins_at,
            ends_at,
        },
        ledger: tree,
        without_report,
        members: Vec::new(),
    };
    let manifest = writer.finish(manifest, export.signer)?;
    Ok((done, manifest))
}

/// The plans that were current in the period, each with its text as a member.
fn plans(
    export: &Export<'_>,
    writer: &mut Writer,
    begins_at: Timestamp,
    published: &BTreeMap<i64, String>,
) -> Result<(), ExportError> {
    let moments = published
        .keys()
        .map(|at| Timestamp::from_microsecond(*at).unwrap_or(begins_at));
    let mut plans = BTreeMap::new();
    for moment in std::iter::once(begins_at).chain(moments) {
        if let Some(plan) = export.store.plan_at(moment)? {
            plans.insert(plan.sha256.clone(), plan);
        }
    }
    writer.member(name::PLANS, |out| {
        for plan in plans.values() {
            out.line(&PlanLine {
                sha256: plan.sha256.clone(),
                signature: plan.signature.clone(),
            })?;
        }
        Ok(())
    })?;
    for (sha256, plan) in &plans {
        writer.member(&format!("{}{sha256}.toml", name::PLAN), |out| {
            Ok(out.write_all(plan.toml.as_bytes())?)
        })?;
    }
    Ok(())
}

fn html(report: &Report, source: &Source<'_>, writer: &mut Writer) -> Result<(), ExportError> {
    for lang in [Lang::En, Lang::ZhTw] {
        writer.member(&format!("report.{lang}.html"), |out| {
            Ok(report::write(
                report,
                source.store,
                ReportFormat::Html,
                lang,
                out,
            )?)
        })?;
    }
    Ok(())
}
