//! What a UDP socket speaks of DTLS and QUIC, and how.

use std::time::{Duration, Instant};

use super::classify::Found;
use super::dtls;
use super::hello::{Hello, TLS1_2};
use super::line::{Blocked, Line};
use super::shapes::{Names, any_version};
use super::trial::{Peer, Trial, Until};
use super::versions::First;
use super::{Offer, Protocol};

/// Longest wait for an answer to the first datagram of a kind.
const PATIENCE: Duration = Duration::from_millis(900);
const TLS1_1: u16 = 0x0302;

/// Finds out which of the two is spoken.
pub(super) fn classify(peer: &Peer<'_>, names: &Names) -> Found {
    let peer = Peer {
        patience: PATIENCE,
        ..*peer
    };
    // DTLS first: a server of QUIC drops what it can't read, and there are servers of DTLS that wait for ever on what
    // they can't read (gnutls-serv looks at it again and again and takes nothing after it).
    let hello = hello(TLS1_2, names);
    match peer.say(&hello, Until::Exchange) {
        Trial::Answered(answer, flight) => {
            return Found {
                accepted: Some(Box::new(First {
                    hello,
                    answer,
                    flight: *flight,
                })),
                ..Found::new(Protocol::Dtls)
            };
        }
        Trial::Alert(_) => return Found::new(Protocol::Dtls),
        Trial::Blocked(why) => return Found::unknown(why.to_string()),
        Trial::Closed => return Found::unknown("nobody takes what is sent to it"),
        Trial::Foreign(_) | Trial::Silent => {}
    }
    match quic(peer.line) {
        Ok(true) => Found::new(Protocol::Quic),
        Ok(false) => Found {
            why: Some("it answers neither to DTLS nor to QUIC".to_owned()),
            ..Found::new(Protocol::Silent)
        },
        Err(why) => Found::unknown(why.to_string()),
    }
}

fn quic(line: &Line) -> Result<bool, Blocked> {
    let (address, end) = line.datagrams(PATIENCE)?;
    let socket = dtls::socket(address)?;
    if socket.send(&dtls::quic_question()).is_err() {
        return Ok(false);
    }
    let mut buffer = [0; 2048];
    let left = end.saturating_duration_since(Instant::now());
    let heard = socket
        .set_read_timeout(Some(left.max(Duration::from_millis(1))))
        .and_then(|()| socket.recv(&mut buffer));
    // Whatever else is said, or nothing, is not QUIC.
    Ok(heard.is_ok_and(|length| dtls::quic_versions(buffer.get(..length).unwrap_or_default()).is_some()))
}

/// The versions of DTLS that are accepted, as those of TLS, with the first answer of each.
pub(super) fn versions(peer: &Peer<'_>, names: &Names, known: Option<First>) -> ([Offer; 6], Vec<First>) {
    let mut firsts: Vec<First> = known.into_iter().collect();
    let not_tried = || Offer::Unknown("DTLS 1.3 is not tried".to_owned());
    let mut offers = [const { Offer::NotOffered }; 6];
    let [_, _, _, v1_1, v1_2, v1_3] = &mut offers;
    {
        *v1_3 = not_tried();
        for (number, offer) in [(TLS1_2, v1_2), (TLS1_1, v1_1)] {
            *offer = offer_of(peer, &mut firsts, &hello(number, names));
        }
    }
    (offers, firsts)
}

fn offer_of(peer: &Peer<'_>, firsts: &mut Vec<First>, hello: &Hello) -> Offer {
    if firsts.iter().any(|first| first.answer.version == hello.version) {
        return Offer::Offered;
    }
    match peer.say(hello, Until::Exchange) {
        Trial::Answered(answer, flight) => {
            let offered = answer.version == hello.version;
            firsts.push(First {
                hello: hello.clone(),
                answer,
                flight: *flight,
            });
            if offered {
                Offer::Offered
            } else {
                Offer::NotOffered
            }
        }
        Trial::Alert(_) => Offer::NotOffered,
        // A server may leave what it does not like unanswered: then it still answers what it liked.
        Trial::Closed if still_answers(peer, firsts) => Offer::NotOffered,
        Trial::Closed | Trial::Foreign(_) | Trial::Silent => {
            Offer::Unknown("the peer did not answer in time".to_owned())
        }
        Trial::Blocked(why) => Offer::Unknown(why.to_string()),
    }
}

fn still_answers(peer: &Peer<'_>, firsts: &[First]) -> bool {
    firsts
        .first()
        .is_some_and(|first| matches!(peer.say(&first.hello, Until::Exchange), Trial::Answered(..)))
}

fn hello(version: u16, names: &Names) -> Hello {
    let all = any_version(names);
    Hello {
        version,
        versions: Vec::new(),
        suites: super::suites::all_before_1_3(),
        signatures: if version == TLS1_2 {
            all.signatures.clone()
        } else {
            Vec::new()
        },
        ..all
    }
}
