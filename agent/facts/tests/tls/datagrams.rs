//! Servers of DTLS and QUIC. DTLS 1.0 and 1.2 are told as TLS 1.1 and 1.2; DTLS 1.3 is not tried.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;

use crate::keepers::{Keeper, STATIC, free_port, home, program, start_datagrams};
use crate::pki::pki;
use crate::zoo::{Animal, Truth, tls};

const fn dtls(versions: &'static str, weak: &'static str) -> Truth {
    Truth {
        protocol: "dtls",
        ..tls(versions, weak, "", "rsa")
    }
}

/// All of them.
pub(crate) fn datagrams() -> Vec<Animal> {
    [openssl(), gnutls(), quic(), traps()]
        .into_iter()
        .flatten()
        .map(Animal::over_udp)
        .collect()
}

fn openssl() -> Vec<Animal> {
    let cases = [
        ("dtls-openssl", "-dtls -listen", dtls("nnnny?", STATIC)),
        (
            "dtls-openssl-old",
            "-dtls1 -listen -cipher AES128-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0",
            dtls("nnnyn?", STATIC),
        ),
        (
            "dtls-openssl-strong",
            "-dtls1_2 -listen -cipher ECDHE+AESGCM",
            dtls("nnnny?", ""),
        ),
    ];
    let one = |(name, arguments, truth): (&str, &str, Truth)| {
        let address = free_port();
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-quiet", "-accept", &address.to_string(), "-cert"])
            .arg(pki().join("good.pem"))
            .arg("-key")
            .arg(pki().join("good.key"))
            .args(arguments.split_whitespace());
        let daemon = start_datagrams(&mut command, home(), address);
        Animal::new(name, address, truth, Some(Keeper::Daemon(daemon)))
    };
    cases.into_iter().map(one).collect()
}

fn gnutls() -> Vec<Animal> {
    let Some(server) = program("gnutls-serv", "gnutls-bin") else {
        return Vec::new();
    };
    let cases = [
        ("dtls-gnutls", "NORMAL", dtls("nnnyy?", STATIC)),
        (
            "dtls-gnutls-strong",
            "SECURE128:-VERS-ALL:+VERS-DTLS1.2:-RSA",
            dtls("nnnny?", ""),
        ),
    ];
    let one = |(name, priority, truth): (&str, &str, Truth)| {
        let address = free_port();
        let mut command = Command::new(&server);
        command
            .args([
                "--udp",
                "--echo",
                "--disable-client-cert",
                "--priority",
                priority,
                "--port",
            ])
            .arg(address.port().to_string())
            .arg("--x509certfile")
            .arg(pki().join("good.pem"))
            .arg("--x509keyfile")
            .arg(pki().join("good.key"));
        let daemon = start_datagrams(&mut command, home(), address);
        Animal::new(name, address, truth, Some(Keeper::Daemon(daemon)))
    };
    cases.into_iter().map(one).collect()
}

fn quic() -> Vec<Animal> {
    let Some(server) = program("gtlsserver", "ngtcp2-server") else {
        return Vec::new();
    };
    let (home, address) = (home(), free_port());
    let mut command = Command::new(server);
    command
        .args(["-q", "-d"])
        .arg(home.path())
        .args(["127.0.0.1", &address.port().to_string()])
        .arg(pki().join("good.key"))
        .arg(pki().join("good.pem"));
    let daemon = start_datagrams(&mut command, home, address);
    let truth = Truth {
        protocol: "quic",
        ..tls("nnnnny", "", "", "")
    };
    vec![Animal::new("quic", address, truth, Some(Keeper::Daemon(daemon)))]
}

/// A peer that sends what `answers` makes of each datagram, until the test ends.
fn scripted(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut heard = [0; 65_535];
        while let Ok((length, from)) = socket.recv_from(&mut heard) {
            for answer in answers(&heard[..length]) {
                let _sent = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// A handshake message in a record of its own.
fn record(kind: u8, length: [u8; 3], body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(body.len() + 12).unwrap().to_be_bytes();
    let mut bytes = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, size[0], size[1], kind];
    bytes.extend(length);
    bytes.extend([0, 0, 0, 0, 0]);
    bytes.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    bytes.extend(body);
    bytes
}

fn traps() -> Vec<Animal> {
    let nothing = Truth {
        protocol: "silent",
        ..tls("??????", "", "", "")
    };
    // A cookie for every hello, for ever; a message of sixteen megabytes whose beginning comes again and again; noise.
    let cookies = |_: &[u8]| vec![record(3, [0, 0, 7], &[0xfe, 0xff, 4, 1, 2, 3, 4])];
    let long = |_: &[u8]| vec![record(2, [0xff; 3], &[0; 1000]); 50];
    let noise = |_: &[u8]| vec![vec![0xaa; 1400]; 50];
    [
        ("udp-silent", scripted(|_| Vec::new())),
        ("udp-echo", scripted(|heard| vec![heard.to_vec()])),
        ("udp-cookies", scripted(cookies)),
        ("udp-16-megabytes", scripted(long)),
        ("udp-noise", scripted(noise)),
    ]
    .map(|(name, address)| Animal::new(name, address, nothing, None))
    .into()
}
