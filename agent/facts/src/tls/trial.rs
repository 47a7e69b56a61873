//! One hello on one connection, and what came of it.

use std::time::Duration;

use super::StartTls;
use super::dtls;
use super::flight::{Flight, ServerHello};
use super::hello::{Hello, ssl2_hello};
use super::line::{Blocked, Cut, Line, Stream};
use super::pool::Pool;
use super::spoken::recognise;
use super::ssl2;
use super::starttls;
use super::suites;

/// Most bytes kept of an answer that is not TLS.
const MOST_FOREIGN: usize = 1024;

/// A peer, with what has to be said before each hello.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer<'a> {
    pub(super) line: &'a Line,
    pub(super) starttls: Option<StartTls>,
    /// Over UDP.
    pub(super) datagrams: bool,
    /// Over UDP, to a server that has answered: silence to all that was said again is like a closed connection.
    pub(super) silence_closes: bool,
    /// Connections made ahead to a peer that is slow to greet.
    pub(super) pool: Option<&'a Pool>,
    /// What the peer is taken to be called in protocols that ask for it.
    pub(super) name: &'a str,
    /// How long one connection may take.
    pub(super) patience: Duration,
}

/// How much of the server's flight is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Its hello.
    Hello,
    /// Its hello, and its certificates and parameters where the suite of TLS 1.2 or before has some.
    Exchange,
    /// All that is in clear.
    Flight,
}

/// What came of a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    /// A ServerHello, and what came with it.
    Answered(ServerHello, Box<Flight>),
    /// A fatal alert.
    Alert(u8),
    /// The connection ended, or was reset, without an answer.
    Closed,
    /// An answer that is not TLS, or its beginning.
    Foreign(Vec<u8>),
    /// No answer in time.
    Silent,
    /// The hello could not be said.
    Blocked(Blocked),
}

/// Whether a flight has come as far as it is wanted.
pub(super) fn enough(flight: &Flight, until: Until) -> bool {
    match until {
        Until::Hello => flight.hello.is_some(),
        Until::Exchange => flight.hello.is_some_and(|hello| {
            flight.exchange.is_some()
                || !suites::has_exchange(hello.suite)
                    && (!flight.certificates.is_empty() || !suites::has_certificate(hello.suite))
        }),
        Until::Flight => false,
    }
}

impl Peer<'_> {
    /// Says a hello.
    pub(super) fn say(&self, hello: &Hello, until: Until) -> Trial {
        if self.datagrams {
            return match self.line.datagrams(self.patience) {
                Ok((address, end)) => match dtls::say(address, hello, until, end) {
                    Trial::Silent if self.silence_closes => Trial::Closed,
                    trial => trial,
                },
                Err(why) => Trial::Blocked(why),
            };
        }
        let bytes = hello.encode();
        let mut stream = match self.open() {
            Ok(stream) => stream,
            Err(why) => return Trial::Blocked(why),
        };
        let mut flight = Flight::default();
        let mut heard = Vec::new();
        let mut cut = stream.send(&bytes).err();
        // A peer that greets and closes at once leaves its greeting to be read though the hello could not be sent.
        loop {
            if flight.over() || enough(&flight, until) {
                break;
            }
            if let Err(end) = stream.listen() {
                cut = Some(cut.unwrap_or(end));
                break;
            }
            let piece = stream.take();
            flight.feed(&piece);
            if heard.len() < MOST_FOREIGN {
                heard.extend(piece);
            }
        }
        // What comes after a ServerHello can't unsay it.
        if flight.foreign && flight.hello.is_none() {
            while recognise(&heard, false).is_none() && stream.listen().is_ok() {
                heard.extend(stream.take());
            }
            heard.truncate(MOST_FOREIGN);
            return Trial::Foreign(heard);
        }
        match (flight.hello, flight.alert) {
            (Some(hello), _) => Trial::Answered(hello, Box::new(flight)),
            (None, Some(description)) => Trial::Alert(description),
            (None, None) => match cut {
                Some(Cut::Ended | Cut::Reset) => Trial::Closed,
                Some(Cut::Silent) | None => Trial::Silent,
                Some(Cut::TooMuch) => Trial::Foreign(heard),
            },
        }
    }

    /// Says the hello of SSL 2.0. `Ok` holds the answer of one that speaks it.
    pub(super) fn say_ssl2(&self) -> Result<ssl2::Answer, Trial> {
        let mut stream = self.open().map_err(Trial::Blocked)?;
        let mut cut = stream.send(&ssl2_hello()).err();
        loop {
            match ssl2::parse(stream.heard()) {
                ssl2::Answer::Partial => {}
                ssl2::Answer::Foreign => break,
                answer => return Ok(answer),
            }
            if let Err(end) = stream.listen() {
                cut = Some(cut.unwrap_or(end));
                break;
            }
        }
        let heard = stream.take();
        let mut flight = Flight::default();
        flight.feed(&heard);
        Err(match (flight.alert, cut) {
            (Some(description), _) => Trial::Alert(description),
            (None, Some(Cut::Ended | Cut::Reset)) if heard.is_empty() => Trial::Closed,
            (None, Some(Cut::Silent)) => Trial::Silent,
            _ => Trial::Foreign(heard),
        })
    }

    pub(super) fn open(&self) -> Result<Stream, Blocked> {
        if let Some(pool) = self.pool {
            return pool.take(self.patience);
        }
        let mut stream = self.line.connect(self.patience)?;
        if let Some(kind) = self.starttls {
            starttls::begin(kind, &mut stream, self.name)
                .map_err(|refusal| Blocked::Talk(refusal.to_string()))?;
        }
        Ok(stream)
    }
}
