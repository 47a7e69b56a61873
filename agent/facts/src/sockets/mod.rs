//! Listening sockets of the host and the processes behind them.

use std::net::IpAddr;

use plumbline_config::plan::Transport;
use serde::{Deserialize, Serialize};

/// Every listening TCP socket and bound UDP socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// The sockets, ordered by transport, port and address.
    pub listeners: Vec<Listener>,
    /// Some sockets' processes could not be seen for want of privilege.
    pub processes_hidden: bool,
}

/// A socket that others may connect or send to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// TCP or UDP.
    pub transport: Transport,
    /// Address it is bound to; `0.0.0.0` or `::` for any.
    pub address: IpAddr,
    /// Port, in host order.
    pub port: u16,
    /// Interface it is bound to by `SO_BINDTODEVICE`, if any.
    pub interface: Option<String>,
    /// A socket on `::` that takes IPv6 alone (`IPV6_V6ONLY`); otherwise it takes IPv4 too.
    pub v6_only: bool,
    /// The process that holds it; `None` where it can't be seen.
    pub process: Option<Process>,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// `comm` of proc_pid_comm(5), such as `nginx`.
    pub name: String,
}

impl Listener {
    /// The subject of findings about it: `tcp/0.0.0.0:22`, `tcp/[::]:443`.
    #[must_use]
    pub fn subject(&self) -> String {
        match self.address {
            IpAddr::V4(address) => format!("{}/{address}:{}", self.transport, self.port),
            IpAddr::V6(address) => format!("{}/[{address}]:{}", self.transport, self.port),
        }
    }
}
