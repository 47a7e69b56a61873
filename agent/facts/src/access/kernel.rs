//! The audit subsystem of the running kernel, asked over netlink as auditctl(8) does: its state, and its rules.

use std::io;
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_AUDIT;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Serialize;

use super::rule::{self, PathRule};
use crate::known::Known;

/// Messages of linux/audit.h and netlink(7).
const GET: u16 = 1000;
const LIST_RULES: u16 = 1013;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// Length of a netlink header.
const HEADER: usize = 16;
/// Room for one datagram: a rule and the longest texts of one.
const LARGEST_DATAGRAM: usize = 64 * 1024;
/// Longest time for all answers to one question.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most rules taken; each slows down every system call.
const MOST_RULES: usize = 16_384;
/// What lets us ask.
const NEEDS: &str = "CAP_AUDIT_CONTROL in the initial user and process namespaces";

/// What the kernel says of its audit subsystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelAudit {
    /// 0 off, 1 on, 2 on until the next start and not to be changed.
    pub enabled: u32,
    /// Process that records go to; 0: none.
    pub pid: u32,
    /// Records that may wait.
    pub backlog_limit: u32,
    /// Records lost since the system started.
    pub lost: u32,
    /// The rules that are about paths, in the order in which they are tried.
    pub rules: Vec<PathRule>,
}

/// Asks the kernel.
pub(super) fn ask() -> Known<KernelAudit> {
    let refused = |error: io::Error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::ECONNREFUSED | Errno::EACCES) => Known::denied("audit subsystem", NEEDS),
        Some(Errno::EPROTONOSUPPORT) => Known::Absent("audit subsystem of the kernel".to_owned()),
        _ => Known::failed("audit subsystem", error),
    };
    match state().and_then(|state| {
        Ok(KernelAudit {
            rules: rules()?,
            ..state
        })
    }) {
        Ok(audit) => Known::Value(audit),
        Err(error) => refused(error),
    }
}

fn state() -> io::Result<KernelAudit> {
    let mut state = None;
    question(GET, &mut |kind, body| {
        if kind == GET {
            let word = |place: usize| {
                let bytes = body
                    .get(place * 4..place * 4 + 4)
                    .and_then(|bytes| bytes.try_into().ok());
                bytes.map_or(0, u32::from_ne_bytes)
            };
            state = Some(KernelAudit {
                enabled: word(1),
                pid: word(3),
                backlog_limit: word(5),
                lost: word(6),
                rules: Vec::new(),
            });
        }
        kind == GET
    })?;
    state.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn rules() -> io::Result<Vec<PathRule>> {
    let mut rules = Vec::new();
    let mut number = 0;
    question(LIST_RULES, &mut |kind, body| {
        if kind == LIST_RULES {
            number += 1;
            rules.extend(rule::of_kernel(body));
        }
        kind == DONE || number > MOST_RULES
    })?;
    if number > MOST_RULES {
        return Err(io::Error::other(format!("more than {MOST_RULES} rules")));
    }
    Ok(rules)
}

/// Asks one thing and hands over the answers until `take` has all.
fn question(kind: u16, take: &mut dyn FnMut(u16, &[u8]) -> bool) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_AUDIT)?;
    socket.bind_auto()?;
    let millis = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(millis))?;
    let mut message = Vec::with_capacity(HEADER);
    message.extend(16_u32.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    socket.send_to(&message, &SocketAddr::new(0, 0), 0)?;
    let deadline = Instant::now() + PATIENCE;
    let mut buffer = Vec::with_capacity(LARGEST_DATAGRAM);
    while Instant::now() < deadline {
        buffer.clear();
        let sender = match socket.recv_from(&mut buffer, 0) {
            Ok((_, sender)) => sender,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // Only the kernel's word counts.
        if sender.port_number() == 0 && read(&buffer, take)? {
            return Ok(());
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Hands over the messages of one datagram; `true` once `take` has all.
fn read(mut bytes: &[u8], take: &mut dyn FnMut(u16, &[u8]) -> bool) -> io::Result<bool> {
    while let Some((length, kind)) = header(bytes) {
        let Some(body) = bytes.get(HEADER..length) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if kind == ERROR {
            let code = body
                .get(..4)
                .and_then(|code| code.try_into().ok())
                .map_or(0, i32::from_ne_bytes);
            if code != 0 {
                return Err(io::Error::from_raw_os_error(code.saturating_neg()));
            }
        } else if take(kind, body) {
            return Ok(true);
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?);
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    (length >= HEADER && bytes.len() >= HEADER).then_some((length, kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_running_kernel_answers_or_says_why_not() {
        match ask() {
            Known::Value(audit) => assert!(audit.enabled <= 2, "{audit:?}"),
            Known::Denied(_) | Known::Absent(_) => {
                eprintln!("SKIPPED: the audit subsystem can't be asked here");
            }
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(bytes: Vec<u8>) {
            let _refused = read(&bytes, &mut |_, _| false);
        }
    }
}
