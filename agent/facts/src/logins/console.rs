//! Messages of login(1) (util-linux' login.c, shadow's login.c, busybox).

use super::event::{Method, Service, Source, peer, terminal};
use super::line::{between, rsplit, split_once};
use super::said::{Kind, Said};

/// `FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure`, `FAILED LOGIN 1 FROM 203.0.113.7 FOR root, …`,
/// `ROOT LOGIN ON tty1 FROM 203.0.113.7`, `LOGIN ON tty1 BY ann`, `invalid password for 'ann' on 'tty1'`.
pub(super) fn read(message: &[u8]) -> Option<Said<'_>> {
    let failed = Said::new(Kind::Failed, Service::Login, Method::Password);
    if let Some(rest) = message.strip_prefix(b"FAILED LOGIN") {
        // The user comes last but for a reason without such words.
        let (head, tail) = rsplit(rest, b" FOR ")?;
        let user = rsplit(tail, b", ").map_or(tail, |(user, _)| user);
        // What was typed at the prompt need not be a user: a password, often enough.
        return Some(failed.unknown_user(unquoted(user)).from(place(head)));
    }
    if let Some(rest) = message.strip_prefix(b"invalid password for ") {
        let (user, rest) = split_once(rest, b" on ")?;
        let tty = unquoted(rest.split(|b| *b == b' ').next()?);
        return Some(failed.unknown_user(unquoted(user)).from(terminal(tty)));
    }
    let accepted = Said::new(Kind::Accepted, Service::Login, Method::Password);
    if let Some(rest) = message.strip_prefix(b"ROOT LOGIN") {
        return Some(accepted.user(b"root").from(place(rest)));
    }
    let rest = message.strip_prefix(b"LOGIN ON ")?;
    let (tty, user) = split_once(rest, b" BY ")?;
    Some(match rsplit(user, b" FROM ") {
        Some((user, host)) => accepted.user(user).from(peer(host)),
        None => accepted.user(user).from(terminal(tty)),
    })
}

/// The host behind `FROM`, else the terminal behind `ON`.
fn place(text: &[u8]) -> Option<Source> {
    if let Some((_, host)) = rsplit(text, b" FROM ") {
        return peer(unquoted(host.trim_ascii()));
    }
    if let Some(host) = between(text, b" from '", b"'").filter(|host| !host.is_empty()) {
        return peer(host);
    }
    let (_, tty) = split_once(text, b" on ").or_else(|| split_once(text, b" ON "))?;
    terminal(unquoted(tty.trim_ascii().split(|b| *b == b' ').next()?))
}

fn unquoted(text: &[u8]) -> &[u8] {
    let inner = text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'"));
    inner
        .or_else(|| text.strip_prefix(b"`")?.strip_suffix(b"'"))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::super::said::tests::read;
    use super::*;

    #[test]
    fn failures_and_successes_are_understood() {
        for (message, kind, user, source) in [
            (
                "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure",
                Kind::Failed,
                "root",
                "tty1",
            ),
            (
                "FAILED LOGIN (2) on '/dev/pts/3' from '203.0.113.7' FOR 'UNKNOWN', User not known",
                Kind::Failed,
                "UNKNOWN",
                "203.0.113.7",
            ),
            (
                "FAILED LOGIN 1 FROM 203.0.113.7 FOR root, Authentication failure",
                Kind::Failed,
                "root",
                "203.0.113.7",
            ),
            (
                "invalid password for 'ann' on '/dev/tty2' ",
                Kind::Failed,
                "ann",
                "tty2",
            ),
            ("ROOT LOGIN  on '/dev/tty1'", Kind::Accepted, "root", "tty1"),
            (
                "ROOT LOGIN ON tty1 FROM 203.0.113.7",
                Kind::Accepted,
                "root",
                "203.0.113.7",
            ),
            ("LOGIN ON tty1 BY ann", Kind::Accepted, "ann", "tty1"),
        ] {
            let said = read(b"login", message.as_bytes()).unwrap_or_else(|| panic!("{message}"));
            let place = said.source.map(|source| source.to_string()).unwrap_or_default();
            assert_eq!(
                (said.kind, said.user, place.as_str()),
                (kind, Some(user.as_bytes()), source),
                "{message}"
            );
        }
    }
}
