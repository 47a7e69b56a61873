//! Peers to speak to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plumbline_config::plan::TlsVersion;
use plumbline_facts::tls::{Depth, Endpoint, Options, Target, survey};

/// A running `openssl s_server`, killed when dropped.
pub(crate) struct Openssl {
    child: Child,
    _input: ChildStdin,
    pub(crate) address: SocketAddr,
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A directory with `rsa.pem`, `rsa.key`, `ec.pem`, `ec.key`.
pub(crate) fn certificates() -> &'static std::path::Path {
    static DIR: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        for (name, key) in [
            ("rsa", &["rsa:2048"][..]),
            ("ec", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ] {
            let status = Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-nodes",
                    "-days",
                    "30",
                    "-subj",
                    "/CN=localhost",
                    "-newkey",
                ])
                .args(key)
                .arg("-keyout")
                .arg(dir.path().join(format!("{name}.key")))
                .arg("-out")
                .arg(dir.path().join(format!("{name}.pem")))
                .stderr(Stdio::null())
                .status()
                .expect("the tests need the openssl program");
            assert!(status.success());
        }
        dir
    })
    .path()
}

pub(crate) fn openssl(arguments: &[&str]) -> Openssl {
    let dir = certificates();
    let mut child = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
        .arg(dir.join("rsa.pem"))
        .arg("-key")
        .arg(dir.join("rsa.key"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tests need the openssl program");
    let input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| line.unwrap().strip_prefix("ACCEPT ").map(str::to_owned))
        .expect("s_server says where it listens");
    // What it says later must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Openssl {
        child,
        _input: input,
        address: address.parse().unwrap(),
    }
}

/// A peer that runs `talk` on every connection, until the test ends. Counts connections.
pub(crate) fn scripted(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let (counter, talk) = (Arc::clone(&count), Arc::new(talk));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::Relaxed);
            let talk = Arc::clone(&talk);
            std::thread::spawn(move || talk(stream));
        }
    });
    (address, count)
}

/// Reads one TLS record or SSL 2.0 message.
pub(crate) fn read_hello(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let rest = if head[0] & 0x80 != 0 {
        (usize::from(head[0] & 0x7f) << 8 | usize::from(head[1])) - 3
    } else {
        usize::from(head[3]) << 8 | usize::from(head[4])
    };
    let mut hello = head.to_vec();
    hello.resize(5 + rest, 0);
    stream.read_exact(&mut hello[5..]).ok()?;
    Some(hello)
}

pub(crate) fn server_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![
        22, version[0], version[1], 0, 42, 2, 0, 0, 38, version[0], version[1],
    ];
    bytes.extend([7; 32]);
    bytes.push(0);
    bytes.extend(suite);
    bytes.push(0);
    bytes
}

pub(crate) fn alert(description: u8) -> [u8; 7] {
    [21, 3, 1, 0, 2, 2, description]
}

/// Passes bytes both ways until either side ends.
pub(crate) fn relay(client: TcpStream, server: SocketAddr) {
    let server = TcpStream::connect(server).unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ended = std::io::copy(&mut from, &mut to);
        let _closed = to.shutdown(std::net::Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ended = std::io::copy(&mut from, &mut to);
    let _closed = to.shutdown(std::net::Shutdown::Both);
}

pub(crate) fn target(address: SocketAddr) -> Target {
    Target {
        endpoint: address.to_string(),
        addresses: vec![address],
        port: address.port(),
        ..Target::default()
    }
}

/// Asks a peer that answers. The time is long, so that a busy machine proves nothing.
pub(crate) fn ask(address: SocketAddr) -> Endpoint {
    ask_within(address, Duration::from_secs(20))
}

/// Asks a peer that may leave one waiting.
pub(crate) fn ask_within(address: SocketAddr, deadline: Duration) -> Endpoint {
    let options = Options {
        deadline,
        alternate_name: Some("host.example.test".to_owned()),
        ..Options::default()
    };
    survey(&[target(address)], &options, |_| {}).remove(0)
}

pub(crate) fn names(endpoint: &Endpoint) -> Vec<&'static str> {
    endpoint.offered().map(TlsVersion::name).collect()
}

/// `protocol`, versions offered, versions unknown.
pub(crate) fn summary(endpoint: &Endpoint) -> (&'static str, Vec<&'static str>, usize) {
    (
        endpoint.protocol.name(),
        names(endpoint),
        endpoint.unknown().count(),
    )
}

/// Says `lines[0]`, and after each line heard the next; then passes the connection on to a TLS server.
pub(crate) fn line_server(lines: &'static [&'static str], tls: SocketAddr) -> SocketAddr {
    scripted(move |mut stream| {
        for (place, line) in lines.iter().enumerate() {
            if place > 0 {
                let mut byte = [0];
                while byte != *b"\n" {
                    if stream.read_exact(&mut byte).is_err() {
                        return;
                    }
                }
            }
            // In two segments, as networks do.
            let (first, second) = line.split_at(line.len() / 2);
            for part in [first, second] {
                if stream.write_all(part.as_bytes()).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        relay(stream, tls);
    })
    .0
}

pub(crate) fn look(server: &Openssl) -> Endpoint {
    let options = Options {
        depth: Depth::Full,
        deadline: Duration::from_secs(60),
        ..Options::default()
    };
    survey(&[target(server.address)], &options, |_| {}).remove(0)
}
