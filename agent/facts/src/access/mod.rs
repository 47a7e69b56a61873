//! Who opens the files that hold personal data: what the audit subsystem is set to record of it, what it recorded, and how
//! databases are set to record who reads.
//!
//! Accesses are read from auditd's log and not from the kernel's own stream (`AUDIT_NLGRP_READLOG`): the log survives
//! our restarts and holds each event once, while the stream loses what it can't deliver at once and would be one more
//! way to see the same. fanotify(7) tells which process opens a file, not who logged in, and only while we run.

mod database;
mod event;
mod kernel;
mod reader;
mod record;
mod rule;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::Known;
use crate::logins::follow::{FilePosition, Sink, follow};
use crate::logins::{Reading, accounts};
use crate::probe::{Probe, ProbeId};

pub use database::{Database, Engine, Setting};
pub use kernel::KernelAudit;
pub use reader::{Reader, SLOT_SECONDS};
pub use rule::PathRule;

use event::{Assembler, Open};
use reader::Readers;

/// auditd's log, unless its settings name another.
const LOG: &str = "/var/log/audit/audit.log";

/// auditd's settings.
const SETTINGS: &str = "/etc/audit/auditd.conf";

/// Where rules are kept: the parts, and what augenrules(8) makes of them.
const RULES_DIRECTORY: &str = "/etc/audit/rules.d";
const RULES: &str = "/etc/audit/audit.rules";

/// Largest file of settings or rules taken, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Records of one event come this close to one another, by their own times …
const EVENT_SPAN: SignedDuration = SignedDuration::from_secs(2);

/// … and what has not come by this time never will.
const EVENT_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What lets us read the log and the rules: they are root's.
const NEEDS: &str = "CAP_DAC_READ_SEARCH";

/// What [`AccessProbe`] reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessFacts {
    /// The declared paths, and whether each is on this host.
    pub paths: BTreeMap<PathBuf, bool>,
    /// The kernel's audit subsystem.
    pub kernel: Known<KernelAudit>,
    /// Rules in files that are loaded at start.
    pub kept_rules: Known<Vec<PathRule>>,
    /// What was read of the log.
    pub log: Known<Reading>,
    /// Who opened what is declared, by account.
    pub readers: BTreeMap<String, Reader>,
    /// Since when accesses have been learned of.
    pub since: Option<Timestamp>,
    /// Readers and accesses left out for want of room.
    pub left_out: u64,
    /// Database servers that run.
    pub databases: Known<Vec<Database>>,
    /// A key of this host alone, to hash under what is not to be told.
    pub key: [u64; 2],
}

/// What is kept from run to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessMemory {
    position: Option<FilePosition>,
    open: Vec<Open>,
    readers: Readers,
    since: Option<Timestamp>,
}

/// Reads the audit subsystem and its log.
pub struct AccessProbe;

impl Probe for AccessProbe {
    type Fact = AccessFacts;
    const ID: ProbeId = ProbeId::Access;
    const WATCHES: &'static [&'static str] = &[
        LOG,
        SETTINGS,
        RULES,
        RULES_DIRECTORY,
        "/etc/mysql",
        "/etc/mysql/mariadb.conf.d",
        "/etc/my.cnf",
        "/etc/my.cnf.d",
    ];
    const URGENT: bool = true;

    fn gather(host: &Host, ask: &Ask, facts: &mut Facts) -> Known<AccessFacts> {
        let mut memory = ask.memory.access.clone();
        let there = |path: &PathBuf| (path.clone(), host.exists(path));
        let paths: BTreeMap<PathBuf, bool> = ask.access_paths.iter().map(there).collect();
        let log = read_log(host, ask, &paths, &mut memory);
        // As logins hash their sources, so that one account is called alike everywhere.
        let key = facts.memory.logins.key();
        let known = AccessFacts {
            kernel: if host.is_live() {
                kernel::ask()
            } else {
                Known::Failed {
                    what: "audit subsystem".to_owned(),
                    why: "this is not the running host".to_owned(),
                }
            },
            kept_rules: kept_rules(host),
            log,
            readers: memory.readers.by_name.clone(),
            since: memory.since,
            left_out: memory.readers.left_out,
            databases: database::read(host),
            key,
            paths,
        };
        facts.memory.access = memory;
        Known::Value(known)
    }

    fn slot(facts: &mut Facts) -> &mut Known<AccessFacts> {
        &mut facts.access
    }
}

struct Log(Assembler);

impl Sink for Log {
    fn feed(&mut self, piece: &[u8]) {
        self.0.feed(piece);
    }

    fn unread(&self) -> usize {
        self.0.unread()
    }

    fn next_file(&mut self, skip: bool) {
        self.0.next_file(skip);
    }
}

fn read_log(
    host: &Host,
    ask: &Ask,
    paths: &BTreeMap<PathBuf, bool>,
    memory: &mut AccessMemory,
) -> Known<Reading> {
    let path = log_path(host);
    let mut log = Log(Assembler::resume(std::mem::take(&mut memory.open)));
    let position = memory.position.as_ref().filter(|position| position.path == path);
    let since = ask.now.saturating_sub(reader::HABIT).unwrap_or(Timestamp::MIN);
    let followed = match follow(host, &path, position, since, 1, &mut log) {
        Ok(followed) => followed,
        Err(ReadError::NotFound(path)) => return Known::Absent(path.display().to_string()),
        Err(ReadError::Denied(path)) => return Known::denied(path.display().to_string(), NEEDS),
        Err(error) => return error.into_known(),
    };
    let mut log = log.0;
    let given_up = ask.now.saturating_sub(EVENT_PATIENCE).ok();
    let passed = log
        .newest
        .and_then(|newest| newest.saturating_sub(EVENT_SPAN).ok());
    log.settle(passed.max(given_up).unwrap_or(Timestamp::MIN));
    let accesses = std::mem::take(&mut log.accesses);
    let (lines, unparsed) = (log.lines, log.unparsed);
    memory.open = log.still_open();
    memory.position = Some(followed.position);
    let first = accesses.first().map(|access| access.at);
    memory.since = memory.since.or(Some(first.unwrap_or(ask.now).min(ask.now)));
    let names = accounts::accounts(host).unwrap_or_default();
    for access in &accesses {
        let declared = |path: &&PathBuf| paths.keys().any(|declared| path.starts_with(declared));
        let Some(path) = access.paths.iter().find(declared) else {
            continue;
        };
        let known = names.iter().find(|account| account.uid == access.user.id);
        let name = access
            .user
            .name
            .clone()
            .or(known.map(|account| account.name.clone()));
        let name = name.unwrap_or_else(|| format!("#{}", access.user.id));
        memory
            .readers
            .take(&name, access.at, path, access.program.as_deref());
    }
    memory.readers.forget(ask.now);
    Known::Value(Reading {
        lines,
        unparsed,
        from: first,
        written_at: accounts::written_at(host, &path),
        lost: followed.lost,
    })
}

/// Where auditd writes: `log_file` of auditd.conf(5).
fn log_path(host: &Host) -> String {
    let settings = host.read_text(SETTINGS, LARGEST).unwrap_or_default();
    let value = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim();
        (name.trim() == "log_file" && value.starts_with('/')).then(|| value.to_owned())
    };
    settings.lines().find_map(value).unwrap_or_else(|| LOG.to_owned())
}

/// Rules that are there after the next start: those of the parts, where there are any, since augenrules makes the whole of
/// them.
fn kept_rules(host: &Host) -> Known<Vec<PathRule>> {
    let names = match host.list(RULES_DIRECTORY) {
        Ok(names) => names,
        Err(ReadError::NotFound(_)) => Vec::new(),
        Err(ReadError::Denied(path)) => return Known::denied(path.display().to_string(), NEEDS),
        Err(error) => return error.into_known(),
    };
    let parts = names
        .iter()
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "rules"));
    let mut files: Vec<String> = parts.map(|name| format!("{RULES_DIRECTORY}/{name}")).collect();
    if files.is_empty() {
        files.push(RULES.to_owned());
    }
    let mut rules = Vec::new();
    for file in files {
        match host.read_text(&file, LARGEST) {
            Ok(text) => rules.extend(text.lines().filter_map(rule::of_line)),
            Err(ReadError::NotFound(_)) => {}
            Err(ReadError::Denied(path)) => return Known::denied(path.display().to_string(), NEEDS),
            Err(error) => return error.into_known(),
        }
    }
    Known::Value(rules)
}

#[cfg(test)]
mod tests;
