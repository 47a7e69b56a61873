//! The whole state once more, for a collector that lost track of it.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::wire::{Assessment, Scope};

use crate::spool::parts::Parts;
use crate::spool::tables::{Place, Tables};
use crate::spool::{LARGEST_PART, SpoolError};

/// Queues the state as parts of whole checks; the last tells the state after it. `false` where not every check of
/// `known` has said something yet: those would pass for silent.
pub(super) fn queue(
    tables: &mut Tables<'_>,
    known: &[String],
    now: Timestamp,
    looked_age_seconds: Option<u64>,
) -> Result<bool, SpoolError> {
    let host = tables.host()?;
    let Some(about) = host.about.clone() else {
        return Ok(false);
    };
    if !known.iter().all(|check| host.checks.contains(check)) {
        return Ok(false);
    }
    let age = looked_age_seconds.and_then(|age| i64::try_from(age).ok());
    let age = SignedDuration::from_secs(age.unwrap_or(0));
    let mut parts = Parts::new(
        Assessment {
            host: about,
            plan: host.plan.clone(),
            started_at: now.checked_sub(age).unwrap_or(now),
            finished_at: now,
            checks: Vec::new(),
            findings: Vec::new(),
            scope: Scope::Checks,
            gone: Vec::new(),
            known_checks: None,
        },
        LARGEST_PART,
    );
    parts.first_tells(known.to_vec());
    for check in known {
        // One part at a time is held in memory.
        if let Some(full) = parts.add(check.clone(), tables.findings(check)?, Vec::new()) {
            tables.push(&full, &Place::resync(None))?;
        }
    }
    tables.push(&parts.finish(), &Place::resync(Some(host.digest())))?;
    Ok(true)
}
