//! Messages of sudo(8) (plugins/sudoers/logging.c) and su(1) (util-linux' su-common.c, shadow's su.c).

use super::event::{Method, Service, Source, terminal};
use super::line::{number, rsplit, split_once, word};
use super::said::{Kind, MOST_REPEATS, Said};

/// `ann : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls`. The user is the one whose
/// password was asked for.
pub(super) fn read_sudo(message: &[u8]) -> Option<Said<'_>> {
    let (user, rest) = split_once(message.trim_ascii_start(), b" : ")?;
    let (reason, fields) = split_once(rest, b" ; ")?;
    let (count, words) = word(reason);
    let attempts = words == b"incorrect password attempts" || words == b"incorrect password attempt";
    let count = number(count).filter(|_| attempts)?;
    let mut said = Said::new(Kind::Failed, Service::Sudo, Method::Password)
        .user(user)
        .from(field(fields, b"TTY=").and_then(terminal));
    said.count = count.min(MOST_REPEATS);
    Some(said)
}

/// The value of the first `NAME=value ; `.
fn field<'a>(fields: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = fields.strip_prefix(name)?;
    Some(word(rest).0)
}

/// The user is the one that was to be become, since it is that password that is asked for.
pub(super) fn read_su(message: &[u8]) -> Option<Said<'_>> {
    let failed = Said::new(Kind::Failed, Service::Su, Method::Password);
    let accepted = Said::new(Kind::Accepted, Service::Su, Method::Unknown);
    // util-linux: `FAILED SU (to root) ann on pts/0`, `(to root) ann on pts/0`.
    if let Some(rest) = message.strip_prefix(b"FAILED SU (to ") {
        let (user, by, source) = to(rest)?;
        return Some(failed.user(user).by(by).from(source));
    }
    if let Some(rest) = message.strip_prefix(b"(to ") {
        let (user, by, source) = to(rest)?;
        return Some(accepted.user(user).by(by).from(source));
    }
    // shadow: `FAILED su for root by ann`, `Successful su for root by ann`.
    if let Some(rest) = message.strip_prefix(b"FAILED su for ") {
        let (user, by) = rsplit(rest, b" by ")?;
        return Some(failed.user(user).by(by));
    }
    if let Some(rest) = message.strip_prefix(b"Successful su for ") {
        let (user, by) = rsplit(rest, b" by ")?;
        return Some(accepted.user(user).by(by));
    }
    // BSD and busybox: `BAD SU ann to root on /dev/pts/0`.
    if let Some(rest) = message.strip_prefix(b"BAD SU ") {
        let (by, rest) = split_once(rest, b" to ")?;
        let (user, tty) = rsplit(rest, b" on ")?;
        return Some(failed.user(user).by(by).from(terminal(tty)));
    }
    // FreeBSD, and busybox: `ann to root on /dev/pts/0`.
    let (by, rest) = split_once(message, b" to ")?;
    let (user, tty) = rsplit(rest, b" on ")?;
    let plain = |name: &[u8]| !name.is_empty() && !name.contains(&b' ');
    (plain(by) && plain(user)).then(|| accepted.user(user).by(by).from(terminal(tty)))
}

fn to(text: &[u8]) -> Option<(&[u8], &[u8], Option<Source>)> {
    let (user, rest) = split_once(text, b") ")?;
    let (by, tty) = rsplit(rest, b" on ")?;
    Some((user, by, terminal(tty)))
}

#[cfg(test)]
mod tests {
    use super::super::said::tests::read;
    use super::*;

    #[test]
    fn failures_and_successes_are_understood() {
        for (tag, message, kind, user, source, count) in [
            (
                "sudo",
                "ann : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
                Kind::Failed,
                "ann",
                "pts/0",
                3,
            ),
            (
                "sudo",
                "ann : 1 incorrect password attempt ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
                Kind::Failed,
                "ann",
                "pts/0",
                1,
            ),
            (
                "su",
                "FAILED SU (to root) ann on pts/1",
                Kind::Failed,
                "root",
                "pts/1",
                1,
            ),
            ("su", "FAILED su for root by ann", Kind::Failed, "root", "", 1),
            (
                "su",
                "BAD SU ann to root on /dev/pts/1",
                Kind::Failed,
                "root",
                "pts/1",
                1,
            ),
            ("su", "(to root) ann on pts/1", Kind::Accepted, "root", "pts/1", 1),
        ] {
            let said = read(tag.as_bytes(), message.as_bytes()).unwrap_or_else(|| panic!("{message}"));
            let place = said.source.map(|source| source.to_string()).unwrap_or_default();
            assert_eq!(
                (said.kind, said.user, place.as_str(), said.count),
                (kind, Some(user.as_bytes()), source, count),
                "{message}"
            );
        }
        for (tag, message) in [
            (
                "sudo",
                "ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/echo 3 incorrect password attempts ; x",
            ),
            (
                "sudo",
                "ann : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
            ),
            ("su", "+ /dev/pts/0 ann:root"),
        ] {
            assert_eq!(read(tag.as_bytes(), message.as_bytes()), None, "{message}");
        }
    }
}
