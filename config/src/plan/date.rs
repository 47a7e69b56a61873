//! Days as a plan writes them: `2026-10-01`, with or without quotes.

use std::fmt;

use jiff::civil::Date;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::Serializer;

use crate::file::shorten;

/// Writes the day as text.
pub(super) fn serialize<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Reads a TOML local date, or the same as text.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    deserializer.deserialize_any(DayVisitor)
}

struct DayVisitor;

impl<'de> Visitor<'de> for DayVisitor {
    type Value = Date;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a day such as 2026-10-01")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Date, E> {
        text.parse().map_err(|_| {
            let head = shorten(text);
            E::custom(format_args!("`{head}` is not a day; write it as 2026-10-01"))
        })
    }

    // TOML hands its own dates over as a map of one private key.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Date, A::Error> {
        let written = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
        match (written.date, written.time) {
            (Some(_), None) => self.visit_str(&written.to_string()),
            _ => Err(A::Error::custom(format_args!(
                "`{written}` is not a day; write it as 2026-10-01"
            ))),
        }
    }
}
