//! The archives apt uses, with the lists it keeps of them.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::host::{Host, ReadError};

use super::candidate::{Offer, Versions};
use super::lists::{self, Compression};
use super::pins::{Pins, Place};
use super::release::{LARGEST_RELEASE, Release, is_security_suite};
use super::sources::{Source, Sources};

/// An archive that apt is told to use, and what is known of it here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// Base address, without user and password.
    pub uri: String,
    /// Suite, as the sources file names it.
    pub suite: String,
    /// Whether it is an archive of security updates.
    pub security: bool,
    /// What it says of itself; `None` where apt never fetched it.
    pub release: Option<Release>,
    /// Time since it was published, in seconds; negative where that lies ahead of this host's clock.
    pub age_seconds: Option<i64>,
    /// Its package lists.
    pub lists: Vec<List>,
}

/// A package list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct List {
    /// Its path below the release file, such as `main/binary-amd64/Packages`.
    pub path: String,
    /// Packages in it.
    pub packages: usize,
    /// Stanzas that could not be understood.
    pub broken: usize,
    /// Why it was not read to its end.
    pub failure: Option<String>,
}

impl Archive {
    /// Lists that were read to their end.
    pub fn read_lists(&self) -> impl Iterator<Item = &List> {
        self.lists.iter().filter(|list| list.failure.is_none())
    }
}

/// The system's own architecture first, then those it also takes packages of: `/var/lib/dpkg/arch`, dpkg(1)
/// `--add-architecture`.
pub(super) fn architectures(
    host: &Host,
    installed: &[super::status::Installed],
) -> (String, BTreeSet<String>) {
    let text = host
        .read_text("/var/lib/dpkg/arch", 64 * 1024)
        .unwrap_or_default();
    let mut all: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if all.is_empty() {
        // Without a foreign architecture there is no such file; dpkg itself is always of the system's own.
        let dpkg = installed.iter().find(|package| package.name == "dpkg");
        all.extend(dpkg.map(|package| package.architecture.clone()));
    }
    (
        all.first().cloned().unwrap_or_default(),
        all.into_iter().collect(),
    )
}

/// Reads every list of every source, and offers what is in them to `versions`.
pub(super) fn read(
    host: &Host,
    sources: &Sources,
    system: &BTreeSet<String>,
    pins: &Pins,
    now: Timestamp,
    versions: &mut Versions<'_>,
) -> Result<Vec<Archive>, ReadError> {
    let kept: HashSet<String> = match host.list(lists::DIRECTORY) {
        Ok(names) => names.into_iter().collect(),
        Err(ReadError::NotFound(_)) => HashSet::new(),
        Err(error) => return Err(error),
    };
    let mut archives: Vec<Archive> = Vec::new();
    for source in &sources.sources {
        let uri = without_password(&source.uri);
        let known = archives
            .iter()
            .position(|a| a.uri == uri && a.suite == source.suite);
        let number = known.unwrap_or_else(|| {
            archives.push(archive(host, source, &kept, uri, now));
            archives.len() - 1
        });
        if let Some(archive) = archives.get_mut(number) {
            read_source(host, source, archive, (&kept, system, pins), versions);
        }
    }
    Ok(archives)
}

fn archive(host: &Host, source: &Source, kept: &HashSet<String>, uri: String, now: Timestamp) -> Archive {
    let names = ["InRelease", "Release"].map(|name| source.file_name(name));
    let name = names.iter().find(|name| kept.contains(*name));
    let path = name.map(|name| format!("{}/{name}", lists::DIRECTORY));
    let release = path
        .and_then(|path| host.read_text(path, LARGEST_RELEASE).ok())
        .map(|text| Release::parse(&text));
    let date = release.as_ref().and_then(|release| release.date);
    Archive {
        uri,
        suite: source.suite.clone(),
        security: is_security_suite(&source.suite) || release.as_ref().is_some_and(Release::is_security),
        age_seconds: date.map(|date| now.duration_since(date).as_secs()),
        release,
        lists: Vec::new(),
    }
}

fn read_source(
    host: &Host,
    source: &Source,
    archive: &mut Archive,
    (kept, system, pins): (&HashSet<String>, &BTreeSet<String>, &Pins),
    versions: &mut Versions<'_>,
) {
    let mut release = archive.release.clone().unwrap_or_default();
    let sizes = std::mem::take(&mut release.sizes);
    for path in source.list_paths(system) {
        if archive.lists.iter().any(|list| list.path == path) {
            continue;
        }
        let name = source.file_name(&path);
        let file = Compression::ALL
            .iter()
            .map(|(compression, ending)| (format!("{name}{ending}"), *compression))
            .find(|(file, _)| kept.contains(file));
        let size = sizes.get(&path).copied();
        let Some((file, compression)) = file else {
            let other = kept
                .iter()
                .any(|file| file.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.')));
            let failure = match size {
                _ if other => "kept in a compression that is not read",
                // What the archive does not have can't be missing, and an empty list is not fetched.
                None => continue,
                Some(0) => {
                    archive.lists.push(List {
                        path,
                        ..List::default()
                    });
                    continue;
                }
                Some(_) if path.contains("/binary-all/") && !release.lists_all => continue,
                Some(_) => "not fetched",
            };
            archive.lists.push(List {
                path,
                failure: Some(failure.to_owned()),
                ..List::default()
            });
            continue;
        };
        let place = Place {
            component: path
                .split('/')
                .next()
                .filter(|_| path.contains('/'))
                .unwrap_or_default()
                .to_owned(),
            site: source.site().to_owned(),
            release: release.clone(),
            security: archive.security,
            status: false,
        };
        let priority = pins.of_place(&place);
        let mut broken = 0;
        let read = lists::read(host, &file, compression, size, |stanza| {
            broken += usize::from(versions.offer(stanza, &place, priority) == Offer::Broken);
        });
        let (packages, too_large, failure) = match read {
            Ok((packages, too_large)) => (packages, too_large, None),
            Err(error) => (0, 0, Some(error.to_string())),
        };
        archive.lists.push(List {
            path,
            packages,
            broken: broken + too_large,
            failure,
        });
    }
}

fn without_password(uri: &str) -> String {
    match uri.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_sources_file_is_not_told() {
        assert_eq!(
            without_password("https://bearer:secret@esm.ubuntu.com/infra/"),
            "https://esm.ubuntu.com/infra/"
        );
        assert_eq!(without_password("file:/srv/a@b/"), "file:/srv/a@b/");
    }
}
