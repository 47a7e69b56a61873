//! The tables of `/proc/net` (proc_pid_net(5)): what a recorded host has, and the way round a refused netlink.
//!
//! They do not tell `IPV6_V6ONLY`. A socket on `::` beside one on `0.0.0.0` with the same port must have it set, since
//! the kernel would have refused the second otherwise; of any other it is taken to be unset, its default.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumbline_config::plan::Transport;

use super::{Bound, MOST_LISTENERS, Table};
use crate::host::{Host, ReadError};
use crate::known::Unknown;

/// Largest table taken, in bytes: a line is 150 to 180, and established connections have lines too.
const LARGEST_TABLE: u64 = 64 * 1024 * 1024;
/// State of a listening TCP socket, `TCP_LISTEN`.
const LISTEN: u8 = 0x0a;
/// State of a UDP socket without a peer, `TCP_CLOSE`.
const UNCONNECTED: u8 = 0x07;

/// Reads all four tables. IPv6 may be lacking; without `/proc/net/tcp` there is nothing to read.
pub(super) fn table(host: &Host) -> Result<Table, Unknown> {
    table_in(host, "/proc/net")
}

/// Reads the tables in a directory like `/proc/net`, such as another process's `/proc/PID/net`.
pub(super) fn table_in(host: &Host, directory: &str) -> Result<Table, Unknown> {
    let mut table = Vec::new();
    for (name, transport, state, required) in [
        ("tcp", Transport::Tcp, LISTEN, true),
        ("tcp6", Transport::Tcp, LISTEN, false),
        ("udp", Transport::Udp, UNCONNECTED, false),
        ("udp6", Transport::Udp, UNCONNECTED, false),
    ] {
        let path = format!("{directory}/{name}");
        match host.read_text(&path, LARGEST_TABLE) {
            Ok(text) => table.extend(text.lines().filter_map(|line| parse_line(line, transport, state))),
            Err(ReadError::NotFound(_)) if !required => {}
            Err(error) => return Err(error.into()),
        }
        if table.len() > MOST_LISTENERS {
            return Err(Unknown::Failed {
                what: path,
                why: format!("more than {MOST_LISTENERS} sockets"),
            });
        }
    }
    mark_v6_only(&mut table);
    Ok(table)
}

/// One line: `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`; `None` for the
/// heading, a line that is not understood, and a socket in another state.
fn parse_line(line: &str, transport: Transport, wanted: u8) -> Option<Bound> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let state = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    if state != wanted {
        return None;
    }
    let bound = Bound {
        transport,
        address: parse_address(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        interface: None,
        v6_only: false,
        inode: fields.nth(5)?.parse().ok()?,
    };
    // A UDP socket that was never bound has no port.
    (bound.port != 0).then_some(bound)
}

/// Words of 32 bits in hexadecimal, each as the host's processor reads the bytes on the wire.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |start: usize| {
        let digits = text.get(start..start + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (place, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(place * 8)?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

fn mark_v6_only(table: &mut Table) {
    let on_any_v4: Vec<_> = table
        .iter()
        .filter(|bound| bound.address == Ipv4Addr::UNSPECIFIED)
        .map(|bound| (bound.transport, bound.port))
        .collect();
    for bound in table {
        bound.v6_only =
            bound.address == Ipv6Addr::UNSPECIFIED && on_any_v4.contains(&(bound.transport, bound.port));
    }
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   104        0 18743 1 ffff8e5c0a4f8000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17001 1 ffff8e5c0a4f8900 100 0 0 10 0
   2: 0100007F:1538 0100007F:D2B4 01 00000000:00000000 00:00000000 00000000   104        0 19000 1 ffff8e5c0a4f9200 20 4 30 10 -1
";
    const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17003 1 ffff8e5c0b0d0000 100 0 0 10 0
   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17100 1 ffff8e5c0b0d0980 100 0 0 10 0
";
    const UDP: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1089: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 16002 2 ffff8e5c01d3c000 0
";

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/net")).unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join("proc/net").join(name), text).unwrap();
        }
        let host = Host::at(dir.path()).unwrap();
        (dir, host)
    }

    #[test]
    fn lists_what_listens_and_what_is_bound() {
        let (_dir, host) = host(&[("tcp", TCP), ("tcp6", TCP6), ("udp", UDP)]);
        let seen: Vec<_> = table(&host)
            .unwrap()
            .into_iter()
            .map(|b| {
                (
                    b.transport.name(),
                    b.address.to_string(),
                    b.port,
                    b.v6_only,
                    b.inode,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("tcp", "127.0.0.1".to_owned(), 5432, false, 18743),
                ("tcp", "0.0.0.0".to_owned(), 22, false, 17001),
                ("tcp", "::".to_owned(), 22, true, 17003),
                ("tcp", "::1".to_owned(), 631, false, 17100),
                ("udp", "127.0.0.53".to_owned(), 53, false, 16002),
            ]
        );
    }

    #[test]
    fn a_host_without_the_tables_is_unknown_not_empty() {
        let (_dir, host) = host(&[]);
        assert!(matches!(table(&host), Err(Unknown::Failed { .. })));
    }

    proptest! {
        #[test]
        fn any_line_is_taken_or_left(line in "[ 0-9A-Fa-f:]{0,200}|.{0,200}") {
            parse_line(&line, Transport::Tcp, LISTEN);
        }

        #[test]
        fn any_address_reads_back(address: [u8; 16], port in 1_u16.., inode: u64) {
            let hex: String = address
                .chunks(4)
                .map(|c| format!("{:08X}", u32::from_ne_bytes(c.try_into().unwrap())))
                .collect();
            let line = format!("0: {hex}:{port:04X} 0:0 0A 0:0 0:0 0 0 0 {inode}");
            let bound = parse_line(&line, Transport::Tcp, LISTEN).unwrap();
            prop_assert_eq!((bound.address, bound.port), (IpAddr::from(address), port));
            prop_assert_eq!(bound.inode, inode);
        }
    }
}
