//! Which directories are watched, and whether they are still the ones that bear those names.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use notify::{INotifyWatcher, RecursiveMode, Watcher};

use super::targets::Targets;

/// Watched directories, each with the device and inode it had when it was armed.
#[derive(Debug, Default)]
pub(super) struct Armed(BTreeMap<PathBuf, (u64, u64)>);

impl Armed {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this directory, and none that took its place, is watched.
    pub(super) fn holds(&self, directory: &Path) -> bool {
        let armed = self.0.get(directory);
        armed.is_some() && armed.copied() == identity_of(directory)
    }

    /// Watches what should be, and no longer what should not. Returns the directories newly watched, so with events
    /// missed before, and what could not be done.
    pub(super) fn adjust(
        &mut self,
        watcher: &mut INotifyWatcher,
        targets: &Targets,
    ) -> (Vec<PathBuf>, Option<String>) {
        let first = self.0.is_empty();
        let wanted = targets.directories();
        let stale: Vec<PathBuf> = self
            .0
            .iter()
            .filter(|(path, identity)| !wanted.contains(*path) || identity_of(path) != Some(**identity))
            .map(|(path, _)| path.clone())
            .collect();
        for path in stale {
            self.0.remove(&path);
            // An error says that the watch went with its directory, which is why it is stale.
            let _gone = watcher.unwatch(&path);
        }
        let mut rearmed = Vec::new();
        let mut trouble = None;
        for path in wanted {
            if self.0.contains_key(&path) {
                continue;
            }
            // Before watching: a replacement in between is then noticed at the next look.
            let Some(identity) = identity_of(&path) else {
                continue;
            };
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.0.insert(path.clone(), identity);
                    rearmed.push(path);
                }
                Err(error) => trouble = Some(format!("{} can't be watched: {error}", path.display())),
            }
        }
        // At start everything runs anyway.
        if first {
            rearmed.clear();
        }
        (rearmed, trouble)
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
