//! The rows of the spool.

use jiff::Timestamp;
use plumbline_config::wire::Assessment;
use plumbline_facts::Memory;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::spool::state::{State, incarnation_of};
use crate::spool::{Sealed, SpoolError};

/// Assessments that wait, as JSON, by order of arrival.
const WAITING: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("waiting");
/// Of each that waits: its bytes, and whether a finding in it fails. So that thinning reads no assessment.
const INDEX: TableDefinition<'static, u64, (u64, bool)> = TableDefinition::new("index");
/// The sealed report, by its number; at most one.
const SEALED: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("sealed");
/// Reports refused for good, as JSON, by order of refusal.
const REFUSED: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("refused");
/// Single values, as JSON.
const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");

const STATE: &str = "state";
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

/// The tables in one write transaction.
pub(super) struct Tables<'t> {
    waiting: Table<'t, u64, &'static [u8]>,
    index: Table<'t, u64, (u64, bool)>,
    sealed: Table<'t, u64, &'static [u8]>,
    refused: Table<'t, u64, &'static [u8]>,
    values: Table<'t, &'static str, &'static [u8]>,
    changed: bool,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, SpoolError> {
        Ok(Self {
            waiting: transaction.open_table(WAITING)?,
            index: transaction.open_table(INDEX)?,
            sealed: transaction.open_table(SEALED)?,
            refused: transaction.open_table(REFUSED)?,
            values: transaction.open_table(VALUES)?,
            changed: false,
        })
    }

    /// Whether anything was written.
    pub(super) const fn changed(&self) -> bool {
        self.changed
    }

    pub(super) fn state(&self) -> Result<State, SpoolError> {
        self.value(STATE)
    }

    pub(super) fn set_state(&mut self, state: &State) -> Result<(), SpoolError> {
        self.set_value(STATE, state)
    }

    pub(super) fn memory(&self) -> Result<Memory, SpoolError> {
        self.value(MEMORY)
    }

    pub(super) fn set_memory(&mut self, memory: &Memory) -> Result<(), SpoolError> {
        self.set_value(MEMORY, memory)
    }

    /// Adds an assessment at the end.
    pub(super) fn push(&mut self, bytes: &[u8], troubled: bool) -> Result<(), SpoolError> {
        let last = self.index.last()?.map(|(key, _)| key.value());
        let arrival = last.map_or(FIRST_ARRIVAL, |last| last.saturating_add(1));
        self.insert(arrival, bytes, troubled)
    }

    /// Puts an assessment that had been sealed back at the head, unnumbered.
    pub(super) fn put_back(&mut self, assessment: &Assessment) -> Result<(), SpoolError> {
        let first = self.index.first()?.map(|(key, _)| key.value());
        let arrival = first.map_or(FIRST_ARRIVAL, |first| first.saturating_sub(1));
        // Taken as troubled: it was about to be sent, and is the last to thin.
        self.insert(arrival, &serde_json::to_vec(assessment)?, true)
    }

    fn insert(&mut self, arrival: u64, bytes: &[u8], troubled: bool) -> Result<(), SpoolError> {
        self.changed = true;
        self.waiting.insert(arrival, bytes)?;
        self.index.insert(arrival, (bytes.len() as u64, troubled))?;
        Ok(())
    }

    /// Takes the assessment at the head.
    pub(super) fn pop(&mut self) -> Result<Option<Vec<u8>>, SpoolError> {
        let head = self
            .waiting
            .pop_first()?
            .map(|(key, bytes)| (key.value(), bytes.value().to_vec()));
        let Some((arrival, bytes)) = head else {
            return Ok(None);
        };
        self.changed = true;
        self.index.remove(arrival)?;
        Ok(Some(bytes))
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

    /// Drops what waits until it fits `limit` bytes: the oldest without a failing finding first, then the oldest; never
    /// the newest. Returns how many were dropped.
    pub(super) fn thin(&mut self, limit: u64) -> Result<u64, SpoolError> {
        let (_, mut bytes) = self.waiting()?;
        if bytes <= limit {
            return Ok(0);
        }
        let mut order = Vec::new();
        for row in self.index.iter()? {
            let (key, value) = row?;
            let (length, troubled) = value.value();
            order.push((troubled, key.value(), length));
        }
        // The newest comes last in arrival order.
        order.pop();
        order.sort_unstable();
        let mut dropped = 0;
        for (_, arrival, length) in order {
            if bytes <= limit {
                break;
            }
            self.changed = true;
            self.waiting.remove(arrival)?;
            self.index.remove(arrival)?;
            bytes = bytes.saturating_sub(length);
            dropped += 1;
        }
        Ok(dropped)
    }

    /// Drops all that waits unsealed. Returns how many that were.
    pub(super) fn clear_waiting(&mut self) -> Result<u64, SpoolError> {
        let mut dropped = 0;
        while self.pop()?.is_some() {
            dropped += 1;
        }
        Ok(dropped)
    }

    pub(super) fn sealed(&self) -> Result<Option<Sealed>, SpoolError> {
        let Some((sequence, body)) = self.sealed.first()? else {
            return Ok(None);
        };
        Ok(Some(Sealed {
            incarnation: incarnation_of(body.value())?,
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
