//! How values stand in columns.

use std::borrow::Cow;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

use crate::store::StoreError;
use crate::store::tally::Tally;

/// A time as it is kept: microseconds since 1970-01-01 UTC.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A count as it is kept; the engine's integers end at 2^63.
pub(super) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A limit as it is asked for.
pub(super) fn limit(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A structure as it is kept: JSON text. It holds no NUL: JSON writes one as `\u0000`.
pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::damaged("value", error))
}

/// The engine's texts hold no NUL, and a host may send one. So a character that nobody uses (U+F8FF, the last of the
/// private ones of the basic plane) escapes it, and itself.
const ESCAPE: char = '\u{f8ff}';

/// A text as it is kept.
pub(super) fn text(plain: &str) -> Cow<'_, str> {
    if !plain.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(plain);
    }
    let mut kept = String::with_capacity(plain.len() + 16);
    for character in plain.chars() {
        match character {
            '\0' => kept.extend([ESCAPE, '0']),
            ESCAPE => kept.extend([ESCAPE, '1']),
            other => kept.push(other),
        }
    }
    Cow::Owned(kept)
}

/// A text as it was before [`text`].
pub(super) fn plain(kept: String) -> String {
    if !kept.contains(ESCAPE) {
        return kept;
    }
    let mut plain = String::with_capacity(kept.len());
    let mut characters = kept.chars();
    while let Some(character) = characters.next() {
        match character {
            ESCAPE => match characters.next() {
                Some('0') => plain.push('\0'),
                _ => plain.push(ESCAPE),
            },
            other => plain.push(other),
        }
    }
    plain
}

/// Reading columns by name.
pub(super) trait Columns {
    /// What the driver reads by itself.
    fn value<T: FromSqlOwned>(&self, column: &str) -> Result<T, StoreError>;

    /// A text.
    fn text(&self, column: &str) -> Result<String, StoreError> {
        self.value(column).map(plain)
    }

    /// A text that may be missing.
    fn text_or_none(&self, column: &str) -> Result<Option<String>, StoreError> {
        Ok(self.value::<Option<String>>(column)?.map(plain))
    }

    /// A time.
    fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        time(column, self.value(column)?)
    }

    /// A time that may be missing.
    fn time_or_none(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.value::<Option<i64>>(column)?
            .map(|micros| time(column, micros))
            .transpose()
    }

    /// A count.
    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.value(column)?).map_err(|_| damaged(column, "out of range"))
    }

    /// A host id.
    fn host(&self, column: &str) -> Result<HostId, StoreError> {
        self.value::<String>(column)?
            .parse()
            .map_err(|error| damaged(column, error))
    }

    /// An enumeration by its name.
    fn named<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        named(column, self.value(column)?)
    }

    /// An enumeration by its name that may be missing.
    fn named_or_none<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.value::<Option<String>>(column)?
            .map(|name| named(column, name))
            .transpose()
    }

    /// A structure in JSON.
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(&self.value::<String>(column)?).map_err(|error| damaged(column, error))
    }

    /// Bytes of a hash.
    fn hash(&self, column: &str) -> Result<[u8; 32], StoreError> {
        <[u8; 32]>::try_from(self.value::<Vec<u8>>(column)?).map_err(|_| damaged(column, "not a hash"))
    }

    /// A tally; none is one of nothing.
    fn tally(&self, column: &str) -> Result<Tally, StoreError> {
        let text: Option<String> = self.value(column)?;
        Tally::decode(text.as_deref().unwrap_or_default()).ok_or_else(|| damaged(column, "not a tally"))
    }
}

impl Columns for Row {
    fn value<T: FromSqlOwned>(&self, column: &str) -> Result<T, StoreError> {
        self.try_get(column).map_err(|error| damaged(column, error))
    }
}

fn time(column: &str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| damaged(column, error))
}

fn named<T: DeserializeOwned>(column: &str, name: String) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(name)).map_err(|error| damaged(column, error))
}

fn damaged(column: &str, why: impl ToString) -> StoreError {
    StoreError::damaged("row", format!("{column}: {}", why.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_reads_as_it_was_written_and_holds_no_nul(written in "[a\0\u{f8ff}01]{0,20}") {
            let kept = text(&written).into_owned();
            prop_assert!(!kept.contains('\0'));
            prop_assert_eq!(plain(kept), written);
        }
    }
}
