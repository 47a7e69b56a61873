//! Messages of OpenSSH's server (auth.c, auth-pam.c, packet.c, sshd.c of versions 3 to 10).
//!
//! A user name is chosen by the peer and may hold anything, ` from 192.0.2.250 port 22 ssh2` too; so does the key id
//! of a certificate, the reason of a disconnect and an offer of algorithms. Each message is therefore read from the end
//! that the peer does not write, and an address that can't be told from a planted one is left out: better no source
//! than an innocent one.

use super::event::{Method, Service, Source, peer};
use super::line::{number, rsplit, split_once, word};
use super::said::{Kind, Said};

/// Reads a message of sshd.
pub(super) fn read(message: &[u8]) -> Option<Said<'_>> {
    let (message, preauth) = match message.trim_ascii_end().strip_suffix(b"[preauth]") {
        Some(rest) => (rest.trim_ascii_end(), true),
        None => (message.trim_ascii_end(), false),
    };
    let message = ["error: ", "fatal: ", "info: "]
        .iter()
        .find_map(|level| message.strip_prefix(level.as_bytes()))
        .unwrap_or(message);
    let (first, rest) = word(message);
    match first {
        b"Accepted" => authentication(rest, true),
        b"Failed" => authentication(rest, false),
        b"Invalid" | b"Illegal" => {
            let rest = rest.strip_prefix(b"user ")?;
            let (user, source, port) = user_from(rest)?;
            Some(said(Kind::Refused).unknown_user(user).from(source).port(port))
        }
        b"User" => not_allowed(rest),
        b"ROOT" => {
            let (_, tail) = split_once(rest, b"LOGIN REFUSED FROM ")?;
            let (source, port) = address_and_port(tail)?;
            Some(said(Kind::Refused).user(b"root").from(source).port(port))
        }
        b"PAM:" => {
            let (_, rest) = split_once(rest, b" for ")?;
            let (user, unknown) = without_invalid(rest);
            let (user, source, port) = user_from(user)?;
            let mut said = said(Kind::PamOther).user(user).from(source).port(port);
            said.unknown_user = unknown;
            Some(said)
        }
        b"maximum" => {
            let rest = rest.strip_prefix(b"authentication attempts exceeded for ")?;
            let (user, unknown) = without_invalid(rest);
            let (user, source, port) = user_from(without_protocol(user))?;
            let mut said = said(Kind::TooMany).user(user).from(source).port(port);
            said.unknown_user = unknown;
            Some(said)
        }
        b"Connection" | b"Disconnected" | b"Disconnecting" | b"Disconnecting:" => ended(message, preauth),
        _ => probe(first, rest, message),
    }
}

const fn said<'a>(kind: Kind) -> Said<'a> {
    Said::new(kind, Service::Sshd, Method::Unknown)
}

const fn probed<'a>() -> Said<'a> {
    Said::new(Kind::Probe, Service::Sshd, Method::Probe)
}

impl<'a> Said<'a> {
    const fn port(mut self, port: Option<u32>) -> Self {
        self.port = port;
        self
    }
}

/// `METHOD for [invalid user ]USER from ADDRESS port N ssh2[: what was offered]` (auth.c, auth_log).
fn authentication(rest: &[u8], accepted: bool) -> Option<Said<'_>> {
    let (method, rest) = split_once(rest, b" for ")?;
    let method = match method {
        b"password" => Method::Password,
        b"publickey" | b"rsa" | b"dsa" => Method::Publickey,
        b"none" => Method::None,
        b"hostbased" => Method::Hostbased,
        _ if method.starts_with(b"keyboard-interactive") => Method::KeyboardInteractive,
        _ if method.starts_with(b"gssapi") => Method::Gssapi,
        // The method is of the server's list, one word: more is no such message.
        _ if method.contains(&b' ') => return None,
        _ => Method::Unknown,
    };
    let (rest, unknown) = without_invalid(rest);
    let (user, source, port) = if method.is_key() {
        user_from_offering(rest)?
    } else {
        user_from(without_protocol(rest))?
    };
    let kind = match method {
        _ if accepted => Kind::Accepted,
        Method::None => Kind::Offer,
        _ if method.is_key() && unknown => Kind::Offer,
        _ if method.is_key() => Kind::Key,
        _ => Kind::Failed,
    };
    let mut said = Said::new(kind, Service::Sshd, method)
        .user(user)
        .from(source)
        .port(port);
    said.unknown_user = unknown;
    Some(said)
}

/// `USER from ADDRESS port N ssh2: KEYTYPE SHA256:…`, or with a certificate `KEYTYPE ID key id (serial N) CA …`.
fn user_from_offering(rest: &[u8]) -> Option<UserFrom<'_>> {
    let mut found: Option<UserFrom<'_>> = None;
    for at in memchr::memmem::find_iter(rest, b" ssh2") {
        let (head, tail) = rest.split_at_checked(at)?;
        let behind = tail.get(b" ssh2".len()..)?;
        if !(behind.is_empty() || behind.starts_with(b": ")) {
            continue;
        }
        let Some(candidate) = user_from(head) else {
            continue;
        };
        // A plain offering is the end of the sentence; a copy of one inside a user name or a key id is not.
        if behind.is_empty() || is_plain_offering(behind) {
            return Some(candidate);
        }
        match &mut found {
            None => found = Some(candidate),
            Some((_, source, port)) if *source != candidate.1 => {
                // Planted either in the user name or in the key id: it can't be told which.
                (*source, *port) = (None, None);
            }
            Some(_) => {}
        }
    }
    found
}

/// `: KEYTYPE FINGERPRINT` and nothing more.
fn is_plain_offering(text: &[u8]) -> bool {
    text.strip_prefix(b": ")
        .is_some_and(|words| words.split(|b| *b == b' ').count() == 2)
}

/// `USER from ADDRESS not allowed because …`, or without the address.
fn not_allowed(rest: &[u8]) -> Option<Said<'_>> {
    // The reason holds no such words, the user name may.
    let (head, _reason) = rsplit(rest, b" not allowed because ")?;
    match user_from(head) {
        Some((user, source, port)) => Some(said(Kind::Refused).user(user).from(source).port(port)),
        None => Some(said(Kind::Refused).user(head)),
    }
}

/// Connections that ended: with a user named, an attempt was under way; before authentication, none was made.
fn ended(message: &[u8], preauth: bool) -> Option<Said<'_>> {
    const WITH_USER: [&str; 4] = [
        "Connection closed by ",
        "Connection reset by ",
        "Disconnected from ",
        "Disconnecting ",
    ];
    for start in WITH_USER {
        let Some(rest) = message.strip_prefix(start.as_bytes()) else {
            continue;
        };
        // `Disconnecting authenticating user root 192.0.2.1 port 5: Too many authentication failures`; the reason is
        // ours, so the user name ends before the last ` port N: `.
        let rest = if start == "Disconnecting " {
            rsplit(rest, b": ").map_or(rest, |(head, _)| head)
        } else {
            rest
        };
        let unknown = rest.strip_prefix(b"invalid user ");
        if let Some(named) = unknown.or_else(|| rest.strip_prefix(b"authenticating user ")) {
            let (user, source, port) = user_address(named)?;
            let mut said = said(Kind::Ended).user(user).from(source).port(port);
            said.unknown_user = unknown.is_some();
            return Some(said);
        }
        let (source, port) = address_and_port(rest)?;
        return preauth.then(|| probed().from(source).port(port));
    }
    let rest = message.strip_prefix(b"Disconnecting: Too many authentication failures")?;
    let said = said(Kind::TooMany);
    match rest.strip_prefix(b" for ") {
        Some(user) => {
            let (user, unknown) = without_invalid(user);
            let mut said = said.user(user);
            said.unknown_user = unknown;
            Some(said)
        }
        None => Some(said),
    }
}

/// Peers that never came to authenticate.
fn probe<'a>(first: &[u8], rest: &'a [u8], message: &'a [u8]) -> Option<Said<'a>> {
    let at_end = |text| tail(text).map(|(_, source, port)| (source, port));
    let (source, port) = match first {
        // What was sent instead of a version stands before the address.
        b"Bad" => at_end(rest.strip_prefix(b"protocol version identification ")?)?,
        b"Magic" => at_end(rest.strip_prefix(b"value check failed ")?)?,
        b"Did" => address_and_port(rest.strip_prefix(b"not receive identification string from ")?)?,
        b"Timeout" => address_and_port(rest.strip_prefix(b"before authentication for ")?)?,
        // What was offered stands behind the address.
        b"Unable" => {
            let rest = rest.strip_prefix(b"to negotiate with ")?;
            let (head, _) = split_once(rest, b": no match")?;
            address_and_port(head)?
        }
        b"banner" => connection_from(rest.strip_prefix(b"exchange: ")?)?,
        b"ssh_dispatch_run_fatal:" => connection_from(rest)?,
        b"refused" | b"warning:" => {
            // TCP wrappers: `refused connect from NAME (ADDRESS)`.
            let (_, peers) = split_once(message, b"refused connect from ")?;
            let (_, address) = rsplit(peers.strip_suffix(b")")?, b"(")?;
            (peer(address), None)
        }
        _ => return None,
    };
    Some(probed().from(source).port(port))
}

/// `Connection from ADDRESS port N: …`.
fn connection_from(text: &[u8]) -> Option<(Option<Source>, Option<u32>)> {
    let rest = text.strip_prefix(b"Connection from ")?;
    let rest = rest.strip_prefix(b"user ").unwrap_or(rest);
    let (head, _) = split_once(rest, b": ")?;
    address_and_port(head)
}

/// A user, where from, and the port.
type UserFrom<'a> = (&'a [u8], Option<Source>, Option<u32>);

/// `USER from ADDRESS[ port N]`, read from the end.
fn user_from(text: &[u8]) -> Option<UserFrom<'_>> {
    let (head, source, port) = tail(text)?;
    let user = match head.strip_suffix(b" from") {
        Some(user) => user,
        // An empty user name.
        None => head.strip_suffix(b"from").filter(|user| user.is_empty())?,
    };
    Some((user, source, port))
}

/// `USER ADDRESS port N`, read from the end.
fn user_address(text: &[u8]) -> Option<UserFrom<'_>> {
    tail(text)
}

/// `ADDRESS[ port N]`, alone.
fn address_and_port(text: &[u8]) -> Option<(Option<Source>, Option<u32>)> {
    // Old versions go on with `: reason`.
    let text = match memchr::memmem::find(text, b": ") {
        Some(end) => text.get(..end)?,
        None => text,
    };
    let (head, source, port) = tail(text)?;
    head.is_empty().then_some((source, port))
}

/// Takes `ADDRESS[ port N]` off the end. `None`: what stands there is neither address nor host name.
fn tail(text: &[u8]) -> Option<UserFrom<'_>> {
    let text = text.trim_ascii_end();
    let (head, last) = last_word(text);
    let (text, port) = match number(last) {
        Some(port) => match last_word(head) {
            (head, b"port") => (head, Some(port)),
            _ => return None,
        },
        None => (text, None),
    };
    let (head, address) = last_word(text);
    let source = peer(address);
    if source.is_none() && address != b"UNKNOWN" {
        return None;
    }
    Some((head, source, port))
}

/// What stands before the last space, and the word behind it.
fn last_word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b' ', text) {
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            text.get(at + 1..).unwrap_or_default(),
        ),
        None => (b"", text),
    }
}

fn without_protocol(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_end();
    let bare = text
        .strip_suffix(b" ssh2")
        .or_else(|| text.strip_suffix(b" ssh1"));
    bare.or_else(|| text.strip_suffix(b" ssh")).unwrap_or(text)
}

/// `invalid user ` taken off, and whether it stood there.
fn without_invalid(text: &[u8]) -> (&[u8], bool) {
    let rest = text
        .strip_prefix(b"invalid user ")
        .or_else(|| text.strip_prefix(b"illegal user "));
    match rest {
        Some(rest) => (rest, true),
        None => (text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, method, user (`?` in front: unknown), source.
    fn told(message: &str) -> (Kind, Method, String, String) {
        let said = read(message.as_bytes()).unwrap_or_else(|| panic!("{message}"));
        let user = String::from_utf8_lossy(said.user.unwrap_or_default()).into_owned();
        let mark = if said.unknown_user { "?" } else { "" };
        let source = said.source.map(|source| source.to_string()).unwrap_or_default();
        (said.kind, said.method, format!("{mark}{user}"), source)
    }

    #[test]
    fn every_message_of_an_attempt_is_understood() {
        use Kind::*;
        use Method as M;
        for (message, kind, method, user, source) in [
            (
                "Failed password for root from 203.0.113.7 port 4022 ssh2",
                Failed,
                M::Password,
                "root",
                "203.0.113.7",
            ),
            (
                "Failed password for invalid user a b from 2001:db8::7 port 1 ssh2",
                Failed,
                M::Password,
                "?a b",
                "2001:db8::7",
            ),
            (
                "Failed password for invalid user  from 203.0.113.7 port 1 ssh2",
                Failed,
                M::Password,
                "?",
                "203.0.113.7",
            ),
            (
                "Failed password for illegal user x from ::ffff:203.0.113.7 port 1 ssh2",
                Failed,
                M::Password,
                "?x",
                "203.0.113.7",
            ),
            (
                "Failed password for root from 203.0.113.7",
                Failed,
                M::Password,
                "root",
                "203.0.113.7",
            ),
            (
                "Failed password for root from host.example.com port 22 ssh2",
                Failed,
                M::Password,
                "root",
                "host.example.com",
            ),
            (
                "Failed keyboard-interactive/pam for ann from 203.0.113.7 port 9 ssh2",
                Failed,
                M::KeyboardInteractive,
                "ann",
                "203.0.113.7",
            ),
            (
                "error: Failed keyboard-interactive for ann from 203.0.113.7 port 9 ssh2",
                Failed,
                M::KeyboardInteractive,
                "ann",
                "203.0.113.7",
            ),
            (
                "Failed none for invalid user x from 203.0.113.7 port 9 ssh2",
                Offer,
                M::None,
                "?x",
                "203.0.113.7",
            ),
            (
                "Failed publickey for ann from 203.0.113.7 port 9 ssh2: RSA SHA256:1M4RzhM",
                Key,
                M::Publickey,
                "ann",
                "203.0.113.7",
            ),
            (
                "Failed publickey for invalid user x from 203.0.113.7 port 9 ssh2: ED25519 SHA256:x",
                Offer,
                M::Publickey,
                "?x",
                "203.0.113.7",
            ),
            (
                "Accepted publickey for ann from 203.0.113.7 port 9 ssh2: ED25519 SHA256:x",
                Accepted,
                M::Publickey,
                "ann",
                "203.0.113.7",
            ),
            (
                "Accepted publickey for ann from 203.0.113.7 port 9 ssh2: RSA-CERT SHA256:x ID ann@work (serial 0) CA RSA SHA256:y",
                Accepted,
                M::Publickey,
                "ann",
                "203.0.113.7",
            ),
            (
                "Accepted password for root from 203.0.113.7 port 9 ssh2",
                Accepted,
                M::Password,
                "root",
                "203.0.113.7",
            ),
            (
                "Accepted gssapi-with-mic for ann from 203.0.113.7 port 9 ssh2",
                Accepted,
                M::Gssapi,
                "ann",
                "203.0.113.7",
            ),
            (
                "Invalid user pascal from 203.0.113.7 port 53502",
                Refused,
                M::Unknown,
                "?pascal",
                "203.0.113.7",
            ),
            (
                "Invalid user pascal from 203.0.113.7",
                Refused,
                M::Unknown,
                "?pascal",
                "203.0.113.7",
            ),
            (
                "Invalid user  from 203.0.113.7 port 5",
                Refused,
                M::Unknown,
                "?",
                "203.0.113.7",
            ),
            (
                "User root from 203.0.113.7 not allowed because not listed in AllowUsers",
                Refused,
                M::Unknown,
                "root",
                "203.0.113.7",
            ),
            (
                "User ann not allowed because account is locked",
                Refused,
                M::Unknown,
                "ann",
                "",
            ),
            (
                "ROOT LOGIN REFUSED FROM 203.0.113.7 port 5",
                Refused,
                M::Unknown,
                "root",
                "203.0.113.7",
            ),
            (
                "error: PAM: Authentication failure for root from 203.0.113.7",
                PamOther,
                M::Unknown,
                "root",
                "203.0.113.7",
            ),
            (
                "error: PAM: User not known to the underlying authentication module for illegal user x from host.example.com",
                PamOther,
                M::Unknown,
                "?x",
                "host.example.com",
            ),
            (
                "error: maximum authentication attempts exceeded for invalid user x from 203.0.113.7 port 5 ssh2 [preauth]",
                TooMany,
                M::Unknown,
                "?x",
                "203.0.113.7",
            ),
            (
                "Disconnecting: Too many authentication failures for root [preauth]",
                TooMany,
                M::Unknown,
                "root",
                "",
            ),
            (
                "Disconnecting authenticating user root 203.0.113.7 port 5: Too many authentication failures [preauth]",
                Ended,
                M::Unknown,
                "root",
                "203.0.113.7",
            ),
            (
                "Connection closed by authenticating user root 203.0.113.7 port 5 [preauth]",
                Ended,
                M::Unknown,
                "root",
                "203.0.113.7",
            ),
            (
                "Connection reset by invalid user a b 203.0.113.7 port 5 [preauth]",
                Ended,
                M::Unknown,
                "?a b",
                "203.0.113.7",
            ),
            (
                "Disconnected from invalid user ftp 203.0.113.7 port 5 [preauth]",
                Ended,
                M::Unknown,
                "?ftp",
                "203.0.113.7",
            ),
            (
                "Connection closed by 203.0.113.7 port 5 [preauth]",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
            (
                "Did not receive identification string from 203.0.113.7 port 5",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
            (
                "Bad protocol version identification 'x from 192.0.2.250 port 9' from 203.0.113.7 port 5",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
            (
                "banner exchange: Connection from 203.0.113.7 port 5: invalid format",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
            (
                "ssh_dispatch_run_fatal: Connection from 203.0.113.7 port 5: message authentication code incorrect [preauth]",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
            (
                "fatal: Timeout before authentication for 203.0.113.7 port 5",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
            (
                "Unable to negotiate with 203.0.113.7 port 5: no matching MAC found. Their offer: x from 192.0.2.250 port 9 [preauth]",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
            (
                "refused connect from _x_@::ffff:203.0.113.7 (::ffff:203.0.113.7)",
                Probe,
                M::Probe,
                "",
                "203.0.113.7",
            ),
        ] {
            let expected = (kind, method, user.to_owned(), source.to_owned());
            assert_eq!(told(message), expected, "{message}");
        }
    }

    #[test]
    fn a_planted_address_is_never_taken() {
        for (message, source) in [
            (
                "Invalid user root from 192.0.2.250 port 22 ssh2 from 203.0.113.10 port 5",
                "203.0.113.10",
            ),
            (
                "Failed password for invalid user root from 192.0.2.250 port 22 ssh2 from 203.0.113.10 port 5 ssh2",
                "203.0.113.10",
            ),
            (
                "Failed password for invalid user x from 192.0.2.250 port 22 ssh2: RSA SHA256:y from 203.0.113.10 port 5 ssh2",
                "203.0.113.10",
            ),
            (
                "Failed publickey for invalid user x from 192.0.2.250 port 22 ssh2: RSA SHA256:y from 203.0.113.10 port 5 ssh2: RSA SHA256:z",
                "203.0.113.10",
            ),
            (
                "Connection closed by invalid user x 192.0.2.250 port 22 203.0.113.10 port 5 [preauth]",
                "203.0.113.10",
            ),
            (
                "User x from 192.0.2.250 not allowed because y from 203.0.113.10 not allowed because not listed in AllowUsers",
                "203.0.113.10",
            ),
            (
                "error: PAM: Authentication failure for illegal user x from 192.0.2.250 from 203.0.113.10",
                "203.0.113.10",
            ),
            // In the key id of a certificate, or in a user name made to look like one: it can't be told.
            (
                "Failed publickey for root from 203.0.113.10 port 5 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.250 port 22 ssh2: RSA-CERT SHA256:k ID y (serial 0) CA RSA SHA256:z",
                "",
            ),
        ] {
            assert_eq!(told(message).3, source, "{message}");
        }
        let planted = "Failed publickey for root from 203.0.113.10 port 5 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.250 port 22 ssh2 (serial 0) CA RSA SHA256:z";
        assert_eq!(told(planted).3, "203.0.113.10");
        let planted = "Accepted publickey for root from 203.0.113.10 port 5 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.250 port 22 ssh2: RSA SHA256:q (serial 0) CA RSA SHA256:z";
        assert_eq!(told(planted).3, "");
    }

    #[test]
    fn what_is_no_attempt_is_passed_over() {
        for message in [
            "",
            "Server listening on 0.0.0.0 port 22.",
            "Close session: user ansible from 203.0.113.7 port 34928 id 0",
            "Starting session: shell on pts/0 for ann from 203.0.113.7 port 5 id 0",
            "Connection from 203.0.113.7 port 5 on 192.0.2.1 port 22 rdomain \"\"",
            "Connection closed by 203.0.113.7 port 5",
            "Disconnected from user ann 203.0.113.7 port 5",
            "Disconnected from totobad user ftp 203.0.113.7 port 5 [preauth]",
            "Received disconnect from 203.0.113.7 port 5:11: Bye from 192.0.2.250 port 22 [preauth]",
            "Postponed keyboard-interactive for ann from 203.0.113.7 port 5 ssh2 [preauth]",
            "Partial publickey for ann from 203.0.113.7 port 5 ssh2: RSA SHA256:x",
            "reverse mapping checking getaddrinfo for x.example [203.0.113.7] failed - POSSIBLE BREAK-IN ATTEMPT!",
            "Failed password for root from 203.0.113.700 port 5 ssh2",
            "Failed password for root from 203.0.113.7 port x ssh2",
        ] {
            assert_eq!(read(message.as_bytes()), None, "{message}");
        }
    }
}
