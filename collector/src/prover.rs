//! The collector as a prover: it connects to ports of a host that asks for it, and to nobody else's.
//!
//! An enrolled host may be in strange hands. So a request says nothing of whom to connect to but one address, which has
//! to be the one that the request came from, or one that the plan names for this very host; connections carry nothing,
//! are few at a time, and are counted.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::outside::{Attempt, Declined, MOST_PORTS, Outcome, is_outside};
use plumbline_config::plan::OutsideProof;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Hosts connected to at a time; more wait their turn.
const HOSTS_AT_A_TIME: usize = 8;

/// Connections to one host at a time.
const PORTS_AT_A_TIME: usize = 4;

/// Rest before each connection.
const REST: Duration = Duration::from_millis(50);

/// How long an answer is waited for: two tries of the kernel's to open a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// Longest wait for a turn.
const TURN: Duration = Duration::from_secs(20);

/// Ports are counted over this time, by host.
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// Most ports of one host in that time: some whole rounds.
const MOST_IN_WINDOW: usize = 4 * MOST_PORTS;

/// Hosts that are remembered before those are forgotten whose time is over.
const MANY_HOSTS: usize = 10_000;

/// Connects to hosts that ask for it.
#[derive(Debug)]
pub(crate) struct Prover {
    turns: Semaphore,
    tried: Mutex<HashMap<HostId, Tried>>,
}

/// What was tried at one host lately.
#[derive(Clone, Copy, Debug)]
struct Tried {
    since: Instant,
    ports: usize,
    /// A request is being answered.
    busy: bool,
}

/// Why it is not the host's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// For so many seconds: enough was tried.
    Tried(u64),
    /// Another request of this host, or those of many others, are being answered.
    Busy,
}

impl Default for Prover {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(HOSTS_AT_A_TIME),
            tried: Mutex::default(),
        }
    }
}

/// Why this address is not connected to for this host; `None`: it may be. `plan` is the part for the host's role,
/// `from` where its request came from.
pub(crate) fn declined(
    plan: Option<&OutsideProof>,
    host: &HostId,
    from: IpAddr,
    address: IpAddr,
) -> Option<Declined> {
    let Some(plan) = plan.filter(|plan| plan.by_collector()) else {
        return Some(Declined::NotInThePlan);
    };
    if !is_outside(address) {
        return Some(Declined::NotOutside);
    }
    let is_hosts = address == from.to_canonical() || plan.names(host, address);
    (!is_hosts).then_some(Declined::NotTheHosts)
}

impl Prover {
    /// Connects to each of these ports. `Ok(None)`: the address is one of this machine's own, so nothing was tried.
    pub(crate) async fn prove(
        &self,
        host: &HostId,
        address: IpAddr,
        ports: &[u16],
    ) -> Result<Option<Vec<Attempt>>, Wait> {
        let from = source(address).ok();
        if from == Some(address) {
            return Ok(None);
        }
        self.begin(host, ports.len(), Instant::now())?;
        let _ended = Ended { prover: self, host };
        let turn = timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Wait::Busy);
        };
        let attempts = stream::iter(ports.to_vec()).map(|port| attempt(from, address, port));
        Ok(Some(attempts.buffered(PORTS_AT_A_TIME).collect().await))
    }

    fn begin(&self, host: &HostId, ports: usize, now: Instant) -> Result<(), Wait> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |tried: &Tried| now.duration_since(tried.since) >= WINDOW;
        if tried.len() >= MANY_HOSTS {
            tried.retain(|_, tried| tried.busy || !is_over(tried));
        }
        let fresh = Tried {
            since: now,
            ports: 0,
            busy: false,
        };
        let of_host = tried.entry(host.clone()).or_insert(fresh);
        if of_host.busy {
            return Err(Wait::Busy);
        }
        if is_over(of_host) {
            *of_host = fresh;
        }
        if of_host.ports + ports > MOST_IN_WINDOW {
            let left = WINDOW.saturating_sub(now.duration_since(of_host.since));
            return Err(Wait::Tried(left.as_secs().max(1)));
        }
        of_host.ports += ports;
        of_host.busy = true;
        Ok(())
    }
}

/// The end of a request, also of one whose host went away.
struct Ended<'p> {
    prover: &'p Prover,
    host: &'p HostId,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut tried = self.prover.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_host) = tried.get_mut(self.host) {
            of_host.busy = false;
        }
    }
}

/// Opens a connection, and closes it without a word.
async fn attempt(from: Option<IpAddr>, address: IpAddr, port: u16) -> Attempt {
    sleep(REST).await;
    let outcome = match timeout(PATIENCE, TcpStream::connect(SocketAddr::new(address, port))).await {
        Ok(Ok(_closed)) => Outcome::Connected,
        Ok(Err(error)) => Outcome::of(&error),
        Err(_) => Outcome::NoAnswer,
    };
    Attempt {
        from,
        to: address,
        port,
        outcome,
        at: Timestamp::now(),
    }
}

/// The address that this machine sends from to `address`; to one of its own that is the address itself. A UDP socket
/// learns it without a packet (connect(2)).
fn source(address: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // The port is of no matter: that of the discard protocol.
    socket.connect((address, 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use plumbline_config::plan::ProofTarget;

    use super::*;

    fn id(text: &str) -> HostId {
        text.parse().unwrap()
    }

    #[test]
    fn only_where_the_request_came_from_or_the_plan_says_is_connected_to() {
        let plan = OutsideProof {
            provers: vec!["collector".to_owned()],
            targets: vec![ProofTarget {
                host: id("h-1"),
                addresses: vec!["203.0.113.5".parse().unwrap()],
                ports: Vec::new(),
            }],
            ..OutsideProof::default()
        };
        let ask = |plan: Option<&OutsideProof>, host: &str, from: &str, address: &str| {
            declined(plan, &id(host), from.parse().unwrap(), address.parse().unwrap())
        };
        let here = Some(&plan);
        assert_eq!(ask(here, "h-1", "192.0.2.1", "192.0.2.1"), None);
        assert_eq!(ask(here, "h-1", "::ffff:192.0.2.1", "192.0.2.1"), None);
        assert_eq!(ask(here, "h-1", "192.0.2.1", "203.0.113.5"), None);
        // What the plan names for one host is not for another to ask for, nor is any third party's.
        assert_eq!(
            ask(here, "h-2", "192.0.2.2", "203.0.113.5"),
            Some(Declined::NotTheHosts)
        );
        assert_eq!(
            ask(here, "h-1", "192.0.2.1", "198.51.100.7"),
            Some(Declined::NotTheHosts)
        );
        for address in ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0"] {
            assert_eq!(
                ask(here, "h-1", address, address),
                Some(Declined::NotOutside),
                "{address}"
            );
        }
        let nobody = OutsideProof::default();
        for plan in [None, Some(&nobody)] {
            assert_eq!(
                ask(plan, "h-1", "192.0.2.1", "192.0.2.1"),
                Some(Declined::NotInThePlan)
            );
        }
    }

    #[test]
    fn a_host_is_tried_at_one_request_at_a_time_and_no_more_than_so_often() {
        let prover = Prover::default();
        let (one, other) = (id("h-1"), id("h-2"));
        let now = Instant::now();
        prover.begin(&one, 16, now).unwrap();
        assert_eq!(prover.begin(&one, 1, now), Err(Wait::Busy));
        drop(Ended {
            prover: &prover,
            host: &one,
        });
        for _ in 1..MOST_IN_WINDOW / 16 {
            prover.begin(&one, 16, now).unwrap();
            drop(Ended {
                prover: &prover,
                host: &one,
            });
        }
        assert_eq!(prover.begin(&one, 1, now), Err(Wait::Tried(WINDOW.as_secs())));
        prover.begin(&other, 1, now).unwrap();
        prover.begin(&one, 1, now + WINDOW).unwrap();
    }

    #[tokio::test]
    async fn a_machine_is_not_outside_itself() {
        let prover = Prover::default();
        let address = "127.0.0.1".parse().unwrap();
        assert_eq!(prover.prove(&id("h-1"), address, &[1]).await, Ok(None));
    }
}
