//! One attempt to log in, as any log told it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use plumbline_config::seal::sha256_hex;
use serde::{Deserialize, Serialize};

/// Longest user name kept, in bytes: sshd itself logs at most 100, Linux allows 32.
pub(super) const LONGEST_USER: usize = 128;

/// One or more like attempts to log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginEvent {
    /// When the first message on it was written.
    pub at: Timestamp,
    /// What was logged in to.
    pub service: Service,
    /// The account that was tried, with bytes that are no UTF-8 replaced; `None` where the log names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The log does not vouch that the account exists. What was typed there may be a password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown_user: bool,
    /// Who asked to become `user`, where that is another: the one who runs su(1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where from; `None` where the log does not say, or says it ambiguously.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was offered as proof.
    pub method: Method,
    /// How many attempts this stands for.
    pub count: u32,
    /// Line, or record, of the file it was read from, from 1; 0 where there is none.
    #[serde(skip)]
    pub line: u64,
}

impl LoginEvent {
    /// Replaces the name of an account that may not exist by a short digest: names can still be told apart, and a
    /// password that someone typed as a user name is not kept. 32 bits are too few to find the name by.
    pub fn withhold_unknown_user(&mut self) {
        if self.unknown_user
            && let Some(user) = &mut self.user
            && !is_withheld(user)
        {
            *user = withheld(user);
        }
    }
}

/// What stands for a name that is not kept.
pub(super) fn withheld(user: &str) -> String {
    let digest = sha256_hex(user.as_bytes());
    format!("#{}", digest.get(..8).unwrap_or_default())
}

/// Whether a name is one that [`withheld`] made.
pub(super) fn is_withheld(user: &str) -> bool {
    let digest = user.strip_prefix('#').unwrap_or_default();
    digest.len() == 8 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A user name from a log as text, no longer than [`LONGEST_USER`].
pub(super) fn user_name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..LONGEST_USER).unwrap_or(bytes)).into_owned()
}

/// What a login was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Cockpit, the web console.
    Cockpit,
    /// Dovecot: IMAP and POP3.
    Dovecot,
    /// Dropbear, an SSH server.
    Dropbear,
    /// A graphical greeter: GDM, SDDM or LightDM.
    Greeter,
    /// login(1), on a terminal.
    Login,
    /// Anything else that asks PAM.
    Pam,
    /// Postfix: SMTP AUTH.
    Postfix,
    /// OpenSSH.
    Sshd,
    /// su(1).
    Su,
    /// sudo(8).
    Sudo,
    /// A record of wtmp or btmp that names no service.
    Utmp,
    /// vsftpd: FTP.
    Vsftpd,
    /// A web panel, or any other program with accounts of its own.
    Web,
    /// xrdp: remote desktop.
    Xrdp,
}

impl Service {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cockpit => "cockpit",
            Self::Dovecot => "dovecot",
            Self::Dropbear => "dropbear",
            Self::Greeter => "greeter",
            Self::Login => "login",
            Self::Pam => "pam",
            Self::Postfix => "postfix",
            Self::Sshd => "sshd",
            Self::Su => "su",
            Self::Sudo => "sudo",
            Self::Utmp => "utmp",
            Self::Vsftpd => "vsftpd",
            Self::Web => "web",
            Self::Xrdp => "xrdp",
        }
    }

    /// Whether it changes the user of someone who has logged in already.
    #[must_use]
    pub const fn is_escalation(self) -> bool {
        matches!(self, Self::Su | Self::Sudo)
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Let in.
    Accepted,
    /// Not let in.
    Failed,
}

impl Outcome {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failed => "failed",
        }
    }
}

/// What was offered as proof of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Kerberos through GSSAPI.
    Gssapi,
    /// The client host's key.
    Hostbased,
    /// Questions and answers, mostly a password.
    KeyboardInteractive,
    /// Nothing.
    None,
    /// A password.
    Password,
    /// The peer left, or was turned away, before it named a user or offered anything.
    Probe,
    /// A key or certificate.
    Publickey,
    /// The log does not say.
    Unknown,
}

impl Method {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gssapi => "gssapi",
            Self::Hostbased => "hostbased",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::None => "none",
            Self::Password => "password",
            Self::Probe => "probe",
            Self::Publickey => "publickey",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is a secret that can be guessed.
    #[must_use]
    pub const fn is_guessable(self) -> bool {
        matches!(self, Self::Password | Self::KeyboardInteractive)
    }

    /// Whether it is a key or ticket, which nobody guesses.
    #[must_use]
    pub const fn is_key(self) -> bool {
        matches!(self, Self::Publickey | Self::Hostbased | Self::Gssapi)
    }
}

/// Where an attempt came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An address; one mapped into IPv6 stands as IPv4.
    Address(IpAddr),
    /// A host name, where the service logs names (`UseDNS yes`, PAM's rhost).
    Host(String),
    /// A terminal of the host itself, such as `tty1`.
    Terminal(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Host(name) | Self::Terminal(name) => f.write_str(name),
        }
    }
}

/// Reads an address or host name strictly: nothing before, nothing after. `UNKNOWN`, which sshd writes where the peer
/// is gone already, is none.
pub(super) fn peer(bytes: &[u8]) -> Option<Source> {
    /// Longest host name, RFC 1035 section 2.3.4.
    const LONGEST: usize = 253;
    if let Some(address) = dotted_quad(bytes) {
        return Some(Source::Address(IpAddr::V4(address)));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if text.is_empty() || text.len() > LONGEST || text == "UNKNOWN" {
        return None;
    }
    // fe80::1%eth0: the zone is ours, not the peer's.
    let without_zone = text.split_once('%').map_or(text, |(address, _)| address);
    if let Ok(address) = without_zone.parse::<IpAddr>() {
        return Some(Source::Address(address.to_canonical()));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    // A last label of digits alone is a broken address, not a name (RFC 3696 section 2).
    let named =
        name.split('.').all(label) && name.rsplit('.').next()?.bytes().any(|b| b.is_ascii_alphabetic());
    named.then(|| Source::Host(name.to_ascii_lowercase()))
}

/// `203.0.113.7`, which nearly all peers are: four numbers up to 255 without leading zeros.
fn dotted_quad(bytes: &[u8]) -> Option<Ipv4Addr> {
    if bytes.len() > 15 {
        return None;
    }
    let mut octets = [0u8; 4];
    let mut rest = bytes;
    for (place, octet) in octets.iter_mut().enumerate() {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, behind) = rest.split_at_checked(length)?;
        if digits.is_empty() || (digits.len() > 1 && digits.starts_with(b"0")) {
            return None;
        }
        *octet = digits.iter().try_fold(0u8, |number, digit| {
            number.checked_mul(10)?.checked_add(digit - b'0')
        })?;
        rest = match place {
            3 => behind,
            _ => behind.strip_prefix(b".")?,
        };
    }
    rest.is_empty().then(|| Ipv4Addr::from(octets))
}

/// A terminal by the name a log gives it, `/dev/` taken off.
pub(super) fn terminal(bytes: &[u8]) -> Option<Source> {
    let name = bytes.strip_prefix(b"/dev/").unwrap_or(bytes);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b':' | b'.');
    if name.is_empty() || name.len() > 32 || !name.iter().all(plain) {
        return None;
    }
    Some(Source::Terminal(String::from_utf8_lossy(name).into_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn four_numbers_are_an_address_as_the_standard_library_has_it(text in "[0-9]{0,4}(\\.[0-9]{0,4}){2,4}") {
            prop_assert_eq!(dotted_quad(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn every_address_is_read(address: u32) {
            let address = Ipv4Addr::from(address);
            prop_assert_eq!(dotted_quad(address.to_string().as_bytes()), Some(address));
        }
    }

    #[test]
    fn peers_are_read_strictly() {
        let shown = |text: &str| peer(text.as_bytes()).map(|source| source.to_string());
        assert_eq!(shown("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(shown("fe80::1%eth0").as_deref(), Some("fe80::1"));
        assert_eq!(shown("Mail.example.COM").as_deref(), Some("mail.example.com"));
        for text in [
            "",
            "UNKNOWN",
            "192.0.2.300",
            "192.0.2",
            "a..b",
            "a b",
            "host:22",
            "x'y",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn the_name_of_an_unknown_account_is_withheld_once() {
        let mut event = LoginEvent {
            at: Timestamp::UNIX_EPOCH,
            service: Service::Sshd,
            user: Some("hunter2".to_owned()),
            unknown_user: true,
            by: None,
            source: None,
            outcome: Outcome::Failed,
            method: Method::Password,
            count: 1,
            line: 0,
        };
        event.withhold_unknown_user();
        let once = event.user.clone().unwrap();
        assert!(once.starts_with('#') && !once.contains("hunter2"), "{once}");
        event.withhold_unknown_user();
        assert_eq!(event.user.unwrap(), once);
    }

    #[test]
    fn names_are_what_serde_writes() {
        for service in [Service::Greeter, Service::Sshd, Service::Xrdp] {
            assert_eq!(serde_json::to_value(service).unwrap(), service.name());
        }
        for method in [Method::KeyboardInteractive, Method::None, Method::Publickey] {
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
    }
}
