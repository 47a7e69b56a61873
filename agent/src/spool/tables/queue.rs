//! The assessments that wait, in order of arrival.

use plumbline_config::finding::Status;
use plumbline_config::wire::{Assessment, Scope};
use redb::{ReadableTable, ReadableTableMetadata};

use crate::spool::SpoolError;
use crate::spool::tables::Tables;

/// Arrival numbers start here, so that what is put back at the head has room before it.
const FIRST_ARRIVAL: u64 = 1 << 32;
/// Where an assessment that waits belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::spool) struct Place {
    /// Part of a resync: it can be made again from the host's state.
    pub(in crate::spool) resync: bool,
    /// Digest of the host's state after it.
    pub(in crate::spool) state: Option<String>,
}

impl Place {
    pub(in crate::spool) const fn change(state: String) -> Self {
        Self {
            resync: false,
            state: Some(state),
        }
    }

    pub(in crate::spool) const fn resync(state: Option<String>) -> Self {
        Self { resync: true, state }
    }

    /// Of an assessment that was sealed and is put back.
    pub(in crate::spool) fn again(assessment: &Assessment, state: Option<String>) -> Self {
        Self {
            resync: assessment.scope == Scope::Checks,
            state,
        }
    }
}

/// What thinning took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::spool) struct Thinned {
    /// Reports of changes.
    pub(in crate::spool) reports: u64,
    /// Parts of a resync.
    pub(in crate::spool) parts: u64,
}

impl Tables<'_> {
    /// Adds an assessment at the end.
    pub(in crate::spool) fn push(
        &mut self,
        assessment: &Assessment,
        place: &Place,
    ) -> Result<(), SpoolError> {
        let last = self.index.last()?.map(|(key, _)| key.value());
        let arrival = last.map_or(FIRST_ARRIVAL, |last| last.saturating_add(1));
        let troubled = |status| matches!(status, Status::Fail | Status::Error);
        let troubled = assessment.findings.iter().any(|finding| troubled(finding.status));
        self.insert(arrival, assessment, troubled, place)
    }

    /// Puts an assessment that had been sealed back at the head, unnumbered.
    pub(in crate::spool) fn put_back(
        &mut self,
        assessment: &Assessment,
        place: &Place,
    ) -> Result<(), SpoolError> {
        let first = self.index.first()?.map(|(key, _)| key.value());
        let arrival = first.map_or(FIRST_ARRIVAL, |first| first.saturating_sub(1));
        // Taken as troubled: it was about to be sent, and is the last to thin.
        self.insert(arrival, assessment, true, place)
    }

    fn insert(
        &mut self,
        arrival: u64,
        assessment: &Assessment,
        troubled: bool,
        place: &Place,
    ) -> Result<(), SpoolError> {
        self.changed = true;
        let bytes = serde_json::to_vec(assessment)?;
        self.waiting.insert(arrival, bytes.as_slice())?;
        self.index.insert(arrival, (bytes.len() as u64, troubled))?;
        let state = place.state.as_deref().unwrap_or_default();
        self.places.insert(arrival, (place.resync, state))?;
        Ok(())
    }

    /// Takes the assessment at the head.
    pub(in crate::spool) fn pop(&mut self) -> Result<Option<(Assessment, Place)>, SpoolError> {
        let Some((arrival, assessment)) = self
            .waiting
            .first()?
            .map(|(key, bytes)| (key.value(), serde_json::from_slice::<Assessment>(bytes.value())))
        else {
            return Ok(None);
        };
        let assessment = assessment?;
        let place = self.places.get(arrival)?.map(|place| {
            let (resync, state) = place.value();
            Place {
                resync,
                state: (!state.is_empty()).then(|| state.to_owned()),
            }
        });
        // An agent that kept no state left no place.
        let place = place.unwrap_or_else(|| Place::again(&assessment, None));
        self.remove(arrival)?;
        Ok(Some((assessment, place)))
    }

    fn remove(&mut self, arrival: u64) -> Result<(), SpoolError> {
        self.changed = true;
        self.waiting.remove(arrival)?;
        self.index.remove(arrival)?;
        self.places.remove(arrival)?;
        Ok(())
    }

    /// Whether nothing waits unsealed.
    pub(in crate::spool) fn is_idle(&self) -> Result<bool, SpoolError> {
        Ok(self.index.is_empty()?)
    }

    /// Whether parts of a resync wait.
    pub(in crate::spool) fn resyncs(&self) -> Result<bool, SpoolError> {
        for row in self.places.iter()? {
            if row?.1.value().0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Drops the parts of a resync that wait. Returns how many that were.
    pub(in crate::spool) fn drop_parts(&mut self) -> Result<u64, SpoolError> {
        let mut parts = Vec::new();
        for row in self.places.iter()? {
            let (key, place) = row?;
            if place.value().0 {
                parts.push(key.value());
            }
        }
        for arrival in &parts {
            self.remove(*arrival)?;
        }
        Ok(parts.len() as u64)
    }

    /// Reports that wait unsealed, and their bytes.
    pub(in crate::spool) fn waiting(&self) -> Result<(u64, u64), SpoolError> {
        let mut bytes = 0_u64;
        let mut reports = 0_u64;
        for row in self.index.iter()? {
            bytes = bytes.saturating_add(row?.1.value().0);
            reports += 1;
        }
        Ok((reports, bytes))
    }

    /// Drops what waits until it fits `limit` bytes: the parts of a resync first, which can be made again, then the
    /// oldest without a failing finding, then the oldest; never the newest.
    pub(in crate::spool) fn thin(&mut self, limit: u64) -> Result<Thinned, SpoolError> {
        let mut thinned = Thinned::default();
        let (_, bytes) = self.waiting()?;
        if bytes <= limit {
            return Ok(thinned);
        }
        thinned.parts = self.drop_parts()?;
        let (_, mut bytes) = self.waiting()?;
        let mut order = Vec::new();
        for row in self.index.iter()? {
            let (key, value) = row?;
            let (length, troubled) = value.value();
            order.push((troubled, key.value(), length));
        }
        // The newest comes last in arrival order.
        order.pop();
        order.sort_unstable();
        for (_, arrival, length) in order {
            if bytes <= limit {
                break;
            }
            self.remove(arrival)?;
            bytes = bytes.saturating_sub(length);
            thinned.reports += 1;
        }
        Ok(thinned)
    }

    /// Drops all that waits unsealed. Returns how many that were.
    pub(in crate::spool) fn clear_waiting(&mut self) -> Result<u64, SpoolError> {
        let dropped = self.index.len()?;
        self.changed = true;
        self.waiting.retain(|_, _| false)?;
        self.index.retain(|_, _| false)?;
        self.places.retain(|_, _| false)?;
        Ok(dropped)
    }

    /// As an agent left it that kept no state.
    #[cfg(test)]
    pub(in crate::spool) fn forget_places(&mut self) -> Result<(), SpoolError> {
        Ok(self.places.retain(|_, _| false)?)
    }
}
