//! Whether the listening sockets are still the same ones, asked often and so cheaply.

use std::hash::{DefaultHasher, Hash, Hasher};

use plumbline_config::plan::Transport;

use super::{Bound, netlink};
use crate::host::Host;

/// UDP ports from here are those that clients send from (`ip_local_port_range`, ip(7)): they come and go with every
/// name looked up.
const FIRST_CLIENT_PORT: u16 = 32_768;

/// A number that changes when a service begins or ends to listen, or another socket takes its place. `None`: netlink
/// is refused here; `/proc/net/tcp` lists every connection and would cost too much.
pub(super) fn pulse(host: &Host) -> Option<u64> {
    if !host.is_live() {
        return None;
    }
    netlink::table().ok().map(|table| fingerprint(&table))
}

/// The same whatever the order that the kernel lists the sockets in.
fn fingerprint(table: &[Bound]) -> u64 {
    let one = |bound: &Bound| {
        let mut hasher = DefaultHasher::new();
        (
            bound.transport.name(),
            bound.address,
            bound.port,
            &bound.interface,
            bound.inode,
        )
            .hash(&mut hasher);
        hasher.finish()
    };
    table
        .iter()
        .filter(|bound| bound.transport == Transport::Tcp || bound.port < FIRST_CLIENT_PORT)
        .fold(0, |sum, bound| sum ^ one(bound))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn bound(transport: Transport, port: u16, inode: u64) -> Bound {
        Bound {
            transport,
            address: Ipv4Addr::UNSPECIFIED.into(),
            port,
            interface: None,
            v6_only: false,
            inode,
        }
    }

    #[test]
    fn order_and_clients_do_not_matter_and_every_service_does() {
        let (ssh, web) = (bound(Transport::Tcp, 22, 1), bound(Transport::Tcp, 443, 2));
        let before = fingerprint(&[ssh.clone(), web.clone()]);
        assert_eq!(fingerprint(&[web.clone(), ssh.clone()]), before);
        let lookup = bound(Transport::Udp, 51_000, 3);
        assert_eq!(fingerprint(&[ssh.clone(), web.clone(), lookup]), before);
        assert_ne!(fingerprint(std::slice::from_ref(&ssh)), before);
        assert_ne!(
            fingerprint(&[ssh.clone(), bound(Transport::Tcp, 443, 9)]),
            before,
            "restarted"
        );
        assert_ne!(fingerprint(&[ssh, web, bound(Transport::Udp, 53, 4)]), before);
    }

    #[test]
    fn a_listener_that_comes_is_noticed_on_the_running_host() {
        let host = Host::live().unwrap();
        let Some(before) = pulse(&host) else {
            return;
        };
        // Other tests' sockets come and go meanwhile; ours stays until it is seen.
        let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_ne!(pulse(&host), Some(before));
    }
}
