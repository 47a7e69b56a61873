//! Who opened what is declared, how much and when: numbers of a fixed size, whatever was opened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Length of the slots that accesses are counted in, in seconds.
pub const SLOT_SECONDS: i64 = 600;

/// How long single slots are kept, to be judged: as long as the longest that an anomaly may be reported, and a day.
const SLOTS_KEPT: SignedDuration = SignedDuration::from_hours(33 * 24);

/// How far back a habit reaches.
pub(super) const HABIT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Most readers kept; the one who read longest ago goes first.
const MOST_READERS: usize = 512;

/// Most slots of one reader kept; somebody who reads all day fills 144 a day.
const MOST_SLOTS: usize = 1_024;

/// Most names of programs and directories of one reader kept.
const MOST_NAMES: usize = 16;

/// Longest name kept, in bytes.
const LONGEST_NAME: usize = 256;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// How one account has opened what is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// The first time.
    pub first_at: Timestamp,
    /// The last time.
    pub last_at: Timestamp,
    /// How often in each slot of [`SLOT_SECONDS`], by the seconds since 1970 at which it began.
    pub slots: BTreeMap<i64, u32>,
    /// The fullest slot-hour of each day (in UTC, by its number since 1970), from which a habit is known.
    pub busiest: BTreeMap<i64, u32>,
    /// On how many days in each hour of the day (in UTC).
    pub hours: [u16; 24],
    /// Programs it was done with.
    pub programs: BTreeSet<String>,
    /// Directories of what was opened.
    pub directories: BTreeSet<String>,
    /// Days that [`Self::hours`] counts already, each with its hour.
    counted: BTreeSet<i64>,
}

/// All who did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Readers {
    pub(super) by_name: BTreeMap<String, Reader>,
    pub(super) left_out: u64,
}

impl Readers {
    /// Counts one access.
    pub(super) fn take(&mut self, name: &str, at: Timestamp, path: &Path, program: Option<&str>) {
        if !self.by_name.contains_key(name) && self.by_name.len() == MOST_READERS {
            let oldest = self.by_name.iter().min_by_key(|(_, reader)| reader.last_at);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.by_name.remove(&oldest);
                self.left_out = self.left_out.saturating_add(1);
            }
        }
        let reader = self.by_name.entry(cut(name)).or_insert_with(|| Reader::new(at));
        reader.first_at = reader.first_at.min(at);
        reader.last_at = reader.last_at.max(at);
        let slot = at.as_second().div_euclid(SLOT_SECONDS) * SLOT_SECONDS;
        *reader.slots.entry(slot).or_default() += 1;
        while reader.slots.len() > MOST_SLOTS {
            reader.slots.pop_first();
        }
        let hour = slot.div_euclid(3600);
        let in_hour = reader
            .slots
            .range(hour * 3600..(hour + 1) * 3600)
            .map(|(_, count)| *count);
        let in_hour = in_hour.fold(0, u32::saturating_add);
        let busiest = reader.busiest.entry(slot.div_euclid(DAY_SECONDS)).or_default();
        *busiest = in_hour.max(*busiest);
        if reader.counted.insert(hour)
            && let Some(days) = usize::try_from(hour.rem_euclid(24))
                .ok()
                .and_then(|hour| reader.hours.get_mut(hour))
        {
            *days = days.saturating_add(1);
        }
        add(&mut reader.programs, program);
        add(&mut reader.directories, path.parent().and_then(Path::to_str));
    }

    /// Drops what is too old.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let second = |age| now.saturating_sub(age).unwrap_or(Timestamp::MIN).as_second();
        let (slots, habit) = (second(SLOTS_KEPT), second(HABIT));
        for reader in self.by_name.values_mut() {
            reader.slots = reader.slots.split_off(&slots);
            reader.busiest = reader.busiest.split_off(&habit.div_euclid(DAY_SECONDS));
            let counted = reader.counted.split_off(&habit.div_euclid(3600));
            for hour in std::mem::replace(&mut reader.counted, counted) {
                let hour = usize::try_from(hour.rem_euclid(24)).unwrap_or_default();
                if let Some(days) = reader.hours.get_mut(hour) {
                    *days = days.saturating_sub(1);
                }
            }
        }
        self.by_name
            .retain(|_, reader| reader.last_at.as_second() >= habit);
    }
}

impl Reader {
    fn new(at: Timestamp) -> Self {
        Self {
            first_at: at,
            last_at: at,
            slots: BTreeMap::new(),
            busiest: BTreeMap::new(),
            hours: [0; 24],
            programs: BTreeSet::new(),
            directories: BTreeSet::new(),
            counted: BTreeSet::new(),
        }
    }

    /// One who opened something so often in these slots, by their beginnings. For tests of those who judge.
    #[must_use]
    pub fn of(slots: &[(Timestamp, u32)]) -> Self {
        let mut readers = Readers::default();
        for (at, count) in slots {
            for _ in 0..*count {
                readers.take("", *at, Path::new("/srv/pii/file"), Some("/usr/bin/cat"));
            }
        }
        readers
            .by_name
            .remove("")
            .unwrap_or_else(|| Self::new(Timestamp::UNIX_EPOCH))
    }
}

fn add(names: &mut BTreeSet<String>, name: Option<&str>) {
    if let Some(name) = name
        && names.len() < MOST_NAMES
    {
        names.insert(cut(name));
    }
}

fn cut(name: &str) -> String {
    let mut end = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn accesses_are_counted_by_slot_and_hour_and_what_is_old_is_forgotten() {
        let mut readers = Readers::default();
        for second in 0..1_800 {
            readers.take("alice", at(second), Path::new("/srv/pii/a"), Some("/bin/cat"));
        }
        let reader = readers.by_name["alice"].clone();
        assert_eq!(reader.slots.values().sum::<u32>(), 1_800);
        assert_eq!(reader.hours.iter().sum::<u16>(), 1);
        assert_eq!(reader.directories, BTreeSet::from(["/srv/pii".to_owned()]));
        readers.forget(at(40 * DAY_SECONDS));
        assert!(readers.by_name["alice"].slots.is_empty());
        assert_eq!(readers.by_name["alice"].busiest.len(), 1, "the habit is longer");
        readers.forget(at(100 * DAY_SECONDS));
        assert!(readers.by_name.is_empty());
    }

    #[test]
    fn many_readers_and_names_take_no_more_room_and_are_counted() {
        let mut readers = Readers::default();
        for n in 0..10 * MOST_READERS {
            let second = i64::try_from(n).unwrap();
            readers.take(
                &format!("u{n}"),
                at(second),
                Path::new(&format!("/srv/{n}/x")),
                None,
            );
            readers.take(
                "alice",
                at(second),
                Path::new(&format!("/srv/{n}/x")),
                Some(&format!("/bin/{n}")),
            );
        }
        assert_eq!(readers.by_name.len(), MOST_READERS);
        assert!(readers.left_out > 0);
        let alice = &readers.by_name["alice"];
        assert_eq!(
            (alice.programs.len(), alice.directories.len()),
            (MOST_NAMES, MOST_NAMES)
        );
        readers.take(&"王".repeat(LONGEST_NAME), at(0), Path::new("/"), None);
    }
}
