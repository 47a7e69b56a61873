//! The records that acts have as their bodies.

use super::Audit;
use super::archive::{ActRow, Archive, RecordRow};
use super::fault::{Fault, FaultKind, MOST_FAULTS};
use crate::store::{binds, bound};

impl<A: Archive + ?Sized> Audit<'_, A> {
    /// An act that stands for a record must have just that one.
    pub(super) fn record(&mut self, act: &ActRow) {
        self.found.records += u64::from(act.record.is_some());
        for fault in faults_of_record(act) {
            self.fault(fault);
        }
    }

    /// Every record must be the body of an act.
    pub(super) fn records_outside(&mut self) -> Result<(), A::Error> {
        for record in self.archive.records_outside(MOST_FAULTS)? {
            self.fault(Fault::new(FaultKind::RecordOutside).record(&record));
        }
        Ok(())
    }
}

/// What is wrong with the record that is an act's body, or with its not being there.
pub(crate) fn faults_of_record(act: &ActRow) -> Vec<Fault> {
    let Some(record) = &act.record else {
        let missing = || {
            let fault = Fault::new(FaultKind::RecordMissing).act(act);
            fault.differs("record", &act.on, "none")
        };
        return binds(&act.what).then(missing).into_iter().collect();
    };
    let found = named(record);
    let family = act.what.split_once('.').map_or("", |(family, _)| family);
    let pairs = [
        ("record", act.on.as_str(), found.as_str()),
        ("family", family, record.family.as_str()),
    ];
    let differing = pairs.into_iter().filter(|(_, expected, found)| expected != found);
    let fault = |(what, expected, found)| {
        let fault = Fault::new(FaultKind::RecordDiffers).act(act).record(record);
        fault.differs(what, expected, found)
    };
    differing.map(fault).collect()
}

/// What the act must have been done to.
fn named(record: &RecordRow) -> String {
    // A version that was never given is named by none.
    u32::try_from(record.version).map_or_else(
        |_| format!("{} {}", record.subject, record.version),
        |version| bound(&record.subject, version, &record.body),
    )
}
