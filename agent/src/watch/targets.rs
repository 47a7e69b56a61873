//! Which files concern which checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plumbline_checks::Check;
use plumbline_facts::{Host, PROBES, with_foundations};

use super::beneath;

/// Ends a path that stands for the files in each directory of one.
const EACH: &str = "/*";

/// Most directories of one that are watched each.
const MOST_EACH: usize = 64;

/// A file or directory, and the checks that read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Absolute path as the host names it.
    pub path: &'static str,
    /// The checks.
    pub checks: BTreeSet<&'static str>,
}

/// What the probes of these checks watch.
#[must_use]
pub fn watched<'c>(checks: impl IntoIterator<Item = &'c Check>) -> Vec<Watched> {
    let mut by_path: BTreeMap<&'static str, BTreeSet<&'static str>> = BTreeMap::new();
    for check in checks {
        let probes = with_foundations(&check.needs.iter().copied().collect());
        for probe in PROBES.iter().filter(|probe| probes.contains(&probe.id)) {
            for path in probe.watches {
                by_path.entry(path).or_default().insert(check.id);
            }
        }
    }
    let watched = by_path.into_iter();
    watched.map(|(path, checks)| Watched { path, checks }).collect()
}

/// The paths that matter, beneath the host's root.
#[derive(Debug)]
pub(super) struct Targets {
    root: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    path: PathBuf,
    /// Where the path leads, where a link is on the way.
    real: Option<PathBuf>,
    /// The directories in it, where what matters are their files.
    each: Option<BTreeSet<PathBuf>>,
    checks: BTreeSet<&'static str>,
}

impl Targets {
    pub(super) fn new(root: &Path, watched: &[Watched]) -> Self {
        let target = |watched: &Watched| {
            let whole = watched.path.strip_suffix(EACH);
            Target {
                path: beneath(root, whole.unwrap_or(watched.path)),
                real: None,
                each: whole.map(|_| BTreeSet::new()),
                checks: watched.checks.clone(),
            }
        };
        Self {
            root: root.to_owned(),
            targets: watched.iter().map(target).collect(),
        }
    }

    /// Where the file that the host names so lies, links followed.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        let path = beneath(&self.root, path);
        path.canonicalize().unwrap_or(path)
    }

    /// Follows links anew, and looks which directories there are.
    pub(super) fn resolve(&mut self) {
        for target in &mut self.targets {
            if let Some(each) = &mut target.each {
                *each = directories_in(&target.path);
            }
            target.real = target
                .path
                .canonicalize()
                .ok()
                .filter(|real| *real != target.path);
        }
    }

    /// The directories to watch: of each path the one that holds it, or the nearest above that exists; and the path
    /// itself where it is a directory.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        let mut directories = BTreeSet::new();
        for each in self.targets.iter().filter_map(|target| target.each.as_ref()) {
            directories.extend(each.iter().cloned());
        }
        for path in self.targets.iter().flat_map(Target::paths) {
            if path.is_dir() {
                directories.insert(path.to_owned());
            }
            let above = path.ancestors().skip(1).find(|above| above.is_dir());
            if let Some(above) = above.filter(|above| above.starts_with(&self.root)) {
                directories.insert(above.to_owned());
            }
        }
        directories
    }

    /// The checks that an event on `path` touches. `moves`: something was made, removed or renamed, which touches what
    /// lies beneath too.
    pub(super) fn touched(&self, path: &Path, moves: bool) -> BTreeSet<&'static str> {
        let mut checks = self.checks_where(|target| {
            path == target || path.parent() == Some(target) || (moves && target.starts_with(path))
        });
        let in_each = |target: &&Target| {
            let each = target.each.as_ref();
            each.is_some_and(|each| path.parent().is_some_and(|parent| each.contains(parent)))
        };
        for target in self.targets.iter().filter(in_each) {
            checks.extend(&target.checks);
        }
        checks
    }

    /// The checks that read something in or beneath `directory`, or the directory itself.
    pub(super) fn beneath(&self, directory: &Path) -> BTreeSet<&'static str> {
        self.checks_where(|target| target.starts_with(directory))
    }

    /// Whether `path` is, or is above, what is watched, so that its making or going changes what is to be watched.
    pub(super) fn concerns_directory(&self, path: &Path) -> bool {
        let mut paths = self.targets.iter().flat_map(Target::paths);
        let one_of_each = |target: &Target| target.each.is_some() && path.parent() == Some(&target.path);
        paths.any(|target| target.starts_with(path)) || self.targets.iter().any(one_of_each)
    }

    fn checks_where(&self, hit: impl Fn(&Path) -> bool) -> BTreeSet<&'static str> {
        let hits = self.targets.iter().filter(|target| target.paths().any(&hit));
        hits.flat_map(|target| target.checks.iter().copied()).collect()
    }
}

impl Target {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(self.path.as_path()), self.real.as_deref()]
            .into_iter()
            .flatten()
    }
}

fn directories_in(path: &Path) -> BTreeSet<PathBuf> {
    let names = Host::at(path).ok().and_then(|directory| directory.list("/").ok());
    let entries = names.unwrap_or_default().into_iter().map(|name| path.join(name));
    entries.filter(|entry| entry.is_dir()).take(MOST_EACH).collect()
}
