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
        b"Access" => {
            let rest = rest.strip_prefix(b"denied for user ")?;
            let (user, _) = rsplit(rest, b" by PAM account configuration")?;
            Some(said(Kind::Refused).user(user))
        }
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
        // `drop connection #3 from [ADDRESS]:N on [ADDRESS]:22 past MaxStartups`, `… penalty: failed authentication`.
        b"drop" => {
            let rest = rest.strip_prefix(b"connection #")?;
            let (_, rest) = split_once(rest, b" from [")?;
            let (address, port) = split_once(rest, b"]:")?;
            (peer(address), number(word(port).0))
        }
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
    let text = split_once(text, b": ").map_or(text, |(address, _)| address);
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
mod tests;
