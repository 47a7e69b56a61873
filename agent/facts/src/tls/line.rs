//! Connections to one endpoint, under one deadline and one limit for the whole dialogue with it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes taken from one connection. The longest honest answer is a certificate chain with a long list of client
/// certificate authorities.
const MOST_BYTES: usize = 256 * 1024;
/// Most bytes of one line of a text protocol; SMTP allows 512, and greetings are longer in practice.
const LONGEST_LINE: usize = 4096;

/// The way to one endpoint.
#[derive(Debug)]
pub(super) struct Line {
    addresses: Vec<SocketAddr>,
    /// Place in `addresses` of the one that answers.
    good: AtomicUsize,
    began: Instant,
    /// The end of the whole dialogue, in milliseconds after its beginning.
    ends_after: AtomicU64,
    /// The time for the whole dialogue.
    time: Duration,
    left: AtomicU32,
    /// When the next connection may be made, and the time from one to the next.
    pace: Mutex<Instant>,
    gap: Duration,
}

/// Why there is no connection on which to say a hello.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Blocked {
    #[error("could not connect to {0}: {1}")]
    Refused(SocketAddr, String),
    #[error("no address is known for it")]
    NoAddress,
    #[error("the time for this endpoint was used up")]
    TimeUp,
    #[error("the number of connections allowed for one endpoint was used up")]
    TooMany,
    #[error("TLS could not be begun: {0}")]
    Talk(String),
}

impl Line {
    /// To the first of `addresses` that can be connected to.
    pub(super) fn new(
        addresses: Vec<SocketAddr>,
        time: Duration,
        most_connections: u32,
        gap: Duration,
    ) -> Self {
        let near = addresses
            .iter()
            .all(|address| address.ip().to_canonical().is_loopback());
        let now = Instant::now();
        Self {
            addresses,
            good: AtomicUsize::new(0),
            began: now,
            ends_after: AtomicU64::new(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            time,
            left: AtomicU32::new(most_connections),
            pace: Mutex::new(now),
            gap: if near { Duration::ZERO } else { gap },
        }
    }

    /// Moves the end of the dialogue to `time` after its beginning, unless it is later already.
    pub(super) fn extend(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.ends_after.fetch_max(millis, Ordering::Relaxed);
    }

    fn deadline(&self) -> Instant {
        self.began + Duration::from_millis(self.ends_after.load(Ordering::Relaxed))
    }

    /// Waits until the next connection may be made.
    fn wait_for_turn(&self) {
        if self.gap.is_zero() {
            return;
        }
        let turn = {
            let mut next = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + self.gap;
            turn
        };
        std::thread::sleep(
            turn.min(self.deadline())
                .saturating_duration_since(Instant::now()),
        );
    }

    /// A share of the time for the endpoint.
    pub(super) fn share(&self, percent: u32) -> Duration {
        self.time * percent / 100
    }

    /// How much of the time for the endpoint is left.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    /// How many connections are left.
    pub(super) fn connections_left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }

    /// Where to send datagrams of one dialogue, and until when it may take.
    pub(super) fn datagrams(&self, patience: Duration) -> Result<(SocketAddr, Instant), Blocked> {
        let address = *self.addresses.first().ok_or(Blocked::NoAddress)?;
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .map_err(|_none| Blocked::TooMany)?;
        self.wait_for_turn();
        if self.time_left().is_zero() {
            return Err(Blocked::TimeUp);
        }
        Ok((address, self.deadline().min(Instant::now() + patience)))
    }

    /// Connects; what is said on the connection has to be said within `patience`.
    pub(super) fn connect(&self, patience: Duration) -> Result<Stream, Blocked> {
        if self.addresses.is_empty() {
            return Err(Blocked::NoAddress);
        }
        if self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
        {
            return Err(Blocked::TooMany);
        }
        self.wait_for_turn();
        let until = self.deadline().min(Instant::now() + patience);
        let first = self.good.load(Ordering::Relaxed);
        let mut last = Blocked::TimeUp;
        for (place, address) in self.addresses.iter().enumerate().skip(first) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(address, left) {
                Ok(tcp) => {
                    self.good.store(place, Ordering::Relaxed);
                    // Handshakes are small messages that wait for each other.
                    let _unimportant = tcp.set_nodelay(true);
                    return Ok(Stream {
                        tcp,
                        until,
                        heard: Vec::new(),
                        total: 0,
                    });
                }
                Err(error) => last = Blocked::Refused(*address, error.to_string()),
            }
        }
        Err(last)
    }
}

/// A connection, with what was heard on it and not yet taken.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    until: Instant,
    heard: Vec<u8>,
    total: usize,
}

/// Why no more is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    #[error("the peer closed the connection")]
    Ended,
    #[error("the peer reset the connection")]
    Reset,
    #[error("the peer did not answer in time")]
    Silent,
    #[error("the peer sent more than it should")]
    TooMuch,
}

impl Stream {
    /// Gives it until `until`.
    pub(super) fn until(&mut self, until: Instant) {
        self.until = until;
    }

    /// Sends all of `bytes`.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        self.tcp
            .set_write_timeout(Some(self.left()?))
            .and_then(|()| self.tcp.write_all(bytes))
            .map_err(|error| cut(&error))
    }

    /// What was heard and not yet taken.
    pub(super) fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// Takes all that was heard.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.heard)
    }

    /// Waits for more to be heard, at least one byte.
    pub(super) fn listen(&mut self) -> Result<(), Cut> {
        let mut buffer = [0; 4096];
        let length = loop {
            let left = self.left()?;
            match self
                .tcp
                .set_read_timeout(Some(left))
                .and_then(|()| self.tcp.read(&mut buffer))
            {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(cut(&error)),
                Ok(0) => return Err(Cut::Ended),
                Ok(length) => break length,
            }
        };
        self.total += length;
        if self.total > MOST_BYTES {
            return Err(Cut::TooMuch);
        }
        self.heard.extend(buffer.iter().take(length));
        Ok(())
    }

    /// Takes one line, without its end; bytes that are not UTF-8 are replaced.
    pub(super) fn line(&mut self) -> Result<String, Cut> {
        let mut looked_at = 0;
        loop {
            let end = self.heard.iter().skip(looked_at).position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.heard.drain(..=looked_at + end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            looked_at = self.heard.len();
            if looked_at > LONGEST_LINE {
                return Err(Cut::TooMuch);
            }
            self.listen()?;
        }
    }

    /// Takes exactly `length` bytes.
    pub(super) fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Cut> {
        while self.heard.len() < length {
            if length > MOST_BYTES {
                return Err(Cut::TooMuch);
            }
            self.listen()?;
        }
        Ok(self.heard.drain(..length).collect())
    }

    fn left(&self) -> Result<Duration, Cut> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            Err(Cut::Silent)
        } else {
            Ok(left)
        }
    }
}

fn cut(error: &io::Error) -> Cut {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Cut::Silent,
        ErrorKind::UnexpectedEof | ErrorKind::WriteZero => Cut::Ended,
        // ECONNRESET, EPIPE, ECONNABORTED: the peer is gone, whatever the kernel calls it.
        _ => Cut::Reset,
    }
}
