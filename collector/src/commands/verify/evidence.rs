//! Whether every file of evidence that a record names is still what it was.

use plumbline_config::settings::CollectorSettings;
use plumbline_console::Failure;

use super::Spinner;
use crate::evidence::{Evidence, EvidenceError, Kept, files_on_record};
use crate::ledger::audit::{Fault, FaultKind, Findings, Progress};
use crate::store::Store;

/// Reads every file that a record names to its end, and adds what is wrong to the findings.
pub(super) fn verify(
    settings: &CollectorSettings,
    store: &dyn Store,
    found: &mut Findings,
    spinner: &Spinner,
) -> Result<(), Failure> {
    let named = files_on_record(store)?;
    let all = named.len() as u64;
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(format!("cannot verify the files of evidence: {error}"));
    let evidence = Evidence::open(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let mut done = 0;
    let each = |_: &Kept| {
        done += 1;
        spinner.say(Progress::Evidence(done, all));
    };
    let verified = runtime
        .block_on(evidence.verify(named, each))
        .map_err(|error| failed(&error))?;
    found.evidence = verified.intact;
    found.evidence_without_record = verified.unexpected.len() as u64;
    for error in &verified.faults {
        found.add(fault(error));
    }
    Ok(())
}

/// What is wrong with a file, as faults of the ledger are named.
fn fault(error: &EvidenceError) -> Fault {
    let fault = |kind, sha256: &dyn std::fmt::Display| Fault::new(kind).member(&format!("evidence/{sha256}"));
    match error {
        EvidenceError::Missing(sha256) => fault(FaultKind::EvidenceMissing, sha256),
        EvidenceError::WrongSize {
            digest,
            expected,
            found,
        } => fault(FaultKind::EvidenceChanged, digest).differs("size", expected, found),
        EvidenceError::Altered(sha256) => {
            fault(FaultKind::EvidenceChanged, sha256).differs("sha256", sha256, "another")
        }
        EvidenceError::NotAFile(sha256) => {
            fault(FaultKind::EvidenceChanged, sha256).differs("kind", "a regular file", "something else")
        }
        EvidenceError::Unlocked { digest, bucket } => {
            fault(FaultKind::EvidenceUnlocked, digest).differs("lock", format!("a lock in {bucket}"), "none")
        }
        other => Fault::new(FaultKind::EvidenceChanged).differs("file", "one that can be read", other),
    }
}
