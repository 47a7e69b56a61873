//! Files of `/proc/net` that rules depend on: joined groups, lists of `-m recent`, queues of programs.
//!
//! Source: proc_pid_net(5); `net/ipv4/igmp.c`, `net/ipv6/mcast.c`, `xt_recent.c`, `nfnetlink_queue.c`. The files are
//! those of the calling thread's network namespace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::host::Host;

/// Largest file taken, in bytes.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;
/// The network namespace of the calling thread.
pub(super) const OWN: &str = "/proc/thread-self/net";

fn text(host: &Host, name: &str) -> Option<String> {
    host.read_text(format!("{OWN}/{name}"), LARGEST_FILE).ok()
}

/// Tables of iptables-legacy that are loaded.
pub(super) fn legacy_tables(host: &Host, v6: bool) -> Vec<String> {
    let name = if v6 { "ip6_tables_names" } else { "ip_tables_names" };
    let listed = text(host, name).unwrap_or_default();
    listed.lines().map(str::to_owned).collect()
}

/// Groups joined, by interface.
pub(super) fn groups(host: &Host) -> Vec<(String, IpAddr)> {
    let mut found = groups_v4(&text(host, "igmp").unwrap_or_default());
    found.extend(groups_v6(&text(host, "igmp6").unwrap_or_default()));
    found
}

/// `igmp`: a line for each interface, below it a tabbed one for each group, a number of the host's order.
fn groups_v4(table: &str) -> Vec<(String, IpAddr)> {
    let mut found = Vec::new();
    let mut interface = String::new();
    for line in table.lines() {
        let mut fields = line.split_ascii_whitespace();
        if line.starts_with('\t') {
            let group = fields
                .next()
                .and_then(|field| u32::from_str_radix(field, 16).ok());
            if let Some(group) = group {
                found.push((interface.clone(), Ipv4Addr::from(group.to_ne_bytes()).into()));
            }
        } else if let Some(name) = fields.nth(1) {
            name.trim_end_matches(':').clone_into(&mut interface);
        }
    }
    found
}

/// `igmp6`: index, interface, group …
fn groups_v6(table: &str) -> Vec<(String, IpAddr)> {
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let interface = fields.nth(1)?.to_owned();
        let group = u128::from_str_radix(fields.next()?, 16).ok()?;
        Some((interface, Ipv6Addr::from_bits(group).into()))
    };
    table.lines().filter_map(line).collect()
}

/// Queues that a program listens on; `None` where the kernel has no such file.
pub(super) fn queues(host: &Host) -> Option<Vec<u16>> {
    let table = text(host, "netfilter/nfnetlink_queue")?;
    let number = |line: &str| line.split_ascii_whitespace().next()?.parse().ok();
    Some(table.lines().filter_map(number).collect())
}

/// Addresses in a list of `-m recent`; `None` where it can't be read.
pub(super) fn recent(host: &Host, name: &str) -> Option<Vec<IpAddr>> {
    if name.contains('/') || name.is_empty() {
        return None;
    }
    let table = text(host, &format!("xt_recent/{name}"))?;
    let address = |line: &str| line.strip_prefix("src=")?.split(' ').next()?.parse().ok();
    Some(table.lines().filter_map(address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_as_the_kernel_writes_them() {
        let v4 = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n";
        let v6 = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n";
        if cfg!(target_endian = "little") {
            assert_eq!(groups_v4(v4), [("lo".to_owned(), "224.0.0.1".parse().unwrap())]);
        }
        assert_eq!(groups_v6(v6), [("lo".to_owned(), "ff02::1".parse().unwrap())]);
    }
}
