//! Peers made by hand that are old, slow, broken or hostile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::pki::pki;
use crate::support::*;
use crate::zoo::{Animal, Truth, tls};

const NOTHING: Truth = Truth {
    protocol: "unknown",
    versions: "??????",
    weak: "",
    faults: "",
    keys: "",
};

fn plain(protocol: &'static str) -> Truth {
    Truth {
        protocol,
        versions: "nnnnnn",
        ..NOTHING
    }
}

/// A server behind other talk, which speaks to many at a time.
fn sound() -> SocketAddr {
    let read = |name: &str| std::fs::read(pki().join(name)).unwrap();
    let certificate = CertificateDer::from_pem_slice(&read("good.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read("good.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    scripted(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection
            .complete_io(&mut stream)
            .is_ok_and(|(read, _)| read > 0)
        {}
        // The alert that says why.
        let _said = connection.write_tls(&mut stream);
    })
    .0
}

/// Passes a hello of a length that it can take on to a sound server, and does not answer any other.
fn intolerant(takes: fn(usize) -> bool, hangs: bool) -> SocketAddr {
    let inner = sound();
    scripted(move |mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        // SSL 2.0 is another matter, and refused by rustls.
        if hello[0] == 22 && !takes(hello.len() - 5) {
            if hangs {
                std::thread::sleep(Duration::from_secs(600));
            }
            return;
        }
        let mut server = TcpStream::connect(inner).unwrap();
        let _sent = server.write_all(&hello);
        let (mut from, mut to) = (server, stream);
        let _ended = std::io::copy(&mut from, &mut to);
    })
    .0
}

/// Says `greeting` after `delay`, answers each line by the next of `answers`, and then is a TLS server.
fn lines(
    delay: Duration,
    greeting: &'static str,
    answers: &'static [&'static str],
    to: SocketAddr,
) -> SocketAddr {
    scripted(move |mut stream| {
        std::thread::sleep(delay);
        let mut say = |text: &str| stream.write_all(text.as_bytes()).is_ok();
        if !say(greeting) {
            return;
        }
        for answer in answers {
            let mut byte = [0];
            while byte != *b"\n" {
                if stream.read_exact(&mut byte).is_err() {
                    return;
                }
            }
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
        relay(stream, to);
    })
    .0
}

fn flood(mut stream: TcpStream, bytes: &[u8]) {
    let _hello = read_hello(&mut stream);
    while stream.write_all(bytes).is_ok() {}
}

pub(crate) fn traps() -> Vec<Animal> {
    let mut traps = Vec::new();
    let mut add =
        |name: &str, address: SocketAddr, truth: Truth| traps.push(Animal::new(name, address, truth, None));
    let forever = Duration::from_secs(600);

    add(
        "silent",
        scripted(move |_stream| std::thread::sleep(forever)).0,
        Truth {
            protocol: "silent",
            ..NOTHING
        },
    );
    add("closing", scripted(drop).0, NOTHING);
    let drip = |mut stream: TcpStream| {
        for byte in [22, 3, 3, 64, 0].into_iter().chain(std::iter::repeat(0)) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    add("dripping", scripted(drip).0, NOTHING);
    let echo = |mut stream: TcpStream| {
        let mut copy = stream.try_clone().unwrap();
        let _ended = std::io::copy(&mut stream, &mut copy);
    };
    add("echo", scripted(echo).0, plain("echo"));
    let records = |stream: TcpStream| flood(stream, &[&[22, 3, 3, 0x40, 0][..], &[0; 0x4000]].concat());
    add("endless-records", scripted(records).0, NOTHING);
    add(
        "endless-noise",
        scripted(|stream| flood(stream, &[0xAA; 65536])).0,
        NOTHING,
    );
    let lying = |mut stream: TcpStream| {
        let _hello = read_hello(&mut stream);
        let _sent = stream.write_all(&[22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff]);
    };
    add("lying-length", scripted(lying).0, NOTHING);
    let refusing = |mut stream: TcpStream| {
        let _hello = read_hello(&mut stream);
        let _sent = stream.write_all(&alert(40));
    };
    add(
        "refusing",
        scripted(refusing).0,
        Truth {
            protocol: "tls",
            weak: "?",
            ..NOTHING
        },
    );

    // Old versions, by their bytes.
    let ssl3 = |mut stream: TcpStream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        let offered = |suite: [u8; 2]| hello[44..].chunks(2).any(|pair| pair == suite);
        let answer = match hello[0] {
            22 if offered([0, 5]) => server_hello([3, 0], [0, 5]),
            22 => alert(40).to_vec(),
            _ => Vec::new(),
        };
        let _sent = stream.write_all(&answer);
    };
    add(
        "ssl3",
        scripted(ssl3).0,
        tls("nynnnn", "no-forward-secrecy rc4", "", ""),
    );
    let ssl2 = |mut stream: TcpStream| {
        if read_hello(&mut stream).is_some_and(|hello| hello[0] & 0x80 != 0) {
            let mut answer = vec![0x80, 11 + 4 + 3 + 2, 4, 0, 1, 0, 2, 0, 4, 0, 3, 0, 2];
            answer.extend(b"CERT\x02\x00\x80id");
            let _sent = stream.write_all(&answer);
        }
    };
    add(
        "ssl2",
        scripted(ssl2).0,
        tls("ynnnnn", "export no-forward-secrecy rc4", "", ""),
    );

    // A retry that asks for the same again, for ever; the version is proven, and nothing else is.
    let retry = |mut stream: TcpStream| {
        while let Some(hello) = read_hello(&mut stream) {
            if hello[0] != 22
                || !hello
                    .windows(6)
                    .any(|w| w[..2] == [0, 43] && w[5] == 4 || w == [0, 43, 0, 3, 2, 3])
            {
                let _sent = stream.write_all(&alert(70));
                return;
            }
            let mut retry = server_hello([3, 3], [0x13, 1]);
            retry[11..43].copy_from_slice(&RETRY);
            let extensions = [0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 29];
            retry.extend(extensions);
            retry[4] += 14;
            retry[8] += 14;
            let _sent = stream.write_all(&retry);
        }
    };
    add(
        "endless-retry",
        scripted(retry).0,
        Truth {
            protocol: "tls",
            versions: "nnnnny",
            weak: "?",
            ..NOTHING
        },
    );

    // Five thousand certificates, in records that never come to an end of the flight.
    let chain = |mut stream: TcpStream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        if hello[0] != 22 || hello[10] != 3 {
            let _sent = stream.write_all(&alert(70));
            return;
        }
        let certificate = vec![0x30; 800];
        let mut list = Vec::new();
        for _ in 0..5000 {
            list.extend([0, 3, 0x20]);
            list.extend(&certificate);
        }
        let length = |n: usize| u32::try_from(n).unwrap().to_be_bytes()[1..].to_vec();
        let mut message = vec![11];
        message.extend(length(list.len() + 3));
        message.extend(length(list.len()));
        message.extend(list);
        let _sent = stream.write_all(&server_hello([3, 3], [0xc0, 0x2f]));
        for piece in message.chunks(16_000) {
            let [high, low] = u16::try_from(piece.len()).unwrap().to_be_bytes();
            if stream
                .write_all(&[22, 3, 3, high, low])
                .and_then(|()| stream.write_all(piece))
                .is_err()
            {
                return;
            }
        }
    };
    add(
        "5000-certificates",
        scripted(chain).0,
        Truth {
            protocol: "tls",
            versions: "nnnnyn",
            weak: "?",
            ..NOTHING
        },
    );

    // One message of sixteen megabytes, as long as a length of three bytes allows, in records as long as theirs allow.
    let long = |mut stream: TcpStream| {
        let _hello = read_hello(&mut stream);
        let _sent = stream.write_all(&[22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff]);
        let record = [&[22, 3, 3, 0xff, 0xff][..], &[0; 0xffff]].concat();
        while stream.write_all(&record).is_ok() {}
    };
    add("16-megabytes", scripted(long).0, NOTHING);
    // Asks for a hello instead of answering one, again and again, as renegotiation does.
    let renegotiating = |mut stream: TcpStream| {
        let _hello = read_hello(&mut stream);
        while stream.write_all(&[22, 3, 3, 0, 4, 0, 0, 0, 0]).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    add("endless-hello-requests", scripted(renegotiating).0, NOTHING);
    // Resets what comes after a few connections, as a limit of connections does.
    let taken = Arc::new(AtomicU32::new(0));
    let behind = sound();
    let resetting = move |stream: TcpStream| {
        if taken.fetch_add(1, Ordering::Relaxed) < 12 {
            relay(stream, behind);
            return;
        }
        let now = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &now).unwrap();
    };
    add(
        "resets-after-12",
        scripted(resetting).0,
        tls("nnnnyy", "?", "", "rsa"),
    );

    // Out of breath after a few connections.
    let left = Arc::new(AtomicU32::new(12));
    let inner = sound();
    let tired = scripted(move |stream| {
        let breath = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if breath.is_ok() {
            relay(stream, inner);
        }
    });
    traps.push(Animal::new(
        "twelve-connections",
        tired.0,
        tls("nnnnyy", "?", "", "rsa"),
        None,
    ));

    // Old middleboxes and stacks that choke on the length of a hello.
    let middle: fn(usize) -> bool = |length| !(256..512).contains(&length);
    let short: fn(usize) -> bool = |length| length <= 512;
    let modern = tls("nnnnyy", "", "", "rsa");
    traps.push(Animal::new(
        "hangs-at-256",
        intolerant(middle, true),
        modern,
        None,
    ));
    traps.push(Animal::new(
        "closes-above-512",
        intolerant(short, false),
        modern,
        None,
    ));

    // Talk before TLS, late and long.
    let secure = tls("nnnnyy", "", "", "rsa");
    let late = Duration::from_millis(900);
    let now = Duration::ZERO;
    let mail = "220-mail.example.test ESMTP\r\n220-no unsolicited mail\r\n220-at all\r\n220 ready\r\n";
    let cases: [(
        &str,
        Duration,
        &'static str,
        &'static [&'static str],
        &'static str,
    ); 6] = [
        (
            "late-smtp",
            late,
            mail,
            &["250-mail\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "220 go\r\n"],
            "starttls-smtp",
        ),
        (
            "late-imap",
            late,
            "* OK ready\r\n",
            &["* CAPABILITY IMAP4\r\na OK begin\r\n"],
            "starttls-imap",
        ),
        (
            "wordy-ftp",
            now,
            "220-Welcome\r\n this is\r\n220-FTP, and\r\n220 long\r\n",
            &["234 go\r\n"],
            "starttls-ftp",
        ),
        (
            "sieve",
            now,
            "\"IMPLEMENTATION\" \"Example\"\r\n\"STARTTLS\"\r\nOK\r\n",
            &["OK\r\n"],
            "starttls-sieve",
        ),
        (
            "news",
            now,
            "201 news ready\r\n",
            &["382 go\r\n"],
            "starttls-nntp",
        ),
        (
            "local-mail",
            now,
            "220 mail LMTP\r\n",
            &["250-mail\r\n250 STARTTLS\r\n", "220 go\r\n"],
            "starttls-lmtp",
        ),
    ];
    for (name, delay, greeting, answers, protocol) in cases {
        let inner = sound();
        let address = lines(delay, greeting, answers, inner);
        let truth = Truth { protocol, ..secure };
        traps.push(Animal::new(name, address, truth, None));
    }
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let plain_pop3 = lines(now, "+OK ready\r\n", &["-ERR no\r\n"], nowhere);
    traps.push(Animal::new("plain-pop3", plain_pop3, plain("pop3"), None));
    traps
}

/// RFC 8446 4.1.3.
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];
