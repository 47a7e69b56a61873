//! Messages of Dovecot's login processes, Postfix' SMTP server and vsftpd.

use super::event::{Method, Service, peer};
use super::line::{between, number, rsplit, split_once};
use super::said::{Kind, MOST_REPEATS, Said};

/// `imap-login: Disconnected (auth failed, 2 attempts in 4 secs): user=<ann>, method=PLAIN, rip=203.0.113.7, lip=…` and
/// `imap-login: Login: user=<ann>, method=PLAIN, rip=203.0.113.7, …`.
pub(super) fn read_dovecot(message: &[u8]) -> Option<Said<'_>> {
    let (daemon, rest) = split_once(message, b": ")?;
    if !daemon.ends_with(b"-login") {
        return None;
    }
    // The user name is the peer's; what Dovecot itself writes stands before `user=<` and behind the last `rip=`.
    let (head, fields) = split_once(rest, b"user=<")?;
    let (named, tail) = rsplit(fields, b", rip=")?;
    let source = peer(tail.split(|b| *b == b',').next()?);
    let (user, _) = rsplit(named, b">").unwrap_or((named, b""));
    if head.starts_with(b"Login: ") {
        let said = Said::new(Kind::Accepted, Service::Dovecot, Method::Password);
        return Some(said.user(user).from(source));
    }
    let attempts = between(head, b"(auth failed, ", b" attempts")?;
    let mut said = Said::new(Kind::Failed, Service::Dovecot, Method::Password)
        .unknown_user(user)
        .from(source);
    said.count = number(attempts)?.min(MOST_REPEATS);
    Some(said)
}

/// `warning: unknown[203.0.113.7]: SASL LOGIN authentication failed: …`. The name before the bracket is the resolver's,
/// which lets no bracket through; what follows may be the peer's.
pub(super) fn read_postfix(message: &[u8]) -> Option<Said<'_>> {
    let rest = message.strip_prefix(b"warning: ")?;
    let (host, rest) = split_once(rest, b"]: SASL ")?;
    let (_, address) = split_once(host, b"[")?;
    memchr::memmem::find(rest, b" authentication failed").filter(|at| *at <= 32)?;
    let said = Said::new(Kind::Failed, Service::Postfix, Method::Password).from(peer(address));
    Some(match rsplit(rest, b", sasl_username=") {
        Some((_, user)) => said.unknown_user(user.trim_ascii()),
        None => said,
    })
}

/// `[ann] FAIL LOGIN: Client "203.0.113.7"`, `[ann] OK LOGIN: Client "203.0.113.7"`.
pub(super) fn read_vsftpd(message: &[u8]) -> Option<Said<'_>> {
    let (head, client) = rsplit(message, b" LOGIN: Client \"")?;
    let source = peer(client.split(|b| *b == b'"').next()?);
    let (user, outcome) = rsplit(head, b"] ")?;
    let (_, user) = rsplit(user, b"[")?;
    match outcome {
        b"FAIL" => Some(
            Said::new(Kind::Failed, Service::Vsftpd, Method::Password)
                .unknown_user(user)
                .from(source),
        ),
        b"OK" => Some(
            Said::new(Kind::Accepted, Service::Vsftpd, Method::Password)
                .user(user)
                .from(source),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::said::tests::read;
    use super::*;

    #[test]
    fn failures_and_successes_are_understood() {
        for (tag, message, kind, user, count) in [
            (
                "dovecot",
                "imap-login: Disconnected (auth failed, 2 attempts in 4 secs): user=<ann>, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1, TLS",
                Kind::Failed,
                Some("ann"),
                2,
            ),
            (
                "dovecot",
                "pop3-login: Aborted login (auth failed, 1 attempts): user=<x>, rip=192.0.2.250, y>, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1",
                Kind::Failed,
                Some("x>, rip=192.0.2.250, y"),
                1,
            ),
            (
                "dovecot",
                "imap-login: Login: user=<ann>, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1, mpid=1",
                Kind::Accepted,
                Some("ann"),
                1,
            ),
            (
                "postfix/smtpd",
                "warning: unknown[203.0.113.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
                Kind::Failed,
                None,
                1,
            ),
            (
                "postfix/submission/smtpd",
                "warning: a.example[203.0.113.7]: SASL PLAIN authentication failed: (reason unavailable), sasl_username=[192.0.2.250]: SASL",
                Kind::Failed,
                Some("[192.0.2.250]: SASL"),
                1,
            ),
            (
                "vsftpd",
                "[ann] FAIL LOGIN: Client \"203.0.113.7\"",
                Kind::Failed,
                Some("ann"),
                1,
            ),
            (
                "vsftpd",
                "[pid 2] [ann] OK LOGIN: Client \"::ffff:203.0.113.7\"",
                Kind::Accepted,
                Some("ann"),
                1,
            ),
        ] {
            let said = read(tag.as_bytes(), message.as_bytes()).unwrap_or_else(|| panic!("{message}"));
            assert_eq!(
                (said.kind, said.user, said.count),
                (kind, user.map(str::as_bytes), count),
                "{message}"
            );
            assert_eq!(said.source.unwrap().to_string(), "203.0.113.7", "{message}");
        }
    }
}
