//! A host's packet filter as files, so that questions can be answered elsewhere and later.
//!
//! [`record`] makes `nft.netlink` (the kernel's own messages), `legacy-ip-TABLE.bin` and `legacy-ip6-TABLE.bin` (its
//! answers for iptables-legacy), `surroundings.json` and `listeners.json`. [`read`] also takes what other tools write:
//! `nft.json` (`nft -j list ruleset`), and in place of the last two `addresses.json` (`ip -j -d address`),
//! `routes.json` and `routes6.json` (`ip -j route show table all`, with `-6`), `rules.json` and `rules6.json` (`ip -j
//! rule`, with `-6`), `sysctl.txt` (`sysctl -a`), `sockets.json`.

use jiff::Timestamp;

use super::attributes::messages;
use super::decode::Decoder;
use super::interfaces::Surroundings;
use super::ruleset::Ruleset;
use super::{FirewallFacts, by_hand, connection, json, legacy, netlink, proc_net};
use crate::host::{Host, ReadError};
use crate::sockets::{self, Listener};

/// Largest file taken, in bytes.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// Why a recording could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file does not hold what it should.
    #[error("{file}: {why}")]
    Content {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// There are no rules in the directory.
    #[error(
        "neither nft.netlink nor nft.json is in the directory; make it with `inspect firewall --record DIR`"
    )]
    Empty,
    /// The running host could not be read.
    #[error("{0}")]
    Live(String),
}

/// The running host's packet filter as files: name and content.
pub fn record(host: &Host, now: Timestamp) -> Result<Vec<(String, Vec<u8>)>, RecordingError> {
    let live = |why: &dyn std::fmt::Display| RecordingError::Live(why.to_string());
    let mut files = Vec::new();
    match netlink::record() {
        Ok(bytes) => files.push(("nft.netlink".to_owned(), bytes)),
        Err(connection::DumpError::Unsupported) => files.push(("nft.netlink".to_owned(), Vec::new())),
        Err(error) => return Err(live(&format!("nftables rules: {error}"))),
    }
    for v6 in [false, true] {
        for name in proc_net::legacy_tables(host, v6) {
            let bytes = legacy::record(v6, &name).map_err(|why| live(&format!("table {name}: {why}")))?;
            files.push((format!("{}{name}.bin", legacy_prefix(v6)), bytes));
        }
    }
    let facts = super::read_loaded(host, now);
    let facts = facts.value().map_err(|unknown| live(&format!("{unknown:?}")))?;
    let sockets = sockets::read(host).map_err(|unknown| live(&format!("{unknown:?}")))?;
    let text = |value: serde_json::Result<Vec<u8>>| value.map_err(|error| live(&error));
    files.push((
        "surroundings.json".to_owned(),
        text(serde_json::to_vec_pretty(&facts.surroundings))?,
    ));
    files.push((
        "listeners.json".to_owned(),
        text(serde_json::to_vec_pretty(&sockets.listeners))?,
    ));
    Ok(files)
}

const fn legacy_prefix(v6: bool) -> &'static str {
    if v6 { "legacy-ip6-" } else { "legacy-ip-" }
}

/// The packet filter and, where they are recorded, the sockets in a directory.
pub fn read(directory: &Host) -> Result<(FirewallFacts, Option<Vec<Listener>>), RecordingError> {
    let mut ruleset = match (file(directory, "nft.netlink")?, file(directory, "nft.json")?) {
        (Some(bytes), _) => decode(&bytes)?,
        (None, Some(text)) => json::parse(&text).map_err(|error| wrong("nft.json", &error))?,
        (None, None) => return Err(RecordingError::Empty),
    };
    for name in directory.list("/")? {
        for v6 in [false, true] {
            let table = name
                .strip_prefix(legacy_prefix(v6))
                .and_then(|rest| rest.strip_suffix(".bin"));
            let Some(table) = table else { continue };
            let bytes = file(directory, &name)?.unwrap_or_default();
            let table =
                legacy::parse(v6, table, &bytes).ok_or_else(|| wrong(&name, &"it can't be understood"))?;
            ruleset.tables.push(table);
        }
    }
    let surroundings: Surroundings = match file(directory, "surroundings.json")? {
        Some(text) => serde_json::from_slice(&text).map_err(|error| wrong("surroundings.json", &error))?,
        None => by_hand::surroundings(|name| file(directory, name))?,
    };
    let listeners = match file(directory, "listeners.json")? {
        Some(text) => Some(serde_json::from_slice(&text).map_err(|error| wrong("listeners.json", &error))?),
        None => None,
    };
    let facts = FirewallFacts {
        ruleset,
        surroundings,
        ..FirewallFacts::default()
    };
    Ok((facts, listeners))
}

/// A file of the directory; `None` where there is none of that name.
fn file(directory: &Host, name: &str) -> Result<Option<Vec<u8>>, RecordingError> {
    match directory.read(format!("/{name}"), LARGEST_FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn wrong(file: &str, why: &dyn std::fmt::Display) -> RecordingError {
    RecordingError::Content {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

/// Messages of dumps, one after the other; one that is cut off spoils the recording.
fn decode(bytes: &[u8]) -> Result<Ruleset, RecordingError> {
    let mut decoder = Decoder::default();
    let mut read = 0usize;
    for message in messages(bytes) {
        read = read.saturating_add(super::attributes::MESSAGE_HEADER + message.payload.len());
        read = read.next_multiple_of(4);
        decoder.add(message);
    }
    if read < bytes.len() {
        return Err(wrong("nft.netlink", &"a message is cut off"));
    }
    for name in decoder.wanted_sets() {
        decoder.close_set(&name, None);
    }
    Ok(decoder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETLINK: &[u8] = include_bytes!("../../fixtures/firewall/ruleset.netlink");

    #[test]
    fn a_recording_that_is_cut_off_is_refused_and_one_without_rules_too() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path()).unwrap();
        assert!(matches!(read(&host), Err(RecordingError::Empty)));
        let path = dir.path().join("nft.netlink");
        std::fs::write(&path, NETLINK).unwrap();
        let (facts, listeners) = read(&host).unwrap();
        assert!(facts.ruleset.filters() && listeners.is_none());
        std::fs::write(&path, &NETLINK[..NETLINK.len() - 5]).unwrap();
        assert!(matches!(read(&host), Err(RecordingError::Content { .. })));
    }
}
