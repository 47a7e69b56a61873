//! Asking clamd whether it is well: `PING` and `VERSION` over its socket, clamd(8).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use serde::Serialize;

use super::config::Config;

/// Time that a whole exchange may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// Largest answer taken, in bytes.
const LARGEST_ANSWER: usize = 512;

/// A socket of clamd, and what came of asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Socket {
    /// Path, or address and port.
    pub address: String,
    /// What came of asking.
    pub answer: Answer,
}

/// What came of asking clamd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It answered `PONG`.
    Well {
        /// Its answer to `VERSION`, such as `ClamAV 1.4.3/27810/Sat Nov 21 08:24:10 2026`.
        version: String,
    },
    /// It did not answer, or something else.
    Unwell(String),
    /// We may not ask.
    Denied,
    /// It was not asked: why.
    NotAsked(String),
}

impl Answer {
    /// Version of the daily signatures that clamd has loaded, where it told.
    #[must_use]
    pub fn loaded(&self) -> Option<u32> {
        let Self::Well { version } = self else { return None };
        version.split('/').nth(1)?.trim().parse().ok()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Path(String),
    Tcp(SocketAddr),
}

/// Asks at every socket that `config` names. `live`: whether it is the running host's.
#[must_use]
pub fn ask(config: &Config, live: bool) -> Vec<Socket> {
    let path = config
        .local_socket
        .clone()
        .map(|path| (path.clone(), Some(Address::Path(path))));
    let tcp = config.tcp_port.map(|port| (tcp_address(config, port), port));
    let tcp = tcp.map(|(address, port)| match address {
        Some(address) => (
            SocketAddr::new(address, port).to_string(),
            Some(Address::Tcp(SocketAddr::new(address, port))),
        ),
        None => (format!("{}:{port}", config.tcp_addresses.join(",")), None),
    });
    let one = |(address, reachable): (String, Option<Address>)| Socket {
        answer: match reachable {
            _ if !live => Answer::NotAsked("this is not the running host".to_owned()),
            Some(reachable) => exchange(&reachable),
            None => Answer::NotAsked("it listens on no loopback address".to_owned()),
        },
        address,
    };
    path.into_iter().chain(tcp).map(one).collect()
}

/// The loopback address that clamd listens on.
fn tcp_address(config: &Config, port: u16) -> Option<IpAddr> {
    let any = config.tcp_addresses.is_empty();
    let parsed = config.tcp_addresses.iter().map(|address| match address.as_str() {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        address => address.parse().ok(),
    });
    let mut addresses = parsed.flatten().filter(|_| port > 0);
    if any {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    addresses.find_map(|address: IpAddr| match address {
        address if address.is_loopback() => Some(address),
        IpAddr::V4(address) if address.is_unspecified() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddr::V6(address) if address.is_unspecified() => Some(std::net::Ipv6Addr::LOCALHOST.into()),
        _ => None,
    })
}

fn exchange(address: &Address) -> Answer {
    let deadline = Instant::now() + DEADLINE;
    let said = say(address, b"zPING\0", deadline).and_then(|pong| {
        if pong == "PONG" {
            say(address, b"zVERSION\0", deadline).map(Ok)
        } else {
            Ok(Err(pong))
        }
    });
    match said {
        Ok(Ok(version)) => Answer::Well { version },
        Ok(Err(other)) => Answer::Unwell(format!("answered {other:?} to PING")),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Answer::Denied,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Answer::Unwell(format!("no answer within {} s", DEADLINE.as_secs()))
        }
        Err(error) => Answer::Unwell(error.to_string()),
    }
}

fn say(address: &Address, command: &[u8], deadline: Instant) -> io::Result<String> {
    match address {
        Address::Path(path) => {
            let stream = connect_unix(path)?;
            let wait = |left| stream.set_read_timeout(Some(left));
            stream.set_write_timeout(Some(DEADLINE))?;
            (&stream).write_all(command)?;
            answer(&stream, wait, deadline)
        }
        Address::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, left(deadline)?)?;
            let wait = |left| stream.set_read_timeout(Some(left));
            stream.set_write_timeout(Some(DEADLINE))?;
            (&stream).write_all(command)?;
            answer(&stream, wait, deadline)
        }
    }
}

/// Connects without waiting: a listener that never accepts fills its queue, and then a plain connect waits for ever.
fn connect_unix(path: &str) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let address = UnixAddr::new(path)?;
    connect(fd.as_raw_fd(), &address).map_err(|errno| match errno {
        Errno::EAGAIN => io::Error::new(ErrorKind::TimedOut, "its queue is full"),
        other => other.into(),
    })?;
    let stream = UnixStream::from(fd);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Reads up to the zero byte or the end.
fn answer(
    mut stream: impl Read,
    wait: impl Fn(Duration) -> io::Result<()>,
    deadline: Instant,
) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 128];
    while bytes.len() < LARGEST_ANSWER && !bytes.contains(&0) {
        wait(left(deadline)?)?;
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    let text = bytes.split(|b| matches!(b, 0 | b'\n')).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    Ok(text.trim().chars().filter(|c| !c.is_control()).collect())
}

/// Time left; none is an error.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn config(path: &std::path::Path) -> Config {
        Config {
            local_socket: Some(path.display().to_string()),
            ..Config::default()
        }
    }

    fn serve(listener: &UnixListener, answers: &[&str]) {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut command = [0; 16];
            let _ = stream.read(&mut command).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }

    fn asked(answers: &'static [&'static str]) -> Answer {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clamd");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || serve(&listener, answers));
        let answer = ask(&config(&path), true).remove(0).answer;
        server.join().unwrap();
        answer
    }

    #[test]
    fn a_well_daemon_tells_its_version_and_loaded_signatures() {
        let answer = asked(&["PONG\0", "ClamAV 1.4.3/27810/Sat Nov 21 08:24:10 2026\0"]);
        assert_eq!(answer.loaded(), Some(27_810));
        assert_eq!(asked(&["PONG\0", "ClamAV 1.4.3\0"]).loaded(), None);
        assert!(matches!(asked(&["HTTP/1.1 400\r\n"]), Answer::Unwell(_)));
    }

    #[test]
    fn a_daemon_that_never_answers_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clamd");
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(matches!(ask(&config(&path), true)[0].answer, Answer::Unwell(_)));
        assert!(matches!(
            ask(&config(&path), false)[0].answer,
            Answer::NotAsked(_)
        ));
        assert!(matches!(
            ask(&config(&dir.path().join("none")), true)[0].answer,
            Answer::Unwell(_)
        ));
    }

    #[test]
    fn a_listener_that_never_accepts_does_not_hold_us_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clamd");
        let listener = UnixListener::bind(&path).unwrap();
        // A short queue, so that it is full before this process has as many files open as it may.
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
        let mut held = Vec::new();
        let full = (0..100).find_map(|_| match connect_unix(path.to_str().unwrap()) {
            Ok(stream) => {
                held.push(stream);
                None
            }
            Err(error) => Some(error.kind()),
        });
        assert_eq!(full, Some(ErrorKind::TimedOut));
    }

    #[test]
    fn only_loopback_is_asked_over_tcp() {
        let at = |addresses: &[&str]| {
            let config = Config {
                tcp_addresses: addresses.iter().map(|&a| a.to_owned()).collect(),
                ..Config::default()
            };
            tcp_address(&config, 3310).map(|address| address.to_string())
        };
        assert_eq!(at(&[]).as_deref(), Some("127.0.0.1"));
        assert_eq!(at(&["192.0.2.1", "::1"]).as_deref(), Some("::1"));
        assert_eq!(at(&["0.0.0.0"]).as_deref(), Some("127.0.0.1"));
        assert_eq!(at(&["192.0.2.1", "av.example.org"]), None);
    }
}
