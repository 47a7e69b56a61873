//! What the TLS prober says of real OpenSSL servers, and of scripted peers of every kind of honesty.
//!
//! OpenSSL is the system's own `openssl s_server`; SSL 2.0 and 3.0, which it no longer speaks, are answered by
//! constructed bytes.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests run OpenSSL, which is a real peer that no library here can stand in for"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plumbline_config::plan::TlsVersion;
use plumbline_facts::tls::{
    Depth, Endpoint, MOST_CONNECTIONS, Offer, Options, Protocol, StartTls, Target, survey,
};

/// A running `openssl s_server`, killed when dropped.
struct Openssl {
    child: Child,
    _input: ChildStdin,
    address: SocketAddr,
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A directory with `rsa.pem`, `rsa.key`, `ec.pem`, `ec.key`.
fn certificates() -> &'static std::path::Path {
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

fn openssl(arguments: &[&str]) -> Openssl {
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
fn scripted(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicU32>) {
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
fn read_hello(stream: &mut TcpStream) -> Option<Vec<u8>> {
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

fn server_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![
        22, version[0], version[1], 0, 42, 2, 0, 0, 38, version[0], version[1],
    ];
    bytes.extend([7; 32]);
    bytes.push(0);
    bytes.extend(suite);
    bytes.push(0);
    bytes
}

fn alert(description: u8) -> [u8; 7] {
    [21, 3, 1, 0, 2, 2, description]
}

/// Passes bytes both ways until either side ends.
fn relay(client: TcpStream, server: SocketAddr) {
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

fn target(address: SocketAddr) -> Target {
    Target {
        endpoint: address.to_string(),
        addresses: vec![address],
        port: address.port(),
        ..Target::default()
    }
}

fn ask(address: SocketAddr) -> Endpoint {
    survey(&[target(address)], &Options::default(), |_| {}).remove(0)
}

fn ask_quickly(address: SocketAddr) -> Endpoint {
    let options = Options {
        deadline: Duration::from_millis(800),
        ..Options::default()
    };
    survey(&[target(address)], &options, |_| {}).remove(0)
}

fn names(endpoint: &Endpoint) -> Vec<&'static str> {
    endpoint.offered().map(TlsVersion::name).collect()
}

/// `protocol`, versions offered, versions unknown.
fn summary(endpoint: &Endpoint) -> (&'static str, Vec<&'static str>, usize) {
    (
        endpoint.protocol.name(),
        names(endpoint),
        endpoint.unknown().count(),
    )
}

#[test]
fn each_version_of_openssl_is_seen_alone() {
    for (option, expected) in [
        ("-tls1", "TLSv1.0"),
        ("-tls1_1", "TLSv1.1"),
        ("-tls1_2", "TLSv1.2"),
        ("-tls1_3", "TLSv1.3"),
    ] {
        let server = openssl(&[option, "-cipher", "ALL:@SECLEVEL=0"]);
        assert_eq!(
            summary(&ask(server.address)),
            ("tls", vec![expected], 0),
            "{option}"
        );
    }
}

#[test]
fn old_and_new_versions_of_one_server_are_seen_together() {
    let wide = openssl(&["-cipher", "ALL:@SECLEVEL=0"]);
    assert_eq!(
        summary(&ask(wide.address)),
        ("tls", vec!["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"], 0)
    );
    let modern = openssl(&[]);
    assert_eq!(
        summary(&ask(modern.address)),
        ("tls", vec!["TLSv1.2", "TLSv1.3"], 0)
    );
    // A hole: TLS 1.1 off between 1.0 and 1.2.
    let hole = openssl(&["-no_tls1_1", "-no_tls1_2", "-cipher", "ALL:@SECLEVEL=0"]);
    assert_eq!(
        summary(&ask(hole.address)),
        ("tls", vec!["TLSv1.0", "TLSv1.3"], 0)
    );
}

#[test]
fn servers_that_like_little_are_seen_all_the_same() {
    for (arguments, expected) in [
        (&["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"][..], "TLSv1.2"),
        (&["-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0"], "TLSv1.2"),
        (&["-tls1", "-cipher", "AECDH-AES128-SHA:@SECLEVEL=0"], "TLSv1.0"),
        (
            &[
                "-tls1_2",
                "-psk",
                "00112233",
                "-nocert",
                "-cipher",
                "PSK:@SECLEVEL=0",
            ],
            "TLSv1.2",
        ),
        (&["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"], "TLSv1.2"),
        (
            &[
                "-tls1_2",
                "-cipher",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "-curves",
                "brainpoolP384r1",
            ],
            "TLSv1.2",
        ),
        (&["-tls1_3", "-curves", "P-521"], "TLSv1.3"),
        (&["-tls1_3", "-curves", "ffdhe3072"], "TLSv1.3"),
        (
            &["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"],
            "TLSv1.3",
        ),
    ] {
        let server = openssl(arguments);
        assert_eq!(
            summary(&ask(server.address)),
            ("tls", vec![expected], 0),
            "{arguments:?}"
        );
    }
}

#[test]
fn ssl_3_and_ssl_2_are_seen_where_nothing_else_is_spoken() {
    let (ssl3, _) = scripted(|mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        let answer = match hello[0] {
            22 => server_hello([3, 0], [0, 5]),
            _ => Vec::new(),
        };
        let _sent = stream.write_all(&answer);
    });
    assert_eq!(summary(&ask(ssl3)), ("tls", vec!["SSLv3"], 0));

    let (ssl2, _) = scripted(|mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        if hello[0] & 0x80 != 0 {
            let mut answer = vec![0x80, 11 + 4 + 3 + 2, 4, 0, 1, 0, 2, 0, 4, 0, 3, 0, 2];
            answer.extend(b"CERT\x01\x00\x80id");
            let _sent = stream.write_all(&answer);
        }
    });
    assert_eq!(summary(&ask(ssl2)), ("tls", vec!["SSLv2"], 0));
}

#[test]
fn a_closed_connection_is_a_no_only_while_the_server_still_answers() {
    // As old Windows does: TLS 1.2 is answered, all else is met by closing.
    let picky = |hello: &[u8]| hello[0] == 22 && hello[10] == 3;
    let (steady, _) = scripted(move |mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        if picky(&hello) {
            let _sent = stream.write_all(&server_hello([3, 3], [0xc0, 0x2f]));
        }
    });
    assert_eq!(summary(&ask(steady)), ("tls", vec!["TLSv1.2"], 0));

    // Out of breath after the third connection: what it closes then means nothing.
    let left = AtomicU32::new(3);
    let (tired, _) = scripted(move |mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        let breath = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if breath.is_ok() && picky(&hello) {
            let _sent = stream.write_all(&server_hello([3, 3], [0xc0, 0x2f]));
        }
    });
    let endpoint = ask(tired);
    assert_eq!(names(&endpoint), ["TLSv1.2"]);
    assert_eq!(endpoint.unknown().count(), 5, "{endpoint:?}");
    assert!(endpoint.error.is_some());
}

#[test]
fn a_server_that_refuses_every_hello_is_unknown() {
    let (address, _) = scripted(|mut stream| {
        let _hello = read_hello(&mut stream);
        let _sent = stream.write_all(&alert(40));
    });
    assert_eq!(summary(&ask(address)), ("tls", vec![], 6));
}

#[test]
fn peers_that_are_not_tls_are_told_for_what_they_are() {
    let greeting = |text: &'static [u8]| {
        scripted(move |mut stream| {
            let _sent = stream.write_all(text);
            let _said = std::io::copy(&mut stream, &mut std::io::sink());
        })
        .0
    };
    let answering = |text: &'static [u8]| {
        scripted(move |mut stream| {
            let mut said = [0; 4096];
            if stream
                .read(&mut said)
                .is_ok_and(|length| length > 0 && said[0] == b'H')
            {
                let _sent = stream.write_all(text);
            }
        })
        .0
    };
    let (echo, _) = scripted(|mut stream| {
        let mut copy = stream.try_clone().unwrap();
        let _ended = std::io::copy(&mut stream, &mut copy);
    });
    for (address, protocol, speaks) in [
        (greeting(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Protocol::Ssh, None),
        (greeting(b"RFB 003.008\n"), Protocol::Cleartext, Some("text")),
        (
            greeting(b"\xff\xfd\x18\xff\xfd\x20"),
            Protocol::Cleartext,
            Some("telnet"),
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\n\r\n"),
            Protocol::Cleartext,
            Some("http"),
        ),
        (echo, Protocol::Cleartext, Some("echo")),
    ] {
        let endpoint = ask(address);
        assert_eq!((endpoint.protocol, endpoint.speaks), (protocol, speaks));
        assert!(endpoint.versions.iter().all(|offer| *offer == Offer::NotOffered));
    }
}

#[test]
fn peers_that_give_nothing_are_unknown_and_cost_a_bounded_dialogue() {
    let (closing, count) = scripted(drop);
    assert_eq!(summary(&ask(closing)), ("unknown", vec![], 6));
    assert!(count.load(Ordering::Relaxed) <= MOST_CONNECTIONS);

    let (silent, _) = scripted(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    assert_eq!(summary(&ask(silent)), ("silent", vec![], 6));

    // A byte at a time, forever: the start of a record that never ends.
    let (dripping, _) = scripted(|mut stream| {
        for byte in [22, 3, 3, 64, 0].into_iter().chain(std::iter::repeat(0)) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let endpoint = ask_quickly(dripping);
    assert_eq!((names(&endpoint).len(), endpoint.unknown().count()), (0, 6));

    let (endless, _) = scripted(|mut stream| while stream.write_all(&[0xAA; 65536]).is_ok() {});
    assert_eq!(summary(&ask_quickly(endless)), ("unknown", vec![], 6));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = ask(nobody);
    assert!(!endpoint.reachable && endpoint.error.is_some());
}

#[test]
fn an_old_version_stays_proven_when_others_time_out() {
    let (address, _) = scripted(|mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        if hello[0] == 22 && hello[10] == 1 {
            let _sent = stream.write_all(&server_hello([3, 1], [0, 0x2f]));
        } else if hello[0] == 22 && hello[10] == 3 {
            let _sent = stream.write_all(&alert(40));
        } else {
            std::thread::sleep(Duration::from_secs(30));
        }
    });
    let endpoint = ask(address);
    assert_eq!(names(&endpoint), ["TLSv1.0"]);
    assert!(matches!(endpoint.versions[0], Offer::Unknown(_)));
}

/// Says `lines[0]`, and after each line heard the next; then passes the connection on to a TLS server.
fn line_server(lines: &'static [&'static str], tls: SocketAddr) -> SocketAddr {
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

#[test]
fn starttls_is_found_by_what_is_spoken_on_any_port() {
    let server = openssl(&["-tls1_2"]);
    let tls = server.address;
    let lines: [(&'static [&'static str], &str); 4] = [
        (
            &[
                "220-mail ESMTP\r\n220 ready\r\n",
                "250-mail\r\n250-SIZE 100\r\n250 STARTTLS\r\n",
                "220 go\r\n",
            ],
            "starttls-smtp",
        ),
        (&["* OK ready\r\n", "* noise\r\na OK begin\r\n"], "starttls-imap"),
        (&["+OK ready\r\n", "+OK begin\r\n"], "starttls-pop3"),
        (&["220 (vsFTPd 3.0.3)\r\n", "234 go\r\n"], "starttls-ftp"),
    ];
    for (lines, protocol) in lines {
        let endpoint = ask(line_server(lines, tls));
        assert_eq!(
            summary(&endpoint),
            (protocol, vec!["TLSv1.2"], 0),
            "{:?}",
            endpoint.error
        );
    }

    let (ldap, _) = scripted(move |mut stream| {
        let mut request = [0; 31];
        if stream.read_exact(&mut request).is_ok() && request[0] == 0x30 {
            let _sent = stream.write_all(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00");
            relay(stream, tls);
        }
    });
    let (postgresql, _) = scripted(move |mut stream| {
        let mut request = [0; 8];
        if stream.read_exact(&mut request).is_ok() && request == [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f] {
            let _sent = stream.write_all(b"S");
            relay(stream, tls);
        }
    });
    let (mysql, _) = scripted(move |mut stream| {
        let mut greeting = b"\x0a10.11\x00".to_vec();
        greeting.extend([1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0xfe, 0xff, 45, 0, 0, 0, 0]);
        let _sent = stream.write_all(&[u8::try_from(greeting.len()).unwrap(), 0, 0, 0]);
        let _sent = stream.write_all(&greeting);
        let mut request = [0; 36];
        if stream.read_exact(&mut request).is_ok() && request[..4] == [32, 0, 0, 1] && request[5] & 8 != 0 {
            relay(stream, tls);
        }
    });
    let xmpp = |namespace: &'static str| {
        scripted(move |mut stream| {
            let mut said = [0; 1024];
            let length = stream.read(&mut said).unwrap_or_default();
            let said = String::from_utf8_lossy(&said[..length]).into_owned();
            if !said.starts_with("<?xml") {
                let _sent = stream.write_all(b"<stream:error><not-well-formed/></stream:error>");
            } else if !said.contains(namespace) {
                let _sent = stream.write_all(
                    b"<?xml version='1.0'?><stream:stream><stream:error><invalid-namespace/></stream:error>",
                );
            } else {
                let _sent = stream.write_all(
                    b"<?xml version='1.0'?><stream:stream><stream:features><starttls/></stream:features>",
                );
                let _length = stream.read(&mut [0; 1024]);
                let _sent = stream.write_all(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
                relay(stream, tls);
            }
        })
        .0
    };
    for (address, protocol) in [
        (ldap, "starttls-ldap"),
        (postgresql, "starttls-postgresql"),
        (mysql, "starttls-mysql"),
        (xmpp("jabber:client"), "starttls-xmpp"),
        (xmpp("jabber:server"), "starttls-xmpp-server"),
    ] {
        let endpoint = ask(address);
        assert_eq!(
            summary(&endpoint),
            (protocol, vec!["TLSv1.2"], 0),
            "{:?}",
            endpoint.error
        );
    }
}

#[test]
fn a_protocol_that_offers_no_tls_is_cleartext() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for (lines, speaks) in [
        (&["220 mail ESMTP\r\n", "250-mail\r\n250 SIZE\r\n"][..], "smtp"),
        (&["* OK ready\r\n", "a BAD no\r\n"], "imap"),
        (&["+OK ready\r\n", "-ERR no\r\n"], "pop3"),
        (&["220 ProFTPD\r\n", "500 no\r\n"], "ftp"),
    ] {
        let endpoint = ask(line_server(lines, nowhere));
        assert_eq!(
            (endpoint.protocol, endpoint.speaks),
            (Protocol::Cleartext, Some(speaks))
        );
    }
    let (postgresql, _) = scripted(|mut stream| {
        let mut request = [0; 8];
        if stream.read_exact(&mut request).is_ok() && request[3] == 8 {
            let _sent = stream.write_all(b"N");
        }
    });
    let endpoint = ask(postgresql);
    assert_eq!(
        (endpoint.protocol, endpoint.speaks),
        (Protocol::Cleartext, Some("postgresql"))
    );
}

#[test]
fn a_named_protocol_is_not_guessed_at() {
    let server = openssl(&["-tls1_2"]);
    let address = line_server(&["+OK ready\r\n", "+OK begin\r\n"], server.address);
    let ask_as = |kind| {
        let target = Target {
            starttls: Some(kind),
            ..target(address)
        };
        survey(&[target], &Options::default(), |_| {}).remove(0)
    };
    assert_eq!(
        summary(&ask_as(StartTls::Pop3)),
        ("starttls-pop3", vec!["TLSv1.2"], 0)
    );
    assert_eq!(ask_as(StartTls::Imap).protocol, Protocol::Unknown);
}

#[test]
fn many_endpoints_are_answered_in_order_and_within_the_budget() {
    let server = openssl(&["-tls1_2"]);
    let (silent, _) = scripted(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let mut targets = vec![target(server.address); 3];
    targets.extend(vec![target(silent); 30]);
    let options = Options {
        deadline: Duration::from_millis(300),
        budget: Duration::from_millis(600),
        ..Options::default()
    };
    let told = AtomicU32::new(0);
    let answers = survey(&targets, &options, |_| {
        told.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!((answers.len(), told.into_inner()), (33, 33));
    for (answer, target) in answers.iter().zip(&targets) {
        assert_eq!(answer.endpoint, target.endpoint);
    }
    assert!(answers[3..].iter().all(|answer| answer.unknown().count() == 6));
}

fn look(server: &Openssl) -> Endpoint {
    let options = Options {
        depth: Depth::Full,
        ..Options::default()
    };
    survey(&[target(server.address)], &options, |_| {}).remove(0)
}

#[test]
fn suites_groups_and_both_certificates_are_seen() {
    let dir = certificates();
    let (cert, key) = (dir.join("ec.pem"), dir.join("ec.key"));
    let server = openssl(&[
        "-dcert",
        cert.to_str().unwrap(),
        "-dkey",
        key.to_str().unwrap(),
        "-cipher",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-SHA384:AES128-SHA:DHE-RSA-AES128-GCM-SHA256:DES-CBC3-SHA",
        "-ciphersuites",
        "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
        "-curves",
        "P-256:X25519:P-384",
    ]);
    let endpoint = look(&server);
    let mut suites: Vec<_> = endpoint
        .cipher_suites
        .iter()
        .map(|suite| suite.name.as_str())
        .collect();
    suites.sort_unstable();
    assert_eq!(
        suites,
        [
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
        ],
        "OpenSSL 3 has no 3DES at its default security level"
    );
    assert_eq!(endpoint.groups, ["x25519", "secp256r1", "secp384r1"]);
    let keys: Vec<_> = endpoint
        .certificates
        .iter()
        .map(|c| (c.key.kind.as_str(), c.key.bits))
        .collect();
    assert_eq!(keys, [("rsa", 2048), ("ec", 256)]);
    assert!(
        endpoint
            .certificates
            .iter()
            .all(|c| c.self_signed && c.weaknesses.contains(&"self-signed"))
    );
    assert_eq!(endpoint.error, None);
    assert!(!endpoint.client_certificate_required);
}
