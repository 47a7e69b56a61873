//! Connects to another host as a prover: TCP alone, a few ports at a time, without a word.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use plumbline_config::outside::{Attempt, Consent, MOST_PORTS, Outcome, is_outside};
use plumbline_config::plan::OutsideProof;
use plumbline_facts::outside::Found;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

/// Rest before each connection.
const REST: Duration = Duration::from_millis(50);
/// How long an answer is waited for: two tries of the kernel's to open a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// Connects to what the plan lets this host connect to and the other host consents to; `None` where that is nothing.
pub(super) async fn to(plan: &OutsideProof, consent: &Consent) -> Option<Found> {
    let mut attempts = Vec::new();
    for (address, port) in allowed(plan, consent) {
        attempts.push(attempt(address, port).await);
    }
    let at = Timestamp::now();
    (!attempts.is_empty()).then_some(Found { at, attempts })
}

/// Addresses and ports that both the plan and the host that they are of allow.
fn allowed(plan: &OutsideProof, consent: &Consent) -> Vec<(IpAddr, u16)> {
    let in_question = consent.in_question.iter();
    let all = in_question.flat_map(|asked| asked.ports.iter().map(|port| (asked.address, *port)));
    all.filter(|(address, port)| is_outside(*address) && plan.lets(&consent.host, *address, *port))
        .take(MOST_PORTS)
        .collect()
}

async fn attempt(address: IpAddr, port: u16) -> Attempt {
    sleep(REST).await;
    let from = source(address).await.ok();
    let outcome = if from == Some(address) {
        // An address of this machine's own: nothing is proved from here.
        Outcome::NotTried
    } else {
        match timeout(PATIENCE, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(_closed)) => Outcome::Connected,
            Ok(Err(error)) => Outcome::of(&error),
            Err(_) => Outcome::NoAnswer,
        }
    };
    Attempt {
        from,
        to: address,
        port,
        outcome,
        at: Timestamp::now(),
    }
}

/// The address that this machine sends from to `address`. A UDP socket learns it without a packet (connect(2)).
async fn source(address: IpAddr) -> std::io::Result<IpAddr> {
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).await?;
    // The port is of no matter: that of the discard protocol.
    socket.connect((address, 9)).await?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use plumbline_config::outside::ProofRequest;
    use plumbline_config::plan::ProofTarget;

    use super::*;

    #[test]
    fn only_what_the_plan_and_the_host_both_name_is_connected_to() {
        let target = |host: &str, address: &str, ports: &[&str]| ProofTarget {
            host: host.parse().unwrap(),
            addresses: vec![address.parse().unwrap()],
            ports: ports.iter().map(|ports| ports.parse().unwrap()).collect(),
        };
        let plan = OutsideProof {
            targets: vec![
                target("h-2", "192.0.2.2", &["tcp/1-1023"]),
                target("h-3", "192.0.2.3", &[]),
            ],
            ..OutsideProof::default()
        };
        let consent = |host: &str, address: &str| Consent {
            host: host.parse().unwrap(),
            in_question: vec![ProofRequest {
                address: address.parse().unwrap(),
                ports: vec![22, 8080],
            }],
        };
        let ports = |host, address| -> Vec<u16> {
            let allowed = allowed(&plan, &consent(host, address));
            allowed.into_iter().map(|(_, port)| port).collect()
        };
        assert_eq!(ports("h-2", "192.0.2.2"), [22]);
        assert_eq!(ports("h-3", "192.0.2.3"), [22, 8080]);
        // Whatever is said of consents: not another host's address, none that the plan does not name, no loopback.
        assert!(ports("h-2", "192.0.2.3").is_empty());
        assert!(ports("h-3", "198.51.100.1").is_empty());
        assert!(ports("h-4", "192.0.2.2").is_empty());
        assert!(ports("h-3", "127.0.0.1").is_empty());
    }
}
