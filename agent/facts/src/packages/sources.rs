//! Which archives apt is told to use: sources.list(5), in its one-line and its deb822 style.

use std::collections::BTreeSet;

use crate::host::{Host, ReadError};

use super::control::{Fields, Stanzas, words};

/// Largest sources file taken, in bytes.
const LARGEST_SOURCES: u64 = 1024 * 1024;

/// Most archives taken.
const MOST_SOURCES: usize = 1_000;

/// A suite of an archive, and the parts of it that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Base address, ending in `/`.
    pub uri: String,
    /// Suite, such as `bookworm-security`; ends in `/` where the archive is flat.
    pub suite: String,
    /// Components, such as `main`; none where the archive is flat.
    pub components: Vec<String>,
    /// Architectures wanted; empty: those of the system.
    pub architectures: Vec<String>,
    /// Architectures added to those of the system (`arch+=`) …
    pub added: Vec<String>,
    /// … and taken from them (`arch-=`).
    pub removed: Vec<String>,
}

/// What the sources files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Enabled sources of binary packages, in apt's order.
    pub sources: Vec<Source>,
    /// Lines, stanzas and files that could not be understood or read: where, and why.
    pub faults: Vec<String>,
}

impl Source {
    /// Name of the file that apt keeps `path`, below the release file, under.
    #[must_use]
    pub fn file_name(&self, path: &str) -> String {
        let directory = match self.suite.as_str() {
            "/" => String::new(),
            flat if flat.ends_with('/') => flat.to_owned(),
            suite => format!("dists/{suite}/"),
        };
        list_file_name(&format!("{}{directory}{path}", self.uri))
    }

    /// Paths of the package lists below the release file, on a system of these architectures.
    #[must_use]
    pub fn list_paths(&self, system: &BTreeSet<String>) -> Vec<String> {
        if self.suite.ends_with('/') {
            return vec!["Packages".to_owned()];
        }
        let mut wanted: BTreeSet<&str> = if self.architectures.is_empty() {
            system.iter().map(String::as_str).collect()
        } else {
            self.architectures.iter().map(String::as_str).collect()
        };
        wanted.extend(self.added.iter().map(String::as_str));
        wanted.retain(|architecture| !self.removed.iter().any(|removed| removed == architecture));
        wanted.insert("all");
        let lists = |component: &String| {
            let list = |architecture: &&str| format!("{component}/binary-{architecture}/Packages");
            wanted.iter().map(list).collect::<Vec<_>>()
        };
        self.components.iter().flat_map(lists).collect()
    }

    /// Host the archive is fetched from; empty for a local one.
    #[must_use]
    pub fn site(&self) -> &str {
        let authority = self.uri.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        }
    }
}

/// apt's name for what it fetched from an address: without scheme, user and password; bytes special to it as `%xx`;
/// `/` as `_`.
fn list_file_name(uri: &str) -> String {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let rest = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{host}{path}")
        }
        None if scheme.contains('/') => uri.to_owned(),
        None => rest.to_owned(),
    };
    let mut name = String::with_capacity(rest.len());
    for byte in rest.bytes() {
        match byte {
            b'/' => name.push('_'),
            b if !b.is_ascii_graphic() || br#"\|{}[]<>"^~_=!@#$%^&*"#.contains(&b) => {
                name.push_str(&format!("%{b:02x}"));
            }
            b => name.push(char::from(b)),
        }
    }
    name
}

/// Reads `/etc/apt/sources.list` and `/etc/apt/sources.list.d`. A directory of another name set in apt.conf(5) is not
/// followed.
pub fn read(host: &Host, native: &str) -> Sources {
    let mut read = Sources::default();
    let mut files = vec!["/etc/apt/sources.list".to_owned()];
    match host.list("/etc/apt/sources.list.d") {
        Ok(names) => {
            let names = names
                .into_iter()
                .filter(|name| is_part(name, &["list", "sources"]));
            files.extend(names.map(|name| format!("/etc/apt/sources.list.d/{name}")));
        }
        Err(ReadError::NotFound(_)) => {}
        Err(error) => read.faults.push(error.to_string()),
    }
    for path in files {
        match host.read_text(&path, LARGEST_SOURCES) {
            Ok(text) if path.ends_with(".sources") => stanzas(&text, &path, native, &mut read),
            Ok(text) => lines(&text, &path, native, &mut read),
            Err(ReadError::NotFound(_)) => {}
            Err(error) => read.faults.push(error.to_string()),
        }
    }
    if read.sources.len() > MOST_SOURCES {
        read.sources.truncate(MOST_SOURCES);
        read.faults.push(format!("more than {MOST_SOURCES} sources"));
    }
    read
}

/// Whether apt reads a file of this name in a directory of parts, apt.conf(5).
#[must_use]
pub fn is_part(name: &str, extensions: &[&str]) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    !name.starts_with('.') && name.bytes().all(plain) && extensions.contains(&extension)
}

fn lines(text: &str, path: &str, native: &str, read: &mut Sources) {
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((kind, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        if kind != "deb" {
            continue;
        }
        match line_source(rest.trim(), native) {
            Some(source) => read.sources.push(source),
            None => read.faults.push(format!("{path}:{}: not understood", number + 1)),
        }
    }
}

/// `[ option=value … ] uri suite component …`.
fn line_source(rest: &str, native: &str) -> Option<Source> {
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    // `cdrom:[Debian 12]/` is the one address with spaces.
    let rest = rest.trim_start();
    let end = rest
        .find(']')
        .filter(|_| rest.starts_with("cdrom:["))
        .unwrap_or(0);
    let end = end + rest.get(end..)?.find(char::is_whitespace)?;
    let (uri, rest) = rest.split_at_checked(end)?;
    let mut names = rest.split_whitespace().map(str::to_owned);
    let mut source = source(uri, &names.next()?, native);
    source.components = names.collect();
    if source.components.is_empty() != source.suite.ends_with('/') {
        return None;
    }
    for (name, value) in options
        .split_whitespace()
        .filter_map(|option| option.split_once('='))
    {
        let list = || value.split(',').map(str::to_owned).collect();
        match name.to_ascii_lowercase().as_str() {
            "arch" => source.architectures = list(),
            "arch+" => source.added = list(),
            "arch-" => source.removed = list(),
            _ => {}
        }
    }
    Some(source)
}

fn source(uri: &str, suite: &str, native: &str) -> Source {
    let slash = if uri.ends_with('/') { "" } else { "/" };
    Source {
        uri: format!("{uri}{slash}").replace("$(ARCH)", native),
        suite: suite.replace("$(ARCH)", native),
        components: Vec::new(),
        architectures: Vec::new(),
        added: Vec::new(),
        removed: Vec::new(),
    }
}

fn stanzas(text: &str, path: &str, native: &str, read: &mut Sources) {
    let mut stanzas = Stanzas::new(text.as_bytes());
    let mut number = 0;
    while let Ok(Some(stanza)) = stanzas.next() {
        number += 1;
        match stanza_sources(stanza, native) {
            Some(sources) => read.sources.extend(sources),
            None => read
                .faults
                .push(format!("{path}: stanza {number}: not understood")),
        }
    }
}

fn stanza_sources(stanza: &[u8], native: &str) -> Option<Vec<Source>> {
    let value = |name: &str| {
        let mut fields = Fields::of(stanza);
        fields
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| words(value))
            .unwrap_or_default()
    };
    // Comments alone.
    if Fields::of(stanza).next().is_none() {
        return Some(Vec::new());
    }
    let off = |word: &String| ["no", "false", "without", "off", "disable", "0"].contains(&word.as_str());
    if value("Enabled").first().is_some_and(off) || !value("Types").contains(&"deb".to_owned()) {
        return Some(Vec::new());
    }
    let (uris, suites, components) = (value("URIs"), value("Suites"), value("Components"));
    if uris.is_empty() || suites.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for uri in &uris {
        for suite in &suites {
            if components.is_empty() != suite.ends_with('/') {
                return None;
            }
            found.push(Source {
                components: components.clone(),
                architectures: value("Architectures"),
                added: value("Architectures-Add"),
                removed: value("Architectures-Remove"),
                ..source(uri, suite, native)
            });
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> Source {
        line_source(text, "amd64").unwrap()
    }

    #[test]
    fn a_list_is_named_as_apt_names_it() {
        for (text, name) in [
            (
                "http://deb.debian.org/debian bookworm main",
                "deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages",
            ),
            (
                "https://user:secret@deb.nodesource.com:8080/node_20.x nodistro main",
                "deb.nodesource.com:8080_node%5f20.x_dists_nodistro_main_binary-amd64_Packages",
            ),
            (
                "mirror+file:/etc/apt/mirrors/debian.list bookworm main",
                "_etc_apt_mirrors_debian.list_dists_bookworm_main_binary-amd64_Packages",
            ),
            ("[trusted=yes] file:///srv/repo ./", "_srv_repo_._Packages"),
            (
                "http://security.debian.org/ buster/updates main",
                "security.debian.org_dists_buster_updates_main_binary-amd64_Packages",
            ),
            ("https://example.org/$(ARCH) /", "example.org_amd64_Packages"),
        ] {
            let source = line(text);
            let paths = source.list_paths(&BTreeSet::from(["amd64".to_owned()]));
            assert!(
                paths.iter().any(|path| source.file_name(path) == name),
                "{text}: {paths:?}"
            );
        }
    }

    #[test]
    fn options_choose_the_architectures() {
        let system = BTreeSet::from(["amd64".to_owned(), "i386".to_owned()]);
        let of = |text: &str| {
            let paths = line(text).list_paths(&system);
            paths
                .iter()
                .map(|p| p.split(['-', '/']).nth(2).unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(of("http://a/ b c"), ["all", "amd64", "i386"]);
        assert_eq!(of("[arch=amd64 signed-by=/k] http://a/ b c"), ["all", "amd64"]);
        assert_eq!(
            of("[ arch-=i386 arch+=arm64 ] http://a/ b c"),
            ["all", "amd64", "arm64"]
        );
    }

    #[test]
    fn reads_both_styles_and_names_what_it_does_not_understand() {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("etc/apt/sources.list.d");
        std::fs::create_dir_all(&etc).unwrap();
        std::fs::write(
            dir.path().join("etc/apt/sources.list"),
            "# deb http://off/ a b\ndeb http://one/ a b # note\ndeb-src http://src/ a b\ndeb http://broken\n",
        )
        .unwrap();
        std::fs::write(
            etc.join("two.sources"),
            "Types: deb deb-src\n# note\nURIs: http://two\nSuites: a a-security\nComponents: main\n contrib\n\n\
             Types: deb\nURIs: http://off\nSuites: a\nComponents: b\nEnabled: no\n\nTypes: deb\nURIs: http://none\n",
        )
        .unwrap();
        std::fs::write(etc.join("old.list.save"), "deb http://saved/ a b\n").unwrap();
        let read = read(&Host::at(dir.path()).unwrap(), "amd64");
        let uris: Vec<_> = read
            .sources
            .iter()
            .map(|s| (s.uri.as_str(), s.suite.as_str()))
            .collect();
        assert_eq!(
            uris,
            [
                ("http://one/", "a"),
                ("http://two/", "a"),
                ("http://two/", "a-security")
            ]
        );
        assert_eq!(read.sources[1].components, ["main", "contrib"]);
        assert_eq!(read.faults.len(), 2, "{:?}", read.faults);
    }

    #[test]
    fn the_site_is_the_host_alone() {
        assert_eq!(
            line("https://u:p@deb.example.org:8080/x y z").site(),
            "deb.example.org"
        );
        assert_eq!(line("http://[::1]:80/x y z").site(), "::1");
        assert_eq!(line("file:/srv/x y z").site(), "");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(deb |Types: deb\nURIs: )?\\PC{0,60}") {
            let mut read = Sources::default();
            lines(&text, "x", "amd64", &mut read);
            stanzas(&text, "x", "amd64", &mut read);
            for source in read.sources {
                source.list_paths(&BTreeSet::new()).iter().for_each(|path| drop(source.file_name(path)));
                let _ = source.site();
            }
        }
    }
}
