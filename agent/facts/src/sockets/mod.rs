//! Listening sockets of the host and the processes behind them.
//!
//! Sources: sock_diag(7) on the running host, `/proc/net/{tcp,tcp6,udp,udp6}` (proc_pid_net(5)) of any other and
//! where netlink is refused, `/proc/PID/fd` (proc_pid_fd(5)) for the processes. [`Sockets`] are those of the network
//! namespace that this process runs in; those of another are listed by a thread within it.

mod netlink;
mod owner;
mod procnet;
mod pulse;

use std::collections::HashMap;
use std::net::IpAddr;

use plumbline_config::plan::Transport;
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::Host;
use crate::known::{Known, Unknown};
use crate::probe::{Probe, ProbeId};

/// Most sockets listed; a host with more is not one that this probe can speak for.
pub const MOST_LISTENERS: usize = 65_536;

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

/// Reads the sockets and their processes.
pub struct SocketsProbe;

impl Probe for SocketsProbe {
    type Fact = Sockets;
    const ID: ProbeId = ProbeId::Sockets;
    const PULSE: Option<fn(&Host) -> Option<u64>> = Some(pulse::pulse);

    fn gather(host: &Host, _ask: &Ask, _facts: &mut Facts) -> Known<Sockets> {
        match read(host) {
            Ok(sockets) => Known::Value(sockets),
            Err(unknown) => unknown.into(),
        }
    }

    fn slot(facts: &mut Facts) -> &mut Known<Sockets> {
        &mut facts.sockets
    }
}

/// Reads the sockets of the network namespace that this process runs in, or, of a host that is a directory, the
/// sockets that its `/proc/net` lists.
pub fn read(host: &Host) -> Result<Sockets, Unknown> {
    Ok(with_processes(host, table(host)?))
}

/// As [`read`], without the processes behind the sockets, which take most of the time.
pub fn read_unowned(host: &Host) -> Result<Vec<Listener>, Unknown> {
    Ok(table(host)?.into_iter().map(unowned).collect())
}

fn table(host: &Host) -> Result<Table, Unknown> {
    if host.is_live() {
        // A sandbox may refuse netlink, and a kernel may lack the udp_diag module: /proc/net is slower and says less.
        netlink::table().or_else(|_refused| procnet::table(host))
    } else {
        procnet::table(host)
    }
}

/// The sockets of the network namespace that a process runs in, without the processes behind them.
pub(crate) fn of_process(host: &Host, process: &str) -> Result<Vec<Listener>, Unknown> {
    let table = procnet::table_in(host, &format!("/proc/{process}/net"))?;
    Ok(table.into_iter().map(unowned).collect())
}

/// The sockets of one network namespace, before their processes are known.
#[derive(Debug)]
pub(crate) struct Listed(Table);

/// The sockets of the network namespace that this thread is in; `process` is one of that namespace.
pub(crate) fn list_here(host: &Host, process: Option<u32>) -> Result<Listed, Unknown> {
    let listed = netlink::table().or_else(|refused| match process {
        Some(process) => procnet::table_in(host, &format!("/proc/{process}/net")),
        None => Err(refused),
    });
    listed.map(Listed)
}

/// The sockets of the network namespace that a process is in, which need not be entered for that.
pub(crate) fn list_of_process(host: &Host, process: u32) -> Result<Listed, Unknown> {
    procnet::table_in(host, &format!("/proc/{process}/net")).map(Listed)
}

/// The sockets of several namespaces, with the processes behind them.
pub(crate) fn own_all(host: &Host, lists: Vec<Listed>) -> Vec<Vec<Listener>> {
    let owners = owners(host, lists.iter().flat_map(|listed| &listed.0));
    let own = |Listed(table)| owned(table, &owners).listeners;
    lists.into_iter().map(own).collect()
}

/// Whether a socket is among those listed.
pub(crate) fn still_there(Listed(table): &Listed, listener: &Listener) -> bool {
    table.iter().any(|bound| {
        (bound.transport, bound.port) == (listener.transport, listener.port)
            && bound.address.to_canonical() == listener.address
    })
}

fn unowned(bound: Bound) -> Listener {
    Listener {
        transport: bound.transport,
        // A socket on ::ffff:192.0.2.1 takes IPv4 alone.
        address: bound.address.to_canonical(),
        port: bound.port,
        interface: bound.interface,
        v6_only: bound.v6_only,
        process: None,
    }
}

/// The sockets of one network namespace, before their processes are known.
type Table = Vec<Bound>;

/// A socket as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    transport: Transport,
    address: IpAddr,
    port: u16,
    interface: Option<String>,
    v6_only: bool,
    /// Number of the socket's inode; 0 for a socket that the kernel itself holds, such as nfsd's.
    inode: u64,
}

fn with_processes(host: &Host, table: Table) -> Sockets {
    let owners = owners(host, &table);
    owned(table, &owners)
}

fn owners<'t>(host: &Host, table: impl IntoIterator<Item = &'t Bound>) -> HashMap<u64, Process> {
    let inodes = table.into_iter().map(|bound| bound.inode);
    owner::find(host, inodes.filter(|inode| *inode != 0).collect())
}

fn owned(table: Table, owners: &HashMap<u64, Process>) -> Sockets {
    let mut processes_hidden = false;
    let mut listeners: Vec<Listener> = Vec::new();
    for bound in table {
        let process = owners.get(&bound.inode).cloned();
        processes_hidden |= process.is_none() && bound.inode != 0;
        listeners.push(Listener {
            transport: bound.transport,
            // A socket on ::ffff:192.0.2.1 takes IPv4 alone.
            address: bound.address.to_canonical(),
            port: bound.port,
            interface: bound.interface,
            v6_only: bound.v6_only,
            process,
        });
    }
    // Sockets that share a port by SO_REUSEPORT are one listener, held by the oldest process.
    let place = |l: &Listener| {
        (
            l.transport.name(),
            l.port,
            l.address,
            l.interface.clone(),
            l.v6_only,
        )
    };
    let pid = |l: &Listener| l.process.as_ref().map_or(u32::MAX, |process| process.pid);
    listeners.sort_by_cached_key(|listener| (place(listener), pid(listener)));
    listeners.dedup_by_key(|listener| place(listener));
    Sockets {
        listeners,
        processes_hidden,
    }
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};

    use super::*;

    fn bound(address: &str, port: u16, inode: u64) -> Bound {
        Bound {
            transport: Transport::Tcp,
            address: address.parse().unwrap(),
            port,
            interface: None,
            v6_only: false,
            inode,
        }
    }

    #[test]
    fn finds_this_process_behind_its_own_sockets() {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let connected = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        connected.connect(udp.local_addr().unwrap()).unwrap();
        let sockets = read(&Host::live().unwrap()).unwrap();
        let find = |transport: Transport, address: std::net::SocketAddr| {
            sockets
                .listeners
                .iter()
                .find(|l| (l.transport, l.address, l.port) == (transport, address.ip(), address.port()))
        };
        for (transport, address) in [
            (Transport::Tcp, v4.local_addr().unwrap()),
            (Transport::Tcp, v6.local_addr().unwrap()),
            (Transport::Udp, udp.local_addr().unwrap()),
        ] {
            let listener = find(transport, address).unwrap();
            assert_eq!(listener.process.as_ref().unwrap().pid, std::process::id());
        }
        assert_eq!(find(Transport::Udp, connected.local_addr().unwrap()), None);
    }

    #[test]
    fn netlink_and_proc_net_agree() {
        let _v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let host = Host::live().unwrap();
        let mine = |table: Table| -> Vec<_> {
            let fields = |b: Bound| (b.transport.name(), b.port, b.address, b.inode);
            let owners = owner::find(&host, table.iter().map(|b| b.inode).collect());
            let mut mine: Vec<_> = table
                .into_iter()
                .filter(|b| owners.get(&b.inode).is_some_and(|p| p.pid == std::process::id()))
                .map(fields)
                .collect();
            mine.sort();
            mine
        };
        // Tests of one process share its sockets, so ask until two readings meet.
        let agree = (0..50).any(|_| {
            let netlink = mine(netlink::table().unwrap());
            !netlink.is_empty() && netlink == mine(procnet::table(&host).unwrap())
        });
        assert!(agree);
    }

    #[test]
    fn sockets_that_share_a_port_are_one_listener_and_the_kernels_own_hide_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let fds = dir.path().join("proc/7/fd");
        std::fs::create_dir_all(&fds).unwrap();
        std::fs::write(dir.path().join("proc/7/comm"), "nginx\n").unwrap();
        std::os::unix::fs::symlink("socket:[20]", fds.join("3")).unwrap();
        let host = Host::at(dir.path()).unwrap();
        let table = vec![
            bound("0.0.0.0", 443, 21),
            bound("0.0.0.0", 443, 20),
            bound("::ffff:10.0.0.1", 80, 20),
            bound("0.0.0.0", 2049, 0),
        ];
        let sockets = with_processes(&host, table);
        let seen: Vec<_> = sockets
            .listeners
            .iter()
            .map(|l| (l.subject(), l.process.is_some()))
            .collect();
        assert_eq!(
            seen,
            [
                ("tcp/10.0.0.1:80".to_owned(), true),
                ("tcp/0.0.0.0:443".to_owned(), true),
                ("tcp/0.0.0.0:2049".to_owned(), false),
            ]
        );
        assert!(sockets.processes_hidden, "inode 21 was not found");
        assert!(!with_processes(&host, vec![bound("0.0.0.0", 2049, 0)]).processes_hidden);
    }
}
