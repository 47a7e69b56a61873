//! What the host's TCP listeners speak, and which versions of TLS they accept, by really speaking to them.
//!
//! Each endpoint has one deadline for the whole dialogue and a limit of connections, one at a time, or four where it is
//! slow to answer. Nothing is sent that a client would not send, no login is tried, and no key is made.

mod certificate;
mod chain;
mod classify;
mod datagram;
mod depth;
mod dtls;
mod elimination;
mod elimination_1_3;
mod flight;
mod hello;
mod http_head;
mod line;
mod listening;
mod pool;
mod probe;
mod reader;
mod sealed;
mod shapes;
mod share;
mod signature;
mod spoken;
mod ssh;
mod ssl2;
mod starttls;
mod suite_table;
mod suites;
mod survey;
mod trial;
mod versions;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use plumbline_config::plan::TlsVersion;
use serde::Serialize;

use crate::sockets::Listener;

pub use certificate::{Certificate, Key, Trust, read_file};
pub use listening::{Elsewhere, Unseen, listening};
pub use probe::{HOST_ANCHORS, TlsProbe};
pub use ssh::SshOffer;
pub use survey::{DEADLINE, Depth, MOST_CONNECTIONS, Options, Target, survey};

/// Every listening TCP socket, tried, and what else was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsListeners {
    /// In the order of the sockets, those of the host's own network namespace first.
    pub listeners: Vec<TlsListener>,
    /// Sockets that could not be listed.
    pub unseen: Vec<Unseen>,
    /// Endpoints of other hosts that were named, in the order in which they were.
    pub named: Vec<Endpoint>,
    /// Certificate files that were named.
    pub certificate_files: Vec<CertificateFile>,
}

/// A file of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFile {
    /// Where it lies.
    pub path: String,
    /// Its certificates, or why they can't be read.
    pub certificates: Result<Vec<Certificate>, String>,
}

/// A listening socket and what was found out by speaking to it.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsListener {
    /// The socket.
    pub listener: Listener,
    /// The network namespace that it is in, where that is not the host's own.
    pub namespace: Option<Elsewhere>,
    /// What it speaks.
    pub endpoint: Endpoint,
}

impl TlsListener {
    /// The subject of findings about it: `tcp/[::]:443`, and `tcp/0.0.0.0:443@web` in the network namespace `web`.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.namespace {
            None => self.listener.subject(),
            Some(namespace) => format!("{}@{}", self.listener.subject(), namespace.name),
        }
    }
}

/// What was found out about an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `HOST:PORT` as it was asked for.
    pub endpoint: String,
    /// Whether it accepts connections.
    pub reachable: bool,
    /// What it speaks.
    pub protocol: Protocol,
    /// The protocol that it speaks in clear, where that is known: `http`, `smtp`, `text` …
    pub speaks: Option<&'static str>,
    /// The conclusion on each version, in the order of [`TlsVersion::ALL`].
    pub versions: [Offer; 6],
    /// Accepted suites; at [`Depth::Full`].
    pub cipher_suites: Vec<Suite>,
    /// Every suite that it accepts is among them.
    pub cipher_suites_complete: bool,
    /// Every weakness that one of its suites has is that of one among them.
    pub weaknesses_complete: bool,
    /// Accepted key exchange groups, by IANA's names; at [`Depth::Full`].
    pub groups: Vec<String>,
    /// Every group that it accepts is among them.
    pub groups_complete: bool,
    /// Whether it asks for a certificate of the client; at [`Depth::Full`].
    pub client_certificate_required: bool,
    /// The certificates of its chains, each chain with its own certificate first; at [`Depth::Full`].
    pub certificates: Vec<Certificate>,
    /// What it offers where it speaks SSH; at [`Depth::Full`].
    pub ssh: Option<SshOffer>,
    /// Where it speaks HTTP in clear: whether it only sends one on to HTTPS.
    pub redirects: bool,
    /// What could not be found out.
    pub error: Option<String>,
}

/// Whether an endpoint accepts a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It answered with a ServerHello of this version.
    Offered,
    /// It answered, and not with this version.
    NotOffered,
    /// It can't be told; the text says why.
    Unknown(String),
}

/// A suite that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suite {
    /// With which version.
    pub version: TlsVersion,
    /// `0xC02F`; of SSL 2.0 `0x010080`.
    pub id: String,
    /// IANA's name.
    pub name: String,
    /// What is weak about it.
    pub weaknesses: Vec<&'static str>,
}

/// What an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TLS from the first byte.
    Tls,
    /// TLS after a request in another protocol.
    StartTls(StartTls),
    /// DTLS over UDP; its versions are told as the versions of TLS that they are built on.
    Dtls,
    /// QUIC over UDP, which speaks TLS 1.3 and nothing else (RFC 9001 4.2).
    Quic,
    /// SSH.
    Ssh,
    /// Something without TLS.
    Cleartext,
    /// It accepts connections, and said nothing to anything that was tried.
    Silent,
    /// It could not be told.
    Unknown,
}

impl Protocol {
    /// The name used in JSON: `tls`, `starttls-smtp`, `cleartext` …
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::StartTls(kind) => kind.protocol_name(),
            Self::Dtls => "dtls",
            Self::Quic => "quic",
            Self::Ssh => "ssh",
            Self::Cleartext => "cleartext",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }

    /// Whether TLS is spoken, of whatever kind.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::StartTls(_) | Self::Dtls | Self::Quic)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A protocol that goes over to TLS within a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartTls {
    /// RFC 3207.
    Smtp,
    /// RFC 9051.
    Imap,
    /// RFC 2595.
    Pop3,
    /// RFC 4217.
    Ftp,
    /// RFC 4511.
    Ldap,
    /// PostgreSQL's SSLRequest.
    Postgresql,
    /// MySQL's and MariaDB's SSLRequest.
    Mysql,
    /// RFC 6120, clients.
    Xmpp,
    /// RFC 6120, servers among themselves.
    XmppServer,
    /// RFC 2033 with RFC 3207.
    Lmtp,
    /// RFC 5804.
    Sieve,
    /// RFC 4642.
    Nntp,
}

impl StartTls {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Smtp,
        Self::Imap,
        Self::Pop3,
        Self::Ftp,
        Self::Ldap,
        Self::Postgresql,
        Self::Mysql,
        Self::Xmpp,
        Self::XmppServer,
        Self::Lmtp,
        Self::Sieve,
        Self::Nntp,
    ];

    /// The name of the protocol, such as `smtp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Ldap => "ldap",
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::Xmpp => "xmpp",
            Self::XmppServer => "xmpp-server",
            Self::Lmtp => "lmtp",
            Self::Sieve => "sieve",
            Self::Nntp => "nntp",
        }
    }

    const fn protocol_name(self) -> &'static str {
        match self {
            Self::Smtp => "starttls-smtp",
            Self::Imap => "starttls-imap",
            Self::Pop3 => "starttls-pop3",
            Self::Ftp => "starttls-ftp",
            Self::Ldap => "starttls-ldap",
            Self::Postgresql => "starttls-postgresql",
            Self::Mysql => "starttls-mysql",
            Self::Xmpp => "starttls-xmpp",
            Self::XmppServer => "starttls-xmpp-server",
            Self::Lmtp => "starttls-lmtp",
            Self::Sieve => "starttls-sieve",
            Self::Nntp => "starttls-nntp",
        }
    }
}

/// A text that names no protocol with STARTTLS.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not one of smtp, imap, pop3, ftp, ldap, postgresql, mysql, xmpp, xmpp-server, lmtp, sieve, nntp"
)]
pub struct InvalidStartTls(String);

impl FromStr for StartTls {
    type Err = InvalidStartTls;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| InvalidStartTls(text.chars().take(80).collect()))
    }
}

impl Endpoint {
    /// What is known of one that was not spoken to: nothing.
    #[must_use]
    pub fn unspoken(endpoint: String, why: &str) -> Self {
        Self {
            endpoint,
            reachable: false,
            protocol: Protocol::Unknown,
            speaks: None,
            versions: std::array::from_fn(|_| Offer::Unknown(why.to_owned())),
            cipher_suites: Vec::new(),
            cipher_suites_complete: false,
            weaknesses_complete: false,
            groups: Vec::new(),
            groups_complete: false,
            client_certificate_required: false,
            certificates: Vec::new(),
            ssh: None,
            redirects: false,
            error: Some(why.to_owned()),
        }
    }

    /// The conclusion on each version, oldest first.
    pub fn offers(&self) -> impl Iterator<Item = (TlsVersion, &Offer)> {
        TlsVersion::ALL.into_iter().zip(&self.versions)
    }

    /// Whether it was seen to accept each version, by name.
    #[must_use]
    pub fn version_flags(&self) -> BTreeMap<&'static str, bool> {
        self.offers()
            .map(|(version, offer)| (version.name(), *offer == Offer::Offered))
            .collect()
    }

    /// Versions that it was seen to accept, oldest first.
    pub fn offered(&self) -> impl Iterator<Item = TlsVersion> {
        self.offers()
            .filter(|(_, offer)| **offer == Offer::Offered)
            .map(|(version, _)| version)
    }

    /// Versions of which it can't be told whether it accepts them, oldest first, with the reason.
    pub fn unknown(&self) -> impl Iterator<Item = (TlsVersion, &str)> {
        self.offers().filter_map(|(version, offer)| match offer {
            Offer::Unknown(why) => Some((version, why.as_str())),
            Offer::Offered | Offer::NotOffered => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_names_are_starttls_and_the_name() {
        for kind in StartTls::ALL {
            assert_eq!(
                Protocol::StartTls(kind).name(),
                format!("starttls-{}", kind.name())
            );
            assert_eq!(kind.name().parse::<StartTls>().unwrap(), kind);
        }
        assert!("gopher".parse::<StartTls>().is_err());
    }
}
