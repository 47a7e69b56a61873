//! What lines tell of privileges: an account that was given some (shadow's useradd, usermod and gpasswd, and their
//! successors), one that was refused them (sudo, doas), and commands that open sudo's own rules for writing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::user_name;
use super::line::{between, rsplit, split_once, word};

/// Groups whose members have, or can take, the rights of root.
pub(super) const PRIVILEGED_GROUPS: [&str; 11] = [
    "root", "wheel", "sudo", "admin", "adm", "docker", "lxd", "libvirt", "disk", "shadow", "sudoers",
];

/// Most users that one line is taken to name.
const MOST_NAMED: usize = 64;

/// Something that was done to, or tried for, privileges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivilegeChange {
    /// When it was written or seen.
    pub at: Timestamp,
    /// What was done.
    pub kind: PrivilegeKind,
    /// Whose privileges they are; `None` where it concerns all, or the log does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group, or the path of the file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// Who did it, where the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Line of the file it was read from, from 1; 0 where there is none.
    #[serde(skip)]
    pub line: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivilegeKind {
    /// A key was added that may log in as the user.
    AuthorizedKey,
    /// The user became a member of a privileged group.
    Member,
    /// The user asked for privileges that the rules do not give.
    Refused,
    /// A rule of sudo was added, or its files were opened for writing.
    SudoRule,
    /// The user got the number 0, which is root's.
    Superuser,
}

/// A change as a line tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) kind: PrivilegeKind,
    pub(super) users: Vec<&'a [u8]>,
    pub(super) what: &'a [u8],
    pub(super) by: Option<&'a [u8]>,
}

impl Told<'_> {
    /// The changes, one for each user.
    pub(super) fn changes(&self, at: Timestamp, line: u64) -> Vec<PrivilegeChange> {
        let users = self.users.iter().take(MOST_NAMED);
        users
            .map(|user| PrivilegeChange {
                at,
                kind: self.kind,
                user: Some(user_name(user)),
                what: String::from_utf8_lossy(self.what.get(..256).unwrap_or(self.what)).into_owned(),
                by: self.by.map(user_name),
                line,
            })
            .collect()
    }
}

/// Whether a group is one of [`PRIVILEGED_GROUPS`]; `adm` reads logs alone, and is none that lines are told of.
fn is_privileged(group: &[u8]) -> bool {
    group != b"adm" && PRIVILEGED_GROUPS.iter().any(|known| known.as_bytes() == group)
}

/// Reads the message of a line under `tag`: `None` where it tells of no privileges.
pub(super) fn read<'a>(tag: &[u8], message: &'a [u8]) -> Option<Told<'a>> {
    match tag {
        b"useradd" | b"usermod" | b"adduser" | b"newusers" | b"groupmod" | b"groupmems" | b"groupadd" => {
            account(message)
        }
        b"gpasswd" => gpasswd(message),
        b"sudo" | b"sudo-i" => sudo(message),
        b"doas" => doas(message),
        _ => None,
    }
}

fn told<'a>(kind: PrivilegeKind, user: &'a [u8], what: &'a [u8]) -> Told<'a> {
    Told {
        kind,
        users: vec![user],
        what,
        by: None,
    }
}

/// `add 'eve' to group 'sudo'`, `new user: name=eve, UID=0, GID=0, home=…`, `change user 'eve' UID from '1001' to '0'`.
fn account(message: &[u8]) -> Option<Told<'_>> {
    if let Some(rest) = message.strip_prefix(b"add '") {
        // The shadow group's twin of the same change is passed over.
        let (user, rest) = split_once(rest, b"' to group '")?;
        let group = rest.strip_suffix(b"'").unwrap_or(rest);
        return is_privileged(group).then(|| told(PrivilegeKind::Member, user, group));
    }
    if let Some(rest) = message.strip_prefix(b"new user: ") {
        let user = between(rest, b"name=", b",")?;
        let superuser = between(rest, b"UID=", b",").is_some_and(|uid| uid == b"0");
        if superuser {
            return Some(told(PrivilegeKind::Superuser, user, b"uid 0"));
        }
        let group = between(rest, b"GID=", b",")?;
        return (group == b"0").then(|| told(PrivilegeKind::Member, user, b"root"));
    }
    let rest = message.strip_prefix(b"change user '")?;
    let (user, rest) = split_once(rest, b"' ")?;
    let superuser = rest.starts_with(b"UID from '") && rest.ends_with(b" to '0'");
    superuser.then(|| told(PrivilegeKind::Superuser, user, b"uid 0"))
}

/// `user eve added by root to group sudo`, `members of group sudo set by root to ann,eve`.
fn gpasswd(message: &[u8]) -> Option<Told<'_>> {
    if let Some(rest) = message.strip_prefix(b"user ") {
        let (user, rest) = split_once(rest, b" added by ")?;
        let (by, group) = split_once(rest, b" to group ")?;
        return is_privileged(group).then(|| Told {
            by: Some(by),
            ..told(PrivilegeKind::Member, user, group)
        });
    }
    let rest = message.strip_prefix(b"members of group ")?;
    let (group, rest) = split_once(rest, b" set by ")?;
    let (by, users) = split_once(rest, b" to ")?;
    let users: Vec<&[u8]> = users
        .split(|b| *b == b',')
        .filter(|user| !user.is_empty())
        .collect();
    (is_privileged(group) && !users.is_empty()).then_some(Told {
        kind: PrivilegeKind::Member,
        users,
        what: group,
        by: Some(by),
    })
}

/// `eve : user NOT in sudoers ; TTY=…`, `eve : command not allowed ; TTY=…`, and commands that write sudo's rules.
fn sudo(message: &[u8]) -> Option<Told<'_>> {
    let (user, rest) = split_once(message.trim_ascii_start(), b" : ")?;
    let (reason, fields) = split_once(rest, b" ; ")?;
    if matches!(
        reason,
        b"user NOT in sudoers"
            | b"user NOT authorized on host"
            | b"command not allowed"
            | b"a password is required"
    ) {
        let refused = reason != b"a password is required";
        return refused.then(|| told(PrivilegeKind::Refused, user, reason));
    }
    // Only a command that was run stands right behind the terminal or directory.
    if !(reason.starts_with(b"TTY=") || reason.starts_with(b"PWD=") || reason.starts_with(b"HOST=")) {
        return None;
    }
    let (_, command) = split_once(fields, b"COMMAND=")?;
    let (program, arguments) = word(command);
    let program = rsplit(program, b"/").map_or(program, |(_, name)| name);
    if program == b"visudo" {
        let checks_only = arguments
            .split(|b| *b == b' ')
            .any(|word| matches!(word, b"-c" | b"--check"));
        return (!checks_only).then(|| told(PrivilegeKind::SudoRule, user, b"/etc/sudoers"));
    }
    let writes = [
        &b"tee"[..],
        b"cp",
        b"mv",
        b"install",
        b"vi",
        b"vim",
        b"nano",
        b"sed",
        b"ed",
        b"dd",
        b"ln",
        b"sh",
        b"bash",
        b"sudoedit",
        b"emacs",
        b"echo",
        b"chmod",
        b"chown",
    ];
    let place = memchr::memmem::find(arguments, b"/etc/sudoers")?;
    let path = arguments.get(place..)?;
    let end = path
        .iter()
        .position(|b| matches!(b, b' ' | b'\'' | b'"' | b';' | b'|'))
        .unwrap_or(path.len());
    writes
        .contains(&program)
        .then(|| told(PrivilegeKind::SudoRule, user, path.get(..end).unwrap_or(path)))
}

/// `failed auth for eve`, `command not permitted for eve: …`: doas(1) of OpenBSD.
fn doas(message: &[u8]) -> Option<Told<'_>> {
    let rest = message.strip_prefix(b"command not permitted for ")?;
    let user = rsplit(rest, b":").map_or(rest, |_| rest.split(|b| *b == b':').next().unwrap_or(rest));
    Some(told(PrivilegeKind::Refused, user, b"command not permitted"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(tag: &str, message: &str) -> Option<String> {
        let told = read(tag.as_bytes(), message.as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let users: Vec<_> = told.users.iter().map(|user| text(user)).collect();
        Some(format!("{:?} {} {}", told.kind, users.join(","), text(told.what)))
    }

    #[test]
    fn changes_are_understood() {
        for (tag, message, expected) in [
            ("usermod", "add 'eve' to group 'sudo'", "Member eve sudo"),
            ("useradd", "add 'eve' to group 'wheel'", "Member eve wheel"),
            (
                "useradd",
                "new user: name=toor, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/0",
                "Superuser toor uid 0",
            ),
            (
                "usermod",
                "change user 'eve' UID from '1001' to '0'",
                "Superuser eve uid 0",
            ),
            (
                "gpasswd",
                "user eve added by root to group sudo",
                "Member eve sudo",
            ),
            (
                "gpasswd",
                "members of group docker set by root to ann,eve",
                "Member ann,eve docker",
            ),
            (
                "sudo",
                "     eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/home/eve ; USER=root ; COMMAND=/bin/sh",
                "Refused eve user NOT in sudoers",
            ),
            (
                "sudo",
                "ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/sbin/visudo -f /etc/sudoers.d/eve",
                "SudoRule ann /etc/sudoers",
            ),
            (
                "sudo",
                "ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/tee /etc/sudoers.d/eve",
                "SudoRule ann /etc/sudoers.d/eve",
            ),
            (
                "doas",
                "command not permitted for eve: sh",
                "Refused eve command not permitted",
            ),
        ] {
            assert_eq!(shown(tag, message).as_deref(), Some(expected), "{message}");
        }
    }

    #[test]
    fn what_gives_no_privilege_is_passed_over() {
        for (tag, message) in [
            ("usermod", "add 'eve' to group 'games'"),
            ("usermod", "add 'eve' to shadow group 'sudo'"),
            (
                "useradd",
                "new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/sh",
            ),
            ("usermod", "change user 'eve' UID from '0' to '1001'"),
            ("gpasswd", "user eve removed by root from group sudo"),
            (
                "sudo",
                "ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/cat /etc/sudoers",
            ),
            (
                "sudo",
                "ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/sbin/visudo -c",
            ),
            (
                "sudo",
                "ann : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
            ),
            ("sshd", "add 'eve' to group 'sudo'"),
        ] {
            assert_eq!(shown(tag, message), None, "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_message_is_read_without_panic(message: Vec<u8>, start in 0usize..8) {
            const STARTS: [&str; 8] = ["", "add '", "new user: name=", "change user '", "user ", "members of group ",
                "eve : TTY=pts/0 ; COMMAND=/bin/tee /etc/sudoers", "command not permitted for "];
            let mut text = STARTS[start].as_bytes().to_vec();
            text.extend(&message);
            for tag in ["useradd", "gpasswd", "sudo", "doas"] {
                if let Some(told) = read(tag.as_bytes(), &text) {
                    told.changes(Timestamp::UNIX_EPOCH, 1);
                }
            }
        }
    }
}
