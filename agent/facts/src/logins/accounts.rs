//! Who has privileges, and by which keys one may log in, compared from run to run: what is new was given since.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{FileExt, MetadataExt};

use jiff::{SignedDuration, Timestamp};
use plumbline_config::seal::sha256_hex;
use serde::{Deserialize, Serialize};

use super::Reading;
use super::privilege::{PRIVILEGED_GROUPS, PrivilegeChange, PrivilegeKind};
use crate::host::{Host, ReadError};
use crate::known::Known;

/// Files that say who has privileges.
pub(super) const PASSWD: &str = "/etc/passwd";
pub(super) const GROUP: &str = "/etc/group";
pub(super) const SUDOERS: &str = "/etc/sudoers";
pub(super) const SUDOERS_DIRECTORY: &str = "/etc/sudoers.d";
const LASTLOG: &str = "/var/log/lastlog";

/// The name that these files go by among the sources.
pub(super) const NAME: &str = "privileged accounts";

/// Largest of these files taken, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Most accounts whose keys are read.
const MOST_ACCOUNTS: usize = 4_096;

/// Most entries kept of one part.
const MOST_ENTRIES: usize = 8_192;

/// Size of a record of lastlog (`struct lastlog` of bits/utmp.h): time, line, host.
const LASTLOG_RECORD: u64 = 292;

/// A file written longer ago than this was not written since the last run; what is new in it is dated as seen now.
const RECENT: SignedDuration = SignedDuration::from_hours(48);

/// A line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    home: String,
}

/// The accounts of the host itself. A line that can't be read is passed over.
pub(crate) fn accounts(host: &Host) -> Result<Vec<Account>, ReadError> {
    let text = host.read(PASSWD, LARGEST)?;
    let text = String::from_utf8_lossy(&text);
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields
            .next()
            .filter(|name| !name.is_empty() && !name.starts_with(['+', '-']))?;
        let uid = fields.nth(1)?.parse().ok()?;
        let home = fields.nth(2)?.trim_end_matches('/');
        Some(Account {
            name: name.to_owned(),
            uid,
            home: home.to_owned(),
        })
    };
    Ok(text.lines().filter_map(account).collect())
}

/// When accounts last logged in, as lastlog has it.
pub(super) fn last_logins(host: &Host, accounts: &[Account]) -> Vec<(String, Timestamp)> {
    let Ok(file) = host.open_file(LASTLOG) else {
        return Vec::new();
    };
    let last = |account: &Account| {
        let mut second = [0; 4];
        file.read_exact_at(&mut second, u64::from(account.uid) * LASTLOG_RECORD)
            .ok()?;
        let second = u32::from_le_bytes(second);
        let at = Timestamp::from_second(i64::from(second)).ok()?;
        (second > 0).then(|| (account.name.clone(), at))
    };
    accounts.iter().filter_map(last).collect()
}

/// One privilege, or one way to log in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry {
    kind: PrivilegeKind,
    user: String,
    what: String,
    /// Tells like entries apart; of a rule or key, the start of its SHA-256.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    digest: String,
}

/// What stood in one file or directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    entries: BTreeSet<Entry>,
    written_at: Option<Timestamp>,
}

/// What stood in each of the files, by its name. A file that could not be read is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Privileges(BTreeMap<String, BTreeSet<Entry>>);

impl Privileges {
    /// Reads the files and gives what is new in those that were read before too.
    pub(super) fn update(&mut self, host: &Host, now: Timestamp) -> (Vec<PrivilegeChange>, Known<Reading>) {
        let mut refused = Vec::new();
        let mut changes = Vec::new();
        let accounts = match accounts(host) {
            Ok(accounts) => accounts,
            Err(ReadError::NotFound(path)) => return (changes, Known::Absent(path.display().to_string())),
            Err(error) => return (changes, error.into_known()),
        };
        let mut seen = 0;
        for (name, part) in parts(host, &accounts) {
            let part = match part {
                Ok(part) => part,
                Err(ReadError::Denied(path)) => {
                    refused.push(path.display().to_string());
                    continue;
                }
                Err(_) => continue,
            };
            seen += part.entries.len() as u64;
            if let Some(before) = self.0.get(&name) {
                let written = part
                    .written_at
                    .filter(|at| *at <= now && now.duration_since(*at) <= RECENT);
                let new = part.entries.difference(before);
                changes.extend(new.map(|entry| PrivilegeChange {
                    at: written.unwrap_or(now),
                    kind: entry.kind,
                    user: Some(entry.user.clone()),
                    what: entry.what.clone(),
                    by: None,
                    line: 0,
                }));
            }
            self.0.insert(name, part.entries);
        }
        let known = match refused.is_empty() {
            true => Known::Value(Reading {
                lines: seen,
                ..Reading::default()
            }),
            false => {
                refused.truncate(4);
                Known::denied(refused.join(", "), "CAP_DAC_READ_SEARCH")
            }
        };
        (changes, known)
    }
}

fn parts(host: &Host, accounts: &[Account]) -> Vec<(String, Result<Part, ReadError>)> {
    let mut parts = vec![
        (PASSWD.to_owned(), superusers(host, accounts)),
        (GROUP.to_owned(), members(host)),
        (SUDOERS.to_owned(), rules(host)),
    ];
    let mut homes = BTreeSet::new();
    for account in accounts.iter().take(MOST_ACCOUNTS) {
        if account.home.starts_with('/') && homes.insert(account.home.as_str()) {
            parts.push((format!("keys of {}", account.name), keys(host, account)));
        }
    }
    parts
}

fn superusers(host: &Host, accounts: &[Account]) -> Result<Part, ReadError> {
    let entries = accounts.iter().filter(|account| account.uid == 0);
    Ok(Part {
        entries: entries
            .map(|account| Entry {
                kind: PrivilegeKind::Superuser,
                user: account.name.clone(),
                what: "uid 0".to_owned(),
                digest: String::new(),
            })
            .take(MOST_ENTRIES)
            .collect(),
        written_at: written_at(host, PASSWD),
    })
}

fn members(host: &Host) -> Result<Part, ReadError> {
    let text = host.read(GROUP, LARGEST)?;
    let text = String::from_utf8_lossy(&text);
    let mut entries = BTreeSet::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(group), Some(users)) = (fields.next(), fields.nth(2)) else {
            continue;
        };
        // Members of adm read logs; that is no more than a privilege to look.
        if group == "adm" || !PRIVILEGED_GROUPS.contains(&group) {
            continue;
        }
        let users = users.split(',').map(str::trim).filter(|user| !user.is_empty());
        entries.extend(users.take(MOST_ENTRIES).map(|user| Entry {
            kind: PrivilegeKind::Member,
            user: user.to_owned(),
            what: group.to_owned(),
            digest: String::new(),
        }));
    }
    Ok(Part {
        entries,
        written_at: written_at(host, GROUP),
    })
}

/// The rules of sudoers(5): every line but comments and settings.
fn rules(host: &Host) -> Result<Part, ReadError> {
    let mut files = vec![SUDOERS.to_owned()];
    match host.list(SUDOERS_DIRECTORY) {
        // Names that sudo itself passes over.
        Ok(names) => files.extend(
            names
                .iter()
                .filter(|name| !name.contains('.') && !name.ends_with('~'))
                .map(|name| format!("{SUDOERS_DIRECTORY}/{name}")),
        ),
        Err(ReadError::Denied(path)) => return Err(ReadError::Denied(path)),
        Err(_) => {}
    }
    let mut part = Part::default();
    for path in files {
        let text = match host.read(&path, LARGEST) {
            Ok(text) => text,
            Err(ReadError::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&text).replace("\\\n", " ");
        for line in text.lines().map(str::trim).take(MOST_ENTRIES) {
            let comment = line.starts_with('#') && !line.starts_with("#include");
            let setting = line.starts_with("Defaults") && !line.contains("!authenticate");
            if line.is_empty() || comment || setting {
                continue;
            }
            part.entries.insert(Entry {
                kind: PrivilegeKind::SudoRule,
                user: line
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take(64)
                    .collect(),
                what: path.clone(),
                digest: digest(line.as_bytes()),
            });
        }
        part.written_at = part.written_at.max(written_at(host, &path));
    }
    Ok(part)
}

/// The keys that sshd(8) takes for an account by its usual setting.
fn keys(host: &Host, account: &Account) -> Result<Part, ReadError> {
    let mut part = Part::default();
    for name in ["authorized_keys", "authorized_keys2"] {
        let path = format!("{}/.ssh/{name}", account.home);
        let text = match host.read(&path, LARGEST) {
            Ok(text) => text,
            Err(ReadError::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
        for line in lines
            .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
            .take(MOST_ENTRIES)
        {
            part.entries.insert(Entry {
                kind: PrivilegeKind::AuthorizedKey,
                user: account.name.clone(),
                what: path.clone(),
                digest: digest(line),
            });
        }
        part.written_at = part.written_at.max(written_at(host, &path));
    }
    Ok(part)
}

fn digest(bytes: &[u8]) -> String {
    sha256_hex(bytes).get(..16).unwrap_or_default().to_owned()
}

pub(crate) fn written_at(host: &Host, path: &str) -> Option<Timestamp> {
    let metadata = host.metadata(path).ok()?;
    Timestamp::from_second(metadata.mtime()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn host() -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for directory in ["etc/sudoers.d", "home/ann/.ssh", "var/log"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        write(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n+nis::::::\n",
        );
        write("etc/group", "sudo:x:27:ann\ngames:x:60:ann\n");
        write(
            "etc/sudoers",
            "# a comment\nDefaults env_reset\nroot ALL=(ALL) ALL\n",
        );
        write("home/ann/.ssh/authorized_keys", "ssh-ed25519 AAAA ann\n");
        let host = Host::at(root.path()).unwrap();
        (root, host)
    }

    #[test]
    fn what_is_new_since_the_last_run_is_told_and_nothing_else() {
        let (root, host) = host();
        let now = Timestamp::now();
        let mut privileges = Privileges::default();
        let (changes, known) = privileges.update(&host, now);
        assert_eq!((changes.len(), known.value().unwrap().lines), (0, 4));
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        write("etc/group", "sudo:x:27:ann,eve\ngames:x:60:ann,eve\n");
        write(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n",
        );
        write("etc/sudoers.d/90-eve", "eve ALL=(ALL) NOPASSWD: \\\n ALL\n");
        write("etc/sudoers.d/ignored.bak", "mal ALL=(ALL) ALL\n");
        write(
            "home/ann/.ssh/authorized_keys",
            "# mine\nssh-ed25519 AAAA ann\nssh-ed25519 BBBB eve\n",
        );
        let (changes, _) = privileges.update(&host, now);
        let told: Vec<_> = changes
            .iter()
            .map(|change| (change.kind, change.user.as_deref().unwrap(), change.what.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (PrivilegeKind::Superuser, "toor", "uid 0"),
                (PrivilegeKind::Member, "eve", "sudo"),
                (PrivilegeKind::SudoRule, "eve", "/etc/sudoers.d/90-eve"),
                (
                    PrivilegeKind::AuthorizedKey,
                    "ann",
                    "/home/ann/.ssh/authorized_keys"
                ),
            ]
        );
        assert!(privileges.update(&host, now).0.is_empty());
    }

    #[test]
    fn lastlog_is_read_by_the_number_of_the_account() {
        let (root, host) = host();
        let mut records = vec![0; 292 * 1001];
        records[292_000..292_004].copy_from_slice(&1_700_000_000u32.to_le_bytes());
        fs::write(root.path().join("var/log/lastlog"), records).unwrap();
        let accounts = accounts(&host).unwrap();
        let expected = vec![("ann".to_owned(), Timestamp::from_second(1_700_000_000).unwrap())];
        assert_eq!(last_logins(&host, &accounts), expected);
    }
}
