//! Ports as the plan names them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// `tcp` or `udp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One port or a range of one transport: `tcp/443`, `udp/6000-6010`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ports {
    /// TCP or UDP.
    pub transport: Transport,
    /// Lowest port.
    pub first: u16,
    /// Highest port, itself included.
    pub last: u16,
}

impl Ports {
    /// Whether `port` of `transport` is one of these.
    #[must_use]
    pub fn contains(self, transport: Transport, port: u16) -> bool {
        self.transport == transport && (self.first..=self.last).contains(&port)
    }
}

/// A text that is not a port or a range of ports.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a port; write \"tcp/443\", \"udp/53\" or a range such as \"tcp/8000-8010\"")]
pub struct InvalidPorts(String);

impl FromStr for Ports {
    type Err = InvalidPorts;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (transport, range) = text.split_once('/')?;
            let transport = [Transport::Tcp, Transport::Udp]
                .into_iter()
                .find(|t| t.name() == transport)?;
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
            (0 < first && first <= last).then_some(Self {
                transport,
                first,
                last,
            })
        };
        parse().ok_or_else(|| InvalidPorts(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Ports {
    type Error = InvalidPorts;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Ports> for String {
    fn from(ports: Ports) -> Self {
        ports.to_string()
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport, self.first)?;
        if self.last == self.first {
            Ok(())
        } else {
            write!(f, "-{}", self.last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_read_what_they_write_and_refuse_the_impossible() {
        for text in ["tcp/443", "udp/6000-6010"] {
            assert_eq!(text.parse::<Ports>().unwrap().to_string(), text);
        }
        for text in [
            "443",
            "tcp/0",
            "tcp/70000",
            "tcp/20-10",
            "sctp/1",
            "tcp/",
            "tcp/1-2-3",
        ] {
            assert!(text.parse::<Ports>().is_err(), "{text}");
        }
    }
}
