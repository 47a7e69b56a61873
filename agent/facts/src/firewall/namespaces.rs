//! Other network namespaces of this machine: containers, to which packets are passed on.
//!
//! Source: namespaces(7), proc_pid_net(5). What they filter themselves is not looked at.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::namespaces::others;
use crate::sockets::{self, Listener};

/// Largest table of addresses taken, in bytes.
const LARGEST_TABLE: u64 = 1024 * 1024;

/// A network namespace other than the own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The sockets in it.
    pub listeners: Vec<Listener>,
}

/// The namespaces that processes run in.
pub(super) fn read(host: &Host) -> Vec<Namespace> {
    let namespaces = others(host).namespaces.into_iter();
    namespaces
        .filter_map(|namespace| {
            let process = namespace.process?.to_string();
            // A process that has just ended takes its tables with it.
            let listeners = sockets::of_process(host, &process).ok()?;
            let addresses = addresses(host, &process);
            (!addresses.is_empty()).then_some(Namespace { addresses, listeners })
        })
        .collect()
}

fn addresses(host: &Host, process: &str) -> Vec<IpAddr> {
    let table = |name| {
        host.read_text(format!("/proc/{process}/net/{name}"), LARGEST_TABLE)
            .unwrap_or_default()
    };
    let mut found: Vec<_> = local_v4(&table("fib_trie"))
        .into_iter()
        .map(IpAddr::from)
        .collect();
    let six = table("if_inet6");
    let field = |line: &str| u128::from_str_radix(line.split_ascii_whitespace().next()?, 16).ok();
    found.extend(
        six.lines()
            .filter_map(field)
            .map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))),
    );
    found.retain(|address| !address.is_loopback());
    found
}

/// `fib_trie`: a line `|-- 192.0.2.1`, below it `/32 host LOCAL`.
fn local_v4(trie: &str) -> BTreeSet<Ipv4Addr> {
    let mut found = BTreeSet::new();
    let mut leaf: Option<Ipv4Addr> = None;
    for line in trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            leaf = address.trim().parse().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(leaf);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_addresses_and_sockets() {
        let dir = tempfile::tempdir().unwrap();
        for (process, namespace) in [("7", "net:[1]"), ("8", "net:[2]"), ("9", "net:[2]")] {
            let path = dir.path().join("proc").join(process);
            std::fs::create_dir_all(path.join("ns")).unwrap();
            std::fs::create_dir_all(path.join("net")).unwrap();
            std::os::unix::fs::symlink(namespace, path.join("ns/net")).unwrap();
        }
        std::os::unix::fs::symlink("7", dir.path().join("proc/thread-self")).unwrap();
        let net = dir.path().join("proc/8/net");
        std::fs::write(
            net.join("fib_trie"),
            "Local:\n  +-- 0.0.0.0/0 2 0 2\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 172.17.0.2\n        /32 host LOCAL\n     |-- 172.17.255.255\n        /32 link BROADCAST\n",
        )
        .unwrap();
        std::fs::write(
            net.join("tcp"),
            "heading\n   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17 1\n",
        )
        .unwrap();
        let found = read(&Host::at(dir.path()).unwrap());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].addresses, ["172.17.0.2".parse::<IpAddr>().unwrap()]);
        assert_eq!(found[0].listeners[0].port, 80);
    }
}
