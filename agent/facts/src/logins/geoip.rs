//! Where on earth networks are, by a GeoIP file of MaxMind's format (maxmind.github.io/MaxMind-DB) that the plan names.
//!
//! Such a file has 60 MB and more; only the few hundred bytes that lead to an answer are read. They are believed no more
//! than any other file: each look-up ends after a number of steps.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::habit::Network;

/// What stands before the description of the file, in its last bytes.
const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// In so many of its last bytes.
const MARK_WITHIN: u64 = 128 * 1024;

/// Most values read for one answer. A city has some hundred, with its names in all languages.
const MOST_STEPS: u32 = 4_000;

/// Deepest that values lie in one another.
const DEEPEST: u32 = 16;

/// A place on earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coordinates {
    /// North of the equator.
    pub latitude: f64,
    /// East of Greenwich.
    pub longitude: f64,
}

impl Coordinates {
    /// How far another place is, in kilometres, as the crow flies.
    #[must_use]
    pub fn kilometres_to(&self, other: &Self) -> f64 {
        /// Of a sphere of the earth's volume.
        const RADIUS: f64 = 6_371.0;
        let half = |one: f64, other: f64| ((other - one).to_radians() / 2.0).sin().powi(2);
        let cosines = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let haversine = half(self.latitude, other.latitude) + cosines * half(self.longitude, other.longitude);
        2.0 * RADIUS * haversine.clamp(0.0, 1.0).sqrt().asin()
    }
}

/// Where networks are, as far as it is known.
pub type Places = BTreeMap<Network, Coordinates>;

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum GeoError {
    /// It is not of the format.
    #[error("it is no GeoIP file of MaxMind's format, or a broken one: {0}")]
    Broken(&'static str),
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A GeoIP file, open to be asked.
#[derive(Debug)]
pub(super) struct GeoFile {
    file: File,
    nodes: u64,
    /// Bits of one record; a node has two.
    record: u64,
    is_v6: bool,
}

/// A value, and the place behind it.
enum Value {
    Double(f64),
    Number(u64),
    Text(Vec<u8>),
    /// Begins here, and has so many entries.
    Map(u64),
    Array(u64),
    Other,
}

impl GeoFile {
    pub(super) fn open(file: File) -> Result<Self, GeoError> {
        let length = file.metadata()?.len();
        let from = length.saturating_sub(MARK_WITHIN);
        let mut end = vec![0; usize::try_from(length - from).unwrap_or_default()];
        file.read_exact_at(&mut end, from)?;
        let mark = memchr::memmem::rfind(&end, MARK).ok_or(GeoError::Broken("it has no description"))?;
        let description = from + (mark + MARK.len()) as u64;
        let mut this = Self {
            file,
            nodes: 0,
            record: 0,
            is_v6: false,
        };
        let number = |name: &[u8]| {
            let mut walk = Walk::new(&this, description);
            match walk
                .find(description, name)?
                .map(|place| walk.value(place))
                .transpose()?
            {
                Some((Value::Number(number), _)) => Ok(number),
                _ => Err(GeoError::Broken("its description lacks a number")),
            }
        };
        let (nodes, record) = (number(b"node_count")?, number(b"record_size")?);
        let version = number(b"ip_version")?;
        if number(b"binary_format_major_version")? != 2 || !matches!(record, 24 | 28 | 32) {
            return Err(GeoError::Broken("it is of another version"));
        }
        if nodes >= 1 << 32 || nodes * record / 4 > length {
            return Err(GeoError::Broken("it is cut off"));
        }
        (this.nodes, this.record, this.is_v6) = (nodes, record, version == 6);
        Ok(this)
    }

    /// Where an address is; `None` where the file does not say.
    pub(super) fn place(&self, address: IpAddr) -> Result<Option<Coordinates>, GeoError> {
        let (bits, length) = match address {
            // In a tree of IPv6 these are its first addresses.
            IpAddr::V4(address) if self.is_v6 => (u128::from(u32::from(address)), 128),
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) if self.is_v6 => (address.into(), 128),
            IpAddr::V6(_) => return Ok(None),
        };
        let mut node = 0;
        for bit in 0..length {
            node = self.record_of(node, bits >> (127 - bit) & 1 == 1)?;
            if node >= self.nodes {
                break;
            }
        }
        if node <= self.nodes {
            return Ok(None);
        }
        // Behind the tree stand 16 bytes of nothing, by which records count.
        let tree = self.nodes * self.record / 4;
        let data = tree + 16;
        let at = tree + (node - self.nodes);
        let mut walk = Walk::new(self, data);
        let Some(location) = walk.find(at, b"location")? else {
            return Ok(None);
        };
        let mut degrees = |name: &[u8]| -> Result<Option<f64>, GeoError> {
            match walk
                .find(location, name)?
                .map(|place| walk.value(place))
                .transpose()?
            {
                Some((Value::Double(degrees), _)) => Ok(Some(degrees)),
                _ => Ok(None),
            }
        };
        let found = degrees(b"latitude")?.zip(degrees(b"longitude")?);
        Ok(found
            .filter(|(latitude, longitude)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0)
            .map(|(latitude, longitude)| Coordinates { latitude, longitude }))
    }

    /// Where each of `networks` is, of those that the file knows.
    pub(super) fn places(&self, networks: impl Iterator<Item = Network>) -> Result<Places, GeoError> {
        let mut places = Places::new();
        for network in networks {
            let address = match &network {
                Network::V4(address) => IpAddr::V4(*address),
                Network::V6(address) => IpAddr::V6(*address),
                Network::Domain(_) => continue,
            };
            if let Some(place) = self.place(address)? {
                places.insert(network, place);
            }
        }
        Ok(places)
    }

    /// The left or right record of a node.
    fn record_of(&self, node: u64, right: bool) -> Result<u64, GeoError> {
        let size = self.record / 4;
        let mut bytes = [0; 8];
        let length = usize::try_from(size).unwrap_or_default();
        let node = bytes
            .get_mut(..length)
            .and_then(|bytes| self.file.read_exact_at(bytes, node * size).ok().map(|()| &*bytes))
            .ok_or(GeoError::Broken("a node is missing"))?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let part = |range: std::ops::Range<usize>| number(node.get(range).unwrap_or_default());
        Ok(match (self.record, right) {
            (24, false) => part(0..3),
            (24, true) => part(3..6),
            // The byte between holds the highest four bits of both.
            (28, false) => part(0..3) | (part(3..4) >> 4) << 24,
            (28, true) => part(4..7) | (part(3..4) & 0x0f) << 24,
            (_, false) => part(0..4),
            (_, true) => part(4..8),
        })
    }
}

/// Reads values, so many at most.
struct Walk<'a> {
    file: &'a File,
    /// Where pointers count from.
    base: u64,
    steps: u32,
}

impl<'a> Walk<'a> {
    const fn new(of: &'a GeoFile, base: u64) -> Self {
        Self {
            file: &of.file,
            base,
            steps: 0,
        }
    }

    /// The place of the value that the map at `place` has under `name`.
    fn find(&mut self, place: u64, name: &[u8]) -> Result<Option<u64>, GeoError> {
        let (Value::Map(entries), mut place) = self.value(place)? else {
            return Ok(None);
        };
        for _ in 0..entries {
            let (key, value) = self.value(place)?;
            if matches!(key, Value::Text(key) if key == name) {
                return Ok(Some(value));
            }
            place = self.behind(value, DEEPEST)?;
        }
        Ok(None)
    }

    /// The value at `place`, a pointer followed, and the place behind what stands there. Of a map or array, that is its
    /// first entry.
    fn value(&mut self, place: u64) -> Result<(Value, u64), GeoError> {
        let (kind, size, behind) = self.head(place)?;
        if kind != POINTER {
            return self.plain(kind, size, behind);
        }
        let (target, behind) = self.pointer(size, behind)?;
        let (kind, size, start) = self.head(target)?;
        // A pointer to a pointer is against the format.
        if kind == POINTER {
            return Err(GeoError::Broken("a pointer points at another"));
        }
        let (value, first) = self.plain(kind, size, start)?;
        let is_nested = matches!(value, Value::Map(_) | Value::Array(_));
        Ok((value, if is_nested { first } else { behind }))
    }

    fn plain(&self, kind: u8, size: u64, place: u64) -> Result<(Value, u64), GeoError> {
        let value = match kind {
            2 => Value::Text(self.bytes(place, size.min(256))?),
            3 if size == 8 => {
                let bytes: [u8; 8] = self.bytes(place, 8)?.try_into().unwrap_or_default();
                Value::Double(f64::from_be_bytes(bytes))
            }
            5 | 6 | 9 if size <= 8 => {
                let bytes = self.bytes(place, size)?;
                Value::Number(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
            }
            7 => return Ok((Value::Map(size), place)),
            11 => return Ok((Value::Array(size), place)),
            // The size of a boolean is its value.
            14 => return Ok((Value::Other, place)),
            _ => Value::Other,
        };
        Ok((value, place.saturating_add(size)))
    }

    /// The place behind the value at `place`, all that is in it passed over.
    fn behind(&mut self, place: u64, depth: u32) -> Result<u64, GeoError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(GeoError::Broken("its values lie too deep"));
        };
        let (kind, size, behind) = self.head(place)?;
        if kind == POINTER {
            return Ok(self.pointer(size, behind)?.1);
        }
        let (value, mut behind) = self.plain(kind, size, behind)?;
        let entries = match value {
            Value::Map(entries) => entries.saturating_mul(2),
            Value::Array(entries) => entries,
            _ => 0,
        };
        for _ in 0..entries {
            behind = self.behind(behind, depth)?;
        }
        Ok(behind)
    }

    /// The kind and size of a value, and the place behind them.
    fn head(&mut self, place: u64) -> Result<(u8, u64, u64), GeoError> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(GeoError::Broken("its values have no end"));
        }
        let byte = |place: u64| Ok::<_, GeoError>(self.bytes(place, 1)?.first().copied().unwrap_or_default());
        let control = byte(place)?;
        let (mut kind, size, mut behind) = (control >> 5, control & 0x1f, place.saturating_add(1));
        if kind == POINTER {
            return Ok((kind, u64::from(size), behind));
        }
        if kind == 0 {
            kind = byte(behind)?.saturating_add(7);
            behind = behind.saturating_add(1);
        }
        let longer = match size {
            29 => 1,
            30 => 2,
            31 => 3,
            _ => return Ok((kind, u64::from(size), behind)),
        };
        let bytes = self.bytes(behind, longer)?;
        let more = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let least = [29, 285, 65_821]
            .get(usize::from(size - 29))
            .copied()
            .unwrap_or_default();
        Ok((kind, least + more, behind + longer))
    }

    /// Where a pointer points, and the place behind it.
    fn pointer(&self, size: u64, place: u64) -> Result<(u64, u64), GeoError> {
        let length = (size >> 3) + 1;
        let bytes = self.bytes(place, length)?;
        let number = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let highest = size & 7;
        let offset = match length {
            1 => highest << 8 | number,
            2 => (highest << 16 | number) + 2_048,
            3 => (highest << 24 | number) + 526_336,
            _ => number,
        };
        Ok((self.base + offset, place + length))
    }

    fn bytes(&self, place: u64, length: u64) -> Result<Vec<u8>, GeoError> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file
            .read_exact_at(&mut bytes, place)
            .map_err(|_| GeoError::Broken("a value is cut off"))?;
        Ok(bytes)
    }
}

/// The kind of a pointer.
const POINTER: u8 = 1;

#[cfg(test)]
mod tests;
