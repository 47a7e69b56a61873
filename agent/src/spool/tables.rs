//! The rows of the spool.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::state::FindingHash;
use plumbline_config::wire::{Assessment, Scope};
use plumbline_facts::Memory;
use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::spool::chain::{Chain, Glance};
use crate::spool::host_state::HostState;
use crate::spool::{Sealed, SpoolError};

/// Assessments that wait, as JSON, by order of arrival.
const WAITING: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("waiting");
/// Of each that waits: its bytes, and whether a finding in it fails. So that thinning reads no assessment.
const INDEX: TableDefinition<'static, u64, (u64, bool)> = TableDefinition::new("index");
/// Of each that waits: whether it is part of a resync, and the digest of the state after it, empty where none is told.
const PLACES: TableDefinition<'static, u64, (bool, &str)> = TableDefinition::new("places");
/// The sealed report, by its number; at most one.
const SEALED: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("sealed");
/// Reports refused for good, as JSON, by order of refusal.
const REFUSED: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("refused");
/// The host's findings as JSON, by check and subject.
const FINDINGS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("findings");
/// Their hashes, apart so that comparing reads no finding.
const HASHES: TableDefinition<'static, (&str, &str), &[u8; 32]> = TableDefinition::new("hashes");
/// Single values, as JSON.
const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");

const CHAIN: &str = "state";
const HOST: &str = "host";
const MEMORY: &str = "memory";

/// Arrival numbers start here, so that what is put back at the head has room before it.
const FIRST_ARRIVAL: u64 = 1 << 32;
/// Most refused reports kept aside.
const MOST_REFUSED: usize = 8;

/// A report that the collector refused for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The number it bore.
    pub sequence: u64,
    /// HTTP status of the refusal.
    pub status: u16,
    /// What the collector said.
    pub detail: String,
    /// Host clock at the refusal.
    pub at: Timestamp,
    /// The exact body.
    #[serde(with = "text")]
    pub body: Vec<u8>,
}

/// Where an assessment that waits belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Part of a resync: it can be made again from the host's state.
    pub(super) resync: bool,
    /// Digest of the host's state after it.
    pub(super) state: Option<String>,
}

impl Place {
    pub(super) const fn change(state: String) -> Self {
        Self {
            resync: false,
            state: Some(state),
        }
    }

    pub(super) const fn resync(state: Option<String>) -> Self {
        Self { resync: true, state }
    }

    /// Of an assessment that was sealed and is put back.
    pub(super) fn again(assessment: &Assessment, state: Option<String>) -> Self {
        Self {
            resync: assessment.scope == Scope::Checks,
            state,
        }
    }
}

/// What thinning took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Thinned {
    /// Reports of changes.
    pub(super) reports: u64,
    /// Parts of a resync.
    pub(super) parts: u64,
}

/// The tables in one write transaction.
pub(super) struct Tables<'t> {
    waiting: Table<'t, u64, &'static [u8]>,
    index: Table<'t, u64, (u64, bool)>,
    places: Table<'t, u64, (bool, &'static str)>,
    sealed: Table<'t, u64, &'static [u8]>,
    refused: Table<'t, u64, &'static [u8]>,
    findings: Table<'t, (&'static str, &'static str), &'static [u8]>,
    hashes: Table<'t, (&'static str, &'static str), &'static [u8; 32]>,
    values: Table<'t, &'static str, &'static [u8]>,
    changed: bool,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, SpoolError> {
        Ok(Self {
            waiting: transaction.open_table(WAITING)?,
            index: transaction.open_table(INDEX)?,
            places: transaction.open_table(PLACES)?,
            sealed: transaction.open_table(SEALED)?,
            refused: transaction.open_table(REFUSED)?,
            findings: transaction.open_table(FINDINGS)?,
            hashes: transaction.open_table(HASHES)?,
            values: transaction.open_table(VALUES)?,
            changed: false,
        })
    }

    /// Whether anything was written.
    pub(super) const fn changed(&self) -> bool {
        self.changed
    }

    pub(super) fn chain(&self) -> Result<Chain, SpoolError> {
        self.value(CHAIN)
    }

    pub(super) fn set_chain(&mut self, chain: &Chain) -> Result<(), SpoolError> {
        self.set_value(CHAIN, chain)
    }

    pub(super) fn host(&self) -> Result<HostState, SpoolError> {
        self.value(HOST)
    }

    pub(super) fn set_host(&mut self, host: &HostState) -> Result<(), SpoolError> {
        self.set_value(HOST, host)
    }

    /// The hashes of what `check` says, by subject.
    pub(super) fn hashes(&self, check: &str) -> Result<BTreeMap<String, FindingHash>, SpoolError> {
        let mut hashes = BTreeMap::new();
        for row in self.hashes.range((check, "")..)? {
            let (key, hash) = row?;
            let (of, subject) = key.value();
            if of != check {
                break;
            }
            hashes.insert(subject.to_owned(), FindingHash::from(*hash.value()));
        }
        Ok(hashes)
    }

    /// What `check` says.
    pub(super) fn findings(&self, check: &str) -> Result<Vec<Finding>, SpoolError> {
        let mut findings = Vec::new();
        for row in self.findings.range((check, "")..)? {
            let (key, finding) = row?;
            if key.value().0 != check {
                break;
            }
            findings.push(serde_json::from_slice(finding.value())?);
        }
        Ok(findings)
    }

    /// How many findings there are.
    pub(super) fn count_findings(&self) -> Result<u64, SpoolError> {
        Ok(self.hashes.len()?)
    }

    pub(super) fn set_finding(&mut self, finding: &Finding, hash: &FindingHash) -> Result<(), SpoolError> {
        self.changed = true;
        let key = (finding.check.as_str(), finding.subject.as_str());
        self.findings
            .insert(key, serde_json::to_vec(finding)?.as_slice())?;
        self.hashes.insert(key, hash.bytes())?;
        Ok(())
    }

    pub(super) fn remove_finding(&mut self, check: &str, subject: &str) -> Result<(), SpoolError> {
        self.changed = true;
        self.findings.remove((check, subject))?;
        self.hashes.remove((check, subject))?;
        Ok(())
    }

    /// Forgets the host's state.
    pub(super) fn clear_host(&mut self) -> Result<(), SpoolError> {
        self.changed = true;
        self.findings.retain(|_, _| false)?;
        self.hashes.retain(|_, _| false)?;
        self.set_host(&HostState::default())
    }

    pub(super) fn memory(&self) -> Result<Memory, SpoolError> {
        self.value(MEMORY)
    }

    pub(super) fn set_memory(&mut self, memory: &Memory) -> Result<(), SpoolError> {
        self.set_value(MEMORY, memory)
    }

    /// Adds an assessment at the end.
    pub(super) fn push(&mut self, assessment: &Assessment, place: &Place) -> Result<(), SpoolError> {
        let last = self.index.last()?.map(|(key, _)| key.value());
        let arrival = last.map_or(FIRST_ARRIVAL, |last| last.saturating_add(1));
        let troubled = |status| matches!(status, Status::Fail | Status::Error);
        let troubled = assessment.findings.iter().any(|finding| troubled(finding.status));
        self.insert(arrival, assessment, troubled, place)
    }

    /// Puts an assessment that had been sealed back at the head, unnumbered.
    pub(super) fn put_back(&mut self, assessment: &Assessment, place: &Place) -> Result<(), SpoolError> {
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
    pub(super) fn pop(&mut self) -> Result<Option<(Assessment, Place)>, SpoolError> {
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
    pub(super) fn is_idle(&self) -> Result<bool, SpoolError> {
        Ok(self.index.is_empty()?)
    }

    /// Whether parts of a resync wait.
    pub(super) fn resyncs(&self) -> Result<bool, SpoolError> {
        for row in self.places.iter()? {
            if row?.1.value().0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Drops the parts of a resync that wait. Returns how many that were.
    pub(super) fn drop_parts(&mut self) -> Result<u64, SpoolError> {
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
    pub(super) fn waiting(&self) -> Result<(u64, u64), SpoolError> {
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
    pub(super) fn thin(&mut self, limit: u64) -> Result<Thinned, SpoolError> {
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
    pub(super) fn clear_waiting(&mut self) -> Result<u64, SpoolError> {
        let dropped = self.index.len()?;
        self.changed = true;
        self.waiting.retain(|_, _| false)?;
        self.index.retain(|_, _| false)?;
        self.places.retain(|_, _| false)?;
        Ok(dropped)
    }

    pub(super) fn sealed(&self) -> Result<Option<Sealed>, SpoolError> {
        let Some((sequence, body)) = self.sealed.first()? else {
            return Ok(None);
        };
        Ok(Some(Sealed {
            incarnation: Glance::at(body.value())?.incarnation,
            sequence: sequence.value(),
            body: body.value().to_vec(),
        }))
    }

    pub(super) fn set_sealed(&mut self, sealed: &Sealed) -> Result<(), SpoolError> {
        self.changed = true;
        self.sealed.insert(sealed.sequence, sealed.body.as_slice())?;
        Ok(())
    }

    pub(super) fn take_sealed(&mut self) -> Result<Option<Sealed>, SpoolError> {
        let sealed = self.sealed()?;
        if let Some(sealed) = &sealed {
            self.changed = true;
            self.sealed.remove(sealed.sequence)?;
        }
        Ok(sealed)
    }

    /// Keeps a refused report aside, and of those the last [`MOST_REFUSED`].
    pub(super) fn put_aside(&mut self, refused: Refused) -> Result<(), SpoolError> {
        self.changed = true;
        let last = self.refused.last()?.map(|(key, _)| key.value());
        let place = last.map_or(0, |last| last.saturating_add(1));
        let bytes = serde_json::to_vec(&refused)?;
        self.refused.insert(place, bytes.as_slice())?;
        let mut kept = self.refused.iter()?.count();
        while kept > MOST_REFUSED {
            self.refused.pop_first()?;
            kept -= 1;
        }
        Ok(())
    }

    pub(super) fn refused(&self) -> Result<Vec<Refused>, SpoolError> {
        self.refused
            .iter()?
            .map(|row| Ok(serde_json::from_slice(row?.1.value())?))
            .collect()
    }

    /// As an agent left it that kept no state.
    #[cfg(test)]
    pub(super) fn forget_places(&mut self) -> Result<(), SpoolError> {
        Ok(self.places.retain(|_, _| false)?)
    }

    fn value<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, SpoolError> {
        match self.values.get(name)? {
            Some(bytes) => Ok(serde_json::from_slice(bytes.value())?),
            None => Ok(T::default()),
        }
    }

    /// Writes the value unless it stands there already.
    fn set_value<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), SpoolError> {
        let bytes = serde_json::to_vec(value)?;
        let same = self
            .values
            .get(name)?
            .is_some_and(|held| held.value() == bytes.as_slice());
        if !same {
            self.changed = true;
            self.values.insert(name, bytes.as_slice())?;
        }
        Ok(())
    }
}

/// A body as JSON text: bodies are JSON, so UTF-8.
mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(body))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(deserializer).map(String::into_bytes)
    }
}
