//! Connections made ahead to a peer that lets strangers wait for its greeting, so that the waiting is done for several of
//! them at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::StartTls;
use super::line::{Blocked, Line, Stream};
use super::starttls;

/// Connections that wait for a greeting at a time; none is spoken on while one is taken.
const AHEAD: usize = 4;

/// Wait for an answer to a hello, in percent of the time for the endpoint.
const ANSWER_PATIENCE: u32 = 20;

/// Connections on which TLS can begin at once.
#[derive(Debug)]
pub(super) struct Pool {
    line: Arc<Line>,
    kind: StartTls,
    name: String,
    sender: Sender<Result<Stream, Blocked>>,
    ready: Mutex<Receiver<Result<Stream, Blocked>>>,
    waiting: AtomicUsize,
}

impl Pool {
    pub(super) fn new(line: &Arc<Line>, kind: StartTls, name: &str) -> Self {
        let (sender, ready) = channel();
        Self {
            line: Arc::clone(line),
            kind,
            name: name.to_owned(),
            sender,
            ready: Mutex::new(ready),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The next connection on which TLS can begin, to be spoken on for `patience`.
    pub(super) fn take(&self, patience: Duration) -> Result<Stream, Blocked> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        while self.waiting.load(Ordering::Relaxed) < AHEAD
            && (self.waiting.load(Ordering::Relaxed) == 0 || self.line.connections_left() > 0)
        {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            self.make();
        }
        let made = ready.recv_timeout(self.line.time_left());
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut stream = match made {
            Ok(made) => made?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(Blocked::TimeUp),
        };
        // What is left to wait for is an answer to a hello, not a greeting.
        let patience = patience
            .min(self.line.share(ANSWER_PATIENCE))
            .min(self.line.time_left());
        stream.until(Instant::now() + patience);
        Ok(stream)
    }

    /// Makes a connection beside this thread; it ends with the time for the endpoint at the latest.
    fn make(&self) {
        let (line, kind, name) = (Arc::clone(&self.line), self.kind, self.name.clone());
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            let made = line.connect(line.time_left()).and_then(|mut stream| {
                starttls::begin(kind, &mut stream, &name)
                    .map(|()| stream)
                    .map_err(|refusal| Blocked::Talk(refusal.to_string()))
            });
            // Nobody may want it any more.
            let _unwanted = sender.send(made);
        });
    }
}
