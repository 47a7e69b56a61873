//! Tells which checks a change on the host touches, so that they run again within seconds.
//!
//! Events only hint, the schedule is the truth. What is watched are the *directories* that hold the files, so that a
//! file that is replaced by rename, rotated away or made anew is still seen; where a directory is missing, the nearest
//! one that exists. inotify(7) drops a watch when its directory goes, and the kernel drops events when too many come:
//! both are noticed, put right and reported.

mod arm;
mod pace;
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, INotifyWatcher, Watcher};
use tokio::sync::mpsc;

use crate::watch::arm::Armed;
use crate::watch::pace::Pace;
use crate::watch::targets::Targets;

pub use targets::{Watched, watched};

/// Events that may wait to be looked at; past it everything counts as changed.
const MOST_EVENTS: usize = 1_024;

/// What has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Checks whose files were touched.
    pub checks: BTreeSet<&'static str>,
    /// Events were lost: anything may have changed.
    pub all: bool,
    /// What went wrong with watching, where something did.
    pub trouble: Option<String>,
}

/// Watches the files that checks read.
pub struct Watch {
    targets: Targets,
    armed: Armed,
    machinery: Option<Machinery>,
    restarts: u64,
}

struct Machinery {
    watcher: INotifyWatcher,
    events: mpsc::Receiver<notify::Result<Event>>,
    overflow: Arc<AtomicBool>,
}

impl Watch {
    /// Watches for `watched` beneath `root`, as far as it can be: what can't be watched is told by the first
    /// [`Self::next`].
    #[must_use]
    pub fn new(root: &Path, watched: &[Watched]) -> Self {
        Self {
            targets: Targets::new(root, watched),
            armed: Armed::default(),
            machinery: None,
            restarts: 0,
        }
    }

    /// Directories that are watched.
    #[must_use]
    pub fn directories(&self) -> usize {
        self.armed.len()
    }

    /// How often watching had to be started again.
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Whether a change of the file at `path`, as the host names it, would be noticed.
    #[must_use]
    pub fn sees(&self, path: &str) -> bool {
        let watched = |directory: &Path| self.machinery.is_some() && self.armed.holds(directory);
        let path = self.targets.place(path);
        path.parent().is_some_and(watched)
    }

    /// Looks whether all that should be watched is, and puts it right. To be called at start and now and then: a
    /// directory above a watched one that is replaced gives no event.
    pub fn inspect(&mut self) -> Changes {
        let mut changes = Changes::default();
        if self.machinery.is_none() {
            match Machinery::start() {
                Ok(machinery) => self.machinery = Some(machinery),
                Err(error) => {
                    changes.trouble = Some(format!("files can't be watched: {error}"));
                    return changes;
                }
            }
        }
        if let Some(machinery) = &mut self.machinery {
            self.targets.resolve();
            let (rearmed, trouble) = self.armed.adjust(&mut machinery.watcher, &self.targets);
            changes.trouble = trouble;
            for directory in rearmed {
                changes.checks.extend(self.targets.beneath(&directory));
            }
        }
        changes
    }

    /// Waits for a change. Never ends where nothing can be watched. Loses nothing when dropped half-way.
    pub async fn next(&mut self) -> Changes {
        loop {
            let Some(machinery) = &mut self.machinery else {
                return std::future::pending().await;
            };
            let event = machinery.events.recv().await;
            let overflow = machinery.overflow.swap(false, Ordering::Relaxed);
            let mut changes = match event {
                Some(Ok(event)) => self.touched(&event),
                Some(Err(error)) => self.restart(&error.to_string()),
                None => self.restart("the watching thread ended"),
            };
            changes.all |= overflow;
            if changes != Changes::default() {
                return changes;
            }
        }
    }

    fn touched(&mut self, event: &Event) -> Changes {
        let mut changes = Changes {
            all: event.need_rescan(),
            ..Changes::default()
        };
        let moves = matches!(
            event.kind,
            EventKind::Create(_)
                | EventKind::Remove(_)
                | EventKind::Modify(notify::event::ModifyKind::Name(_))
        );
        for path in &event.paths {
            changes.checks.extend(self.targets.touched(path, moves));
            if moves && self.targets.concerns_directory(path) {
                let inspected = self.inspect();
                changes.checks.extend(inspected.checks);
                changes.trouble = changes.trouble.or(inspected.trouble);
            }
        }
        changes
    }

    /// Watching broke: it is started again, and since nobody looked meanwhile everything counts as changed.
    fn restart(&mut self, why: &str) -> Changes {
        self.machinery = None;
        self.armed = Armed::default();
        self.restarts += 1;
        let again = self.inspect();
        Changes {
            all: true,
            trouble: Some(match again.trouble {
                None => format!("watching files broke and was started again: {why}"),
                Some(trouble) => format!("watching files broke: {why}; {trouble}"),
            }),
            ..again
        }
    }
}

impl Machinery {
    fn start() -> notify::Result<Self> {
        let (sender, events) = mpsc::channel(MOST_EVENTS);
        let overflow = Arc::new(AtomicBool::new(false));
        let overflowed = Arc::clone(&overflow);
        let mut pace = Pace::default();
        let handler = move |event: notify::Result<Event>| {
            if let Some(rest) = event
                .as_ref()
                .ok()
                .and_then(|event| pace.rest(event, Instant::now()))
            {
                std::thread::sleep(rest);
            }
            // Opening and reading changes nothing, and we do it ourselves.
            let idle = event.as_ref().is_ok_and(|event| {
                matches!(event.kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
            });
            if !idle && sender.try_send(event).is_err() {
                overflowed.store(true, Ordering::Relaxed);
            }
        };
        Ok(Self {
            watcher: INotifyWatcher::new(handler, Config::default())?,
            events,
            overflow,
        })
    }
}

/// `path` as the host names it, beneath `root`.
fn beneath(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests;
