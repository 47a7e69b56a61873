//! The rows of the spool.

mod queue;

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::finding::Finding;
use plumbline_config::state::FindingHash;
use plumbline_facts::Memory;
use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::spool::chain::{Chain, Glance};
use crate::spool::host_state::HostState;
use crate::spool::{Sealed, SpoolError};

pub(super) use queue::Place;

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
