//! What an endpoint speaks: TLS at once, TLS after a request, or something else.
//!
//! Port number and process name only order the attempts. Each is one connection, and what one hears may call for
//! another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hello::{Hello, TLS1_2};
use super::line::{Blocked, Cut, Line, Stream};
use super::shapes::{Names, any_version, old_style};
use super::spoken::{Spoken, recognise};
use super::starttls::{self, Refusal};
use super::survey::Target;
use super::trial::{Peer, Trial, Until};
use super::versions::First;
use super::{Protocol, StartTls, http_head, ssl2};

/// Wait for an answer to the first hello, in percent of the time for the endpoint. A server under load takes longer to
/// answer TLS than to greet. Together with seven talks it leaves time to conclude that a peer is silent.
const HELLO_PATIENCE: u32 = 40;
/// Wait for an answer to what was said in another protocol.
const TALK_PATIENCE: u32 = 8;
/// Wait for a greeting where one is expected: mail servers let strangers wait (postscreen(8)).
const GREETING_PATIENCE: u32 = 43;

/// A peer that has not answered the first hello by then may be one that greets.
const SOON: Duration = Duration::from_millis(250);

/// What a peer is called that has no other name.
pub(super) const DEFAULT_NAME: &str = "localhost";

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) protocol: Protocol,
    /// The protocol spoken in clear, where it is known.
    pub(super) speaks: Option<&'static str>,
    /// What could not be found out.
    pub(super) why: Option<String>,
    /// A hello that was accepted.
    pub(super) accepted: Option<Box<First>>,
    pub(super) reachable: bool,
    /// Over HTTP it only sends one on to HTTPS.
    pub(super) redirects: bool,
    /// What the peer has to be called, where it does not answer to the name that it was given.
    pub(super) name: Option<&'static str>,
}

impl Found {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            speaks: None,
            why: None,
            accepted: None,
            reachable: true,
            redirects: false,
            name: None,
        }
    }

    fn plain(speaks: &'static str) -> Self {
        Self {
            speaks: Some(speaks),
            ..Self::new(Protocol::Cleartext)
        }
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self {
            why: Some(why.into()),
            ..Self::new(Protocol::Unknown)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Hello,
    Greeting,
    Http,
    Talk(StartTls),
    OldHello,
    Ssl2Hello,
}

const ATTEMPTS: [Attempt; 8] = [
    Attempt::Hello,
    Attempt::Greeting,
    Attempt::OldHello,
    Attempt::Http,
    Attempt::Talk(StartTls::Postgresql),
    Attempt::Talk(StartTls::Ldap),
    Attempt::Talk(StartTls::Xmpp),
    Attempt::Ssl2Hello,
];

/// What an attempt came to.
enum Step {
    Found(Found),
    /// Try this next.
    Next(Attempt),
    Silent,
    Closed,
    Unrecognised,
}

/// Whether a peer of this port or process is one that greets, and so may take its time.
pub(super) fn greets(port: u16, process: &str) -> bool {
    matches!(likeliest(port, process), Some(Attempt::Greeting))
}

fn likeliest(port: u16, process: &str) -> Option<Attempt> {
    match port {
        21 | 22 | 24 | 25 | 110 | 143 | 587 | 2525 | 3306 | 4190 => return Some(Attempt::Greeting),
        389 => return Some(Attempt::Talk(StartTls::Ldap)),
        5222 => return Some(Attempt::Talk(StartTls::Xmpp)),
        5269 => return Some(Attempt::Talk(StartTls::XmppServer)),
        5432 => return Some(Attempt::Talk(StartTls::Postgresql)),
        _ => {}
    }
    match process {
        "sshd" | "mysqld" | "mariadbd" => Some(Attempt::Greeting),
        "postgres" | "postmaster" => Some(Attempt::Talk(StartTls::Postgresql)),
        _ => None,
    }
}

/// Finds out what is spoken. `peer` has no request before TLS yet.
pub(super) fn classify(peer: &Peer<'_>, line: &Arc<Line>, target: &Target, names: &Names) -> Found {
    let first = likeliest(target.port, &target.process);
    let mut pending: VecDeque<Attempt> = first.into_iter().chain(ATTEMPTS).collect();
    let mut tried = Vec::new();
    let (mut closed, mut unrecognised, mut hint) = (false, false, None);
    while let Some(attempt) = pending.pop_front() {
        if tried.contains(&attempt) {
            continue;
        }
        if peer.line.time_left().is_zero() {
            return Found::unknown("it did not become clear what is spoken in the time for one endpoint");
        }
        tried.push(attempt);
        let step = match attempt {
            Attempt::Hello if tried.contains(&Attempt::Greeting) => {
                hello(peer, &any_version(names), HELLO_PATIENCE)
            }
            Attempt::Hello => {
                let step = hello_or_greeting(peer, line, &any_version(names));
                // A greeting was waited for at the same time.
                if matches!(step, Ok(Step::Silent)) {
                    tried.push(Attempt::Greeting);
                }
                step
            }
            Attempt::OldHello => hello(peer, &old_style(TLS1_2), TALK_PATIENCE),
            Attempt::Ssl2Hello => ssl2_hello(peer),
            Attempt::Greeting => {
                let expected = first == Some(attempt) || hint == Some(attempt);
                greeting(
                    peer,
                    if expected {
                        GREETING_PATIENCE
                    } else {
                        TALK_PATIENCE
                    },
                )
            }
            Attempt::Http => http(peer),
            Attempt::Talk(kind) => talk(peer, kind),
        };
        match step {
            Ok(Step::Found(found)) => return found,
            Ok(Step::Next(next)) => {
                hint = Some(next);
                pending.push_front(next);
            }
            Ok(Step::Silent) => {}
            Ok(Step::Closed) => closed = true,
            Ok(Step::Unrecognised) => unrecognised = true,
            Err(error @ (Blocked::Refused(..) | Blocked::NoAddress)) if tried.len() == 1 => {
                return Found {
                    reachable: false,
                    ..Found::unknown(error.to_string())
                };
            }
            Err(Blocked::Refused(..)) => closed = true,
            Err(error) => return Found::unknown(error.to_string()),
        }
    }
    if unrecognised || hint.is_some() {
        Found::unknown("it answers in a way that is not recognised")
    } else if closed {
        Found::unknown("it closes the connection whatever is said to it")
    } else {
        Found {
            why: Some("it accepts connections and answers nothing that was said to it".to_owned()),
            ..Found::new(Protocol::Silent)
        }
    }
}

fn hello(peer: &Peer<'_>, hello: &Hello, patience: u32) -> Result<Step, Blocked> {
    let peer = Peer {
        patience: peer.line.share(patience),
        ..*peer
    };
    after_hello(hello, peer.say(hello, Until::Exchange))
}

/// Says a hello; while it is not answered, listens on another connection for a greeting.
fn hello_or_greeting(peer: &Peer<'_>, line: &Arc<Line>, hello: &Hello) -> Result<Step, Blocked> {
    enum Event {
        Answer(Trial),
        Greeting(Box<Stream>, Result<Spoken, Cut>),
    }
    let patience = line.share(HELLO_PATIENCE);
    let (sender, events) = std::sync::mpsc::channel();
    {
        // Left to itself if the greeting comes first; it ends with its patience.
        let (line, hello, sender) = (Arc::clone(line), hello.clone(), sender.clone());
        std::thread::spawn(move || {
            let peer = Peer {
                line: &line,
                starttls: None,
                pool: None,
                datagrams: false,
                silence_closes: false,
                name: DEFAULT_NAME,
                patience,
            };
            let _unwanted = sender.send(Event::Answer(peer.say(&hello, Until::Exchange)));
        });
    }
    let mut waiting = 1;
    let mut event = events.recv_timeout(SOON);
    if event.is_err() {
        waiting += 1;
        let line = Arc::clone(line);
        let left = patience.saturating_sub(SOON);
        std::thread::spawn(move || {
            if let Ok(mut stream) = line.connect(left) {
                let heard = hear(&mut stream);
                let _unwanted = sender.send(Event::Greeting(Box::new(stream), heard));
            }
        });
        event = events.recv_timeout(patience);
    }
    while waiting > 0 {
        waiting -= 1;
        match event {
            Ok(Event::Greeting(mut stream, Ok(spoken))) => {
                stream.until(Instant::now() + line.share(GREETING_PATIENCE).min(line.time_left()));
                return greeted(peer, &mut stream, spoken, GREETING_PATIENCE);
            }
            // Silence or an end without a word decides nothing while the other may still speak.
            Ok(Event::Answer(Trial::Silent | Trial::Closed) | Event::Greeting(_, Err(_))) if waiting > 0 => {}
            Ok(Event::Answer(trial)) => return after_hello(hello, trial),
            Ok(Event::Greeting(_, Err(cut))) => return Ok(step_of(cut)),
            Err(_) => return Ok(Step::Silent),
        }
        event = events.recv_timeout(patience);
    }
    Ok(Step::Silent)
}

fn after_hello(hello: &Hello, trial: Trial) -> Result<Step, Blocked> {
    Ok(match trial {
        Trial::Answered(answer, flight) => Step::Found(Found {
            accepted: Some(Box::new(First {
                hello: hello.clone(),
                answer,
                flight: *flight,
            })),
            ..Found::new(Protocol::Tls)
        }),
        Trial::Alert(_) => Step::Found(Found::new(Protocol::Tls)),
        Trial::Foreign(heard) if hello.encode().starts_with(&heard) => Step::Found(Found::plain("echo")),
        Trial::Foreign(heard) => after_foreign(&heard),
        Trial::Closed => Step::Closed,
        Trial::Silent => Step::Silent,
        Trial::Blocked(why) => return Err(why),
    })
}

fn ssl2_hello(peer: &Peer<'_>) -> Result<Step, Blocked> {
    let peer = Peer {
        patience: peer.line.share(TALK_PATIENCE),
        ..*peer
    };
    Ok(match peer.say_ssl2() {
        Ok(ssl2::Answer::Hello { .. } | ssl2::Answer::Error) | Err(Trial::Alert(_)) => {
            Step::Found(Found::new(Protocol::Tls))
        }
        Err(Trial::Closed) => Step::Closed,
        Err(Trial::Silent) => Step::Silent,
        Err(Trial::Blocked(why)) => return Err(why),
        _ => Step::Unrecognised,
    })
}

/// What an answer that is not TLS says, or calls for.
fn after_foreign(heard: &[u8]) -> Step {
    match recognise(heard, true) {
        Some(Spoken::Ssh) => Step::Found(Found::new(Protocol::Ssh)),
        // It answered what was no request; one shows whether it sends on to HTTPS.
        Some(Spoken::Http) => Step::Next(Attempt::Http),
        Some(Spoken::Telnet) => Step::Found(Found::plain("telnet")),
        Some(Spoken::Text) => Step::Found(Found::plain("text")),
        Some(Spoken::Reply | Spoken::Imap | Spoken::Pop3 | Spoken::Mysql | Spoken::Sieve) => {
            Step::Next(Attempt::Greeting)
        }
        Some(Spoken::Xmpp) => Step::Next(Attempt::Talk(StartTls::Xmpp)),
        Some(Spoken::Ldap) => Step::Next(Attempt::Talk(StartTls::Ldap)),
        Some(Spoken::Postgresql) => Step::Next(Attempt::Talk(StartTls::Postgresql)),
        Some(Spoken::Binary) | None => Step::Unrecognised,
    }
}

/// Listens until what is spoken is recognised; `Err` where nothing was said.
fn hear(stream: &mut Stream) -> Result<Spoken, Cut> {
    let cut = loop {
        if let Some(spoken) = recognise(stream.heard(), false) {
            return Ok(spoken);
        }
        if let Err(cut) = stream.listen() {
            break cut;
        }
    };
    recognise(stream.heard(), true).ok_or(cut)
}

fn greeting(peer: &Peer<'_>, patience: u32) -> Result<Step, Blocked> {
    let mut stream = peer.line.connect(peer.line.share(patience))?;
    match hear(&mut stream) {
        Ok(spoken) => greeted(peer, &mut stream, spoken, patience),
        Err(cut) => Ok(step_of(cut)),
    }
}

/// Goes on from a greeting.
fn greeted(peer: &Peer<'_>, stream: &mut Stream, spoken: Spoken, patience: u32) -> Result<Step, Blocked> {
    let kind = match spoken {
        Spoken::Reply => {
            let text = String::from_utf8_lossy(stream.heard()).to_ascii_uppercase();
            match text {
                _ if text.contains("LMTP") => StartTls::Lmtp,
                _ if text.contains("SMTP") => StartTls::Smtp,
                _ if text.contains("FTP") => StartTls::Ftp,
                _ if text.starts_with("200") || text.starts_with("201") => StartTls::Nntp,
                _ if text.starts_with('2') && !text.starts_with("220") => {
                    return Ok(Step::Found(Found::plain("text")));
                }
                _ => StartTls::Smtp,
            }
        }
        Spoken::Imap => StartTls::Imap,
        Spoken::Pop3 => StartTls::Pop3,
        Spoken::Mysql => StartTls::Mysql,
        Spoken::Sieve => StartTls::Sieve,
        // Not one that is spoken to next.
        _ => return Ok(after_foreign(stream.heard())),
    };
    match starttls::begin(kind, stream, peer.name) {
        // A mail server knows EHLO; what greets like one and does not is an FTP server that keeps its name to itself.
        Err(Refusal::Other) if kind == StartTls::Smtp => {
            let mut stream = peer.line.connect(peer.line.share(patience))?;
            Ok(after_greeting(
                StartTls::Ftp,
                starttls::begin(StartTls::Ftp, &mut stream, peer.name),
            ))
        }
        outcome => Ok(after_greeting(kind, outcome)),
    }
}

/// The conclusion on a peer that has shown by its greeting which protocol it speaks.
fn after_greeting(kind: StartTls, outcome: Result<(), Refusal>) -> Step {
    Step::Found(match outcome {
        Ok(()) => Found::new(Protocol::StartTls(kind)),
        Err(Refusal::Plain) => Found::plain(kind.name()),
        Err(Refusal::Other) => Found::plain("text"),
        Err(why) => Found::unknown(format!("it greets in {}, but {why}", kind.name())),
    })
}

/// The conclusion on a peer whose protocol the caller names.
pub(super) fn after_named(kind: StartTls, outcome: Result<Result<(), Refusal>, Blocked>) -> Found {
    match outcome {
        Ok(Ok(())) => Found::new(Protocol::StartTls(kind)),
        Ok(Err(Refusal::Plain)) => Found {
            why: Some(Refusal::Plain.to_string()),
            ..Found::plain(kind.name())
        },
        Ok(Err(why)) => Found::unknown(why.to_string()),
        Err(why) => Found {
            reachable: !matches!(why, Blocked::Refused(..) | Blocked::NoAddress),
            ..Found::unknown(why.to_string())
        },
    }
}

fn http(peer: &Peer<'_>) -> Result<Step, Blocked> {
    let mut stream = peer.line.connect(peer.line.share(TALK_PATIENCE))?;
    let outcome = stream
        .send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .and_then(|()| hear(&mut stream));
    Ok(match outcome {
        Ok(Spoken::Http) => {
            // Its head, as far as it comes.
            while !http_head::ends(stream.heard()) && stream.listen().is_ok() {}
            Step::Found(Found {
                redirects: http_head::sends_on(stream.heard()),
                ..Found::plain("http")
            })
        }
        Ok(_spoken) => after_foreign(stream.heard()),
        Err(cut) => step_of(cut),
    })
}

/// Speaks first, in the protocol of `kind`, to a peer that waits for that.
fn talk(peer: &Peer<'_>, kind: StartTls) -> Result<Step, Blocked> {
    let attempt = |name: &str| {
        let mut stream = peer.line.connect(peer.line.share(TALK_PATIENCE))?;
        Ok(starttls::begin(kind, &mut stream, name))
    };
    let mut name = None;
    let mut outcome = attempt(peer.name)?;
    // An XMPP server speaks only to those who know a name that it serves.
    if matches!(outcome, Err(Refusal::Failed(_))) && peer.name != DEFAULT_NAME {
        outcome = attempt(DEFAULT_NAME)?;
        name = Some(DEFAULT_NAME);
    }
    Ok(match outcome {
        Ok(()) => Step::Found(Found {
            name,
            ..Found::new(Protocol::StartTls(kind))
        }),
        Err(Refusal::Plain) => Step::Found(Found::plain(kind.name())),
        Err(Refusal::Failed(why)) => {
            Step::Found(Found::unknown(format!("it speaks {}, but {why}", kind.name())))
        }
        Err(Refusal::Other) if kind == StartTls::Xmpp => Step::Next(Attempt::Talk(StartTls::XmppServer)),
        Err(Refusal::Other) => Step::Unrecognised,
        Err(Refusal::Cut(cut)) => step_of(cut),
    })
}

const fn step_of(cut: Cut) -> Step {
    match cut {
        Cut::Ended | Cut::Reset => Step::Closed,
        Cut::Silent => Step::Silent,
        Cut::TooMuch => Step::Unrecognised,
    }
}
