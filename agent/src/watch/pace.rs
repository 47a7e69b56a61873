//! Keeps a file that is written without end from taking a processor.
//!
//! The kernel makes one event of like ones that wait (inotify(7)), so whoever reads them more slowly reads fewer.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use notify::{Event, EventKind};

/// Writes are counted over this long.
const WINDOW: Duration = Duration::from_millis(100);
/// A file may be written so often in that time at full pace.
const MOST_WRITES: u32 = 20;
/// What each write beyond is rested for.
const REST: Duration = Duration::from_millis(5);
/// Most files counted.
const MOST_FILES: usize = 256;

/// How often files were written lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    writes: HashMap<PathBuf, u32>,
}

impl Pace {
    /// How long to rest before the next event is read.
    pub(super) fn rest(&mut self, event: &Event, now: Instant) -> Option<Duration> {
        if !matches!(event.kind, EventKind::Modify(_)) {
            return None;
        }
        if self.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            self.since = Some(now);
            self.writes.clear();
        }
        let [path] = event.paths.as_slice() else {
            return None;
        };
        if let Some(writes) = self.writes.get_mut(path) {
            *writes += 1;
            return (*writes > MOST_WRITES).then_some(REST);
        }
        if self.writes.len() < MOST_FILES {
            self.writes.insert(path.clone(), 1);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, ModifyKind};

    use super::*;

    #[test]
    fn one_file_that_is_written_without_end_is_rested_for_and_many_files_are_not() {
        let mut pace = Pace::default();
        let write = |name: u32| {
            Event::new(EventKind::Modify(ModifyKind::Data(DataChange::Any)))
                .add_path(format!("/log/{name}").into())
        };
        let now = Instant::now();
        let rests = |pace: &mut Pace, at| (0..100).filter(|_| pace.rest(&write(0), at).is_some()).count();
        assert_eq!(rests(&mut pace, now), 80);
        assert_eq!(rests(&mut pace, now + WINDOW), 80, "after a while anew");
        let many = (1..10_000).filter(|name| pace.rest(&write(*name), now + WINDOW).is_some());
        assert_eq!(many.count(), 0);
        assert!(pace.writes.len() <= MOST_FILES);
    }
}
