//! How values stand in columns.

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as NameError, StrDeserializer};

use crate::store::StoreError;
use crate::store::tally::Tally;

/// A time as it is kept: microseconds since 1970-01-01 UTC.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A count as it is kept; SQLite's integers end at 2^63.
pub(super) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A limit as it is asked for.
pub(super) fn limit(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A structure as it is kept: JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::damaged("value", error))
}

/// Reading columns by name.
pub(super) trait Columns {
    /// A time.
    fn time(&self, column: &str) -> Result<Timestamp>;
    /// A time that may be missing.
    fn time_or_none(&self, column: &str) -> Result<Option<Timestamp>>;
    /// A count.
    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T>;
    /// A host id.
    fn host(&self, column: &str) -> Result<HostId>;
    /// An enumeration by its name.
    fn named<T: DeserializeOwned>(&self, column: &str) -> Result<T>;
    /// An enumeration by its name that may be missing.
    fn named_or_none<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>>;
    /// A structure in JSON.
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T>;
    /// A tally; none is one of nothing.
    fn tally(&self, column: &str) -> Result<Tally>;
}

impl Columns for Row<'_> {
    fn time(&self, column: &str) -> Result<Timestamp> {
        time(self, column, self.get(column)?)
    }

    fn time_or_none(&self, column: &str) -> Result<Option<Timestamp>> {
        self.get::<_, Option<i64>>(column)?
            .map(|micros| time(self, column, micros))
            .transpose()
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|_| damaged(self, column, "out of range"))
    }

    fn host(&self, column: &str) -> Result<HostId> {
        self.get_ref(column)?
            .as_str()?
            .parse()
            .map_err(|error| damaged(self, column, error))
    }

    fn named<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        named(self, column, self.get_ref(column)?.as_str()?)
    }

    fn named_or_none<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        self.get_ref(column)?
            .as_str_or_null()?
            .map(|name| named(self, column, name))
            .transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text = self.get_ref(column)?.as_str()?;
        serde_json::from_str(text).map_err(|error| damaged(self, column, error))
    }

    fn tally(&self, column: &str) -> Result<Tally> {
        let text = self.get_ref(column)?.as_str_or_null()?;
        Tally::decode(text.unwrap_or_default()).ok_or_else(|| damaged(self, column, "not a tally"))
    }
}

fn time(row: &Row<'_>, column: &str, micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| damaged(row, column, error))
}

fn named<T: DeserializeOwned>(row: &Row<'_>, column: &str, name: &str) -> Result<T> {
    T::deserialize(StrDeserializer::<NameError>::new(name)).map_err(|error| damaged(row, column, error))
}

fn damaged(row: &Row<'_>, column: &str, why: impl ToString) -> Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    Error::FromSqlConversionFailure(index, Type::Text, format!("{column}: {}", why.to_string()).into())
}
