//! sock_diag(7): the kernel's own list of sockets, by one dump for each transport and family.

use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use plumbline_config::plan::Transport;

use super::{Bound, MOST_LISTENERS, Table};
use crate::known::Unknown;

/// Room for one datagram of answers, in bytes; the kernel fills at most 32 KiB (netlink(7)).
const LARGEST_DATAGRAM: usize = 32 * 1024;
/// Longest wait for one datagram.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time for all answers to one request.
const DUMP_TIMEOUT: Duration = Duration::from_secs(5);
/// Netlink messages start at multiples of this (`NLMSG_ALIGNTO`).
const ALIGNMENT: usize = 4;

/// Asks the kernel for listening TCP and unconnected UDP sockets of both families.
pub(super) fn table() -> Result<Table, Unknown> {
    let failed = |why| Unknown::Failed {
        what: "sock_diag".to_owned(),
        why,
    };
    let socket = open().map_err(failed)?;
    let mut sequence = 0;
    let mut table = Vec::new();
    for (transport, protocol, states) in [
        (Transport::Tcp, IPPROTO_TCP, StateFlags::LISTEN),
        (Transport::Udp, IPPROTO_UDP, StateFlags::CLOSE),
    ] {
        for family in [AF_INET, AF_INET6] {
            sequence += 1;
            let request = request(family, protocol, states.clone(), sequence);
            let answers = dump(&socket, &request, sequence).map_err(failed)?;
            table.extend(answers.iter().map(|answer| bound(transport, answer)));
        }
    }
    // A UDP socket that was never bound has no port.
    table.retain(|bound| bound.port != 0);
    Ok(table)
}

fn bound(transport: Transport, answer: &InetResponse) -> Bound {
    let id = &answer.header.socket_id;
    Bound {
        transport,
        address: id.source_address,
        port: id.source_port,
        interface: (id.interface_id != 0).then(|| interface_name(id.interface_id)),
        v6_only: id.source_address.is_ipv6() && answer.nlas.contains(&Nla::SkV6Only(true)),
        inode: answer.header.inode.into(),
    }
}

/// The name of the interface with this index, or the index where it is gone. Asked of the kernel, since `/sys` may be
/// of another network namespace.
fn interface_name(index: u32) -> String {
    nix::net::if_::if_indextoname(index)
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| index.to_string())
}

fn open() -> Result<Socket, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).map_err(text)?;
    socket.bind_auto().map_err(text)?;
    let millis = i64::try_from(RECEIVE_TIMEOUT.as_millis()).unwrap_or(i64::MAX);
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(millis))
        .map_err(|errno| errno.to_string())?;
    Ok(socket)
}

/// The answers to a request; those to earlier ones, which have another sequence number, are left.
fn dump(socket: &Socket, request: &[u8], sequence: u32) -> Result<Vec<InetResponse>, String> {
    let kernel = SocketAddr::new(0, 0);
    socket
        .send_to(request, &kernel, 0)
        .map_err(|error| error.to_string())?;

    let deadline = Instant::now() + DUMP_TIMEOUT;
    let mut answers = Vec::new();
    let mut buffer = Vec::with_capacity(LARGEST_DATAGRAM);
    loop {
        if Instant::now() > deadline {
            return Err(format!(
                "no end of the answers within {} s",
                DUMP_TIMEOUT.as_secs()
            ));
        }
        buffer.clear();
        let (length, sender) = match socket.recv_from(&mut buffer, MsgFlags::MSG_TRUNC.bits()) {
            Ok(received) => received,
            Err(error) if error.raw_os_error() == Some(Errno::EINTR as i32) => continue,
            Err(error) => return Err(error.to_string()),
        };
        // Only the kernel's word counts; a privileged process could send here too.
        if sender.port_number() != 0 {
            continue;
        }
        if length > buffer.len() {
            return Err("an answer was cut short".to_owned());
        }
        if read_datagram(&buffer, sequence, &mut answers)? {
            return Ok(answers);
        }
    }
}

fn request(family: u8, protocol: u8, states: StateFlags, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let request = InetRequest {
        family,
        protocol,
        extensions: ExtensionFlags::empty(),
        states,
        socket_id: if family == AF_INET {
            SocketId::new_v4()
        } else {
            SocketId::new_v6()
        },
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Takes the answers of one datagram; `true` once the kernel says that there are no more.
fn read_datagram(mut bytes: &[u8], sequence: u32, answers: &mut Vec<InetResponse>) -> Result<bool, String> {
    while !bytes.is_empty() {
        let message =
            NetlinkMessage::<SockDiagMessage>::deserialize(bytes).map_err(|error| error.to_string())?;
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        if message.header.sequence_number == sequence {
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(answer)) => {
                    if answers.len() == MOST_LISTENERS {
                        return Err(format!("more than {MOST_LISTENERS} sockets"));
                    }
                    answers.push(*answer);
                }
                NetlinkPayload::Done(done) if done.code >= 0 => return Ok(true),
                NetlinkPayload::Done(done) => return Err(errno_text(done.code)),
                NetlinkPayload::Error(error) => return Err(errno_text(error.raw_code())),
                NetlinkPayload::Overrun(_) => return Err("answers were lost".to_owned()),
                _ => {}
            }
        }
        let step = length.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX);
        bytes = bytes.get(step.max(ALIGNMENT)..).unwrap_or_default();
    }
    Ok(false)
}

fn errno_text(code: i32) -> String {
    Errno::from_raw(code.saturating_neg()).desc().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(header: NetlinkHeader, response: InetResponse) -> Vec<u8> {
        let mut message =
            NetlinkMessage::new(header, SockDiagMessage::InetResponse(Box::new(response)).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    fn listening() -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        header.sequence_number = 1;
        let mut socket_id = SocketId::new_v6();
        socket_id.source_port = 443;
        let header_of_answer = netlink_packet_sock_diag::inet::InetResponseHeader {
            family: AF_INET6,
            state: 10,
            timer: None,
            socket_id,
            recv_queue: 0,
            send_queue: 128,
            uid: 0,
            inode: 4242,
        };
        let nlas = [Nla::SkV6Only(true)].into_iter().collect();
        answer(
            header,
            InetResponse {
                header: header_of_answer,
                nlas,
            },
        )
    }

    #[test]
    fn reads_an_answer_with_its_attributes_and_leaves_a_strangers() {
        let mut answers = Vec::new();
        let mut bytes = listening();
        assert_eq!(read_datagram(&bytes, 1, &mut answers), Ok(false));
        let bound = bound(Transport::Tcp, &answers[0]);
        assert_eq!((bound.port, bound.v6_only, bound.inode), (443, true, 4242));
        assert_eq!(read_datagram(&bytes, 2, &mut answers), Ok(false));
        assert_eq!(answers.len(), 1, "another sequence number is not ours");
        bytes.truncate(bytes.len() - 9);
        assert!(read_datagram(&bytes, 1, &mut answers).is_err());
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        // nlmsghdr of NLMSG_ERROR (2), sequence 1, then -EPERM and the request's own header.
        let mut bytes = Vec::new();
        for word in [36_u32, 2, 1, 0, 1_u32.wrapping_neg(), 0, 0, 0, 0] {
            bytes.extend(word.to_ne_bytes());
        }
        let error = read_datagram(&bytes, 1, &mut Vec::new()).unwrap_err();
        assert_eq!(error, "Operation not permitted");
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_datagram(&bytes, 1, &mut Vec::new());
        }

        #[test]
        fn any_damage_to_an_answer_is_read_or_refused(
            place in 0_usize..120, value: u8, length in 0_usize..120,
        ) {
            let mut bytes = listening();
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
            bytes.truncate(length);
            let _ = read_datagram(&bytes, 1, &mut Vec::new());
        }
    }
}
