//! `health`: whether the collector on this machine serves.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use plumbline_console::{Failure, Outcome};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::cli::Place;
use crate::home::Home;

/// Longest wait for connecting and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest answer looked at, in bytes.
const LARGEST_ANSWER: u64 = 4096;

/// Runs the command.
pub(crate) fn run(place: &Place) -> Result<Outcome, Failure> {
    let settings = place.settings()?;
    let home = Home::new(&settings.data_dir);
    home.require_initialised()?;
    let address = reachable(settings.web_listen);
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::new(format!(
            "{what} {address}: {error}; is `plumbline-collector serve` running?"
        ))
    };
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .map_err(|error| failed("cannot connect to", &error))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut anchors = RootCertStore::empty();
    anchors.add(
        CertificateDer::from_pem_file(home.ca_certificate())
            .map_err(|error| failed("no CA to trust at", &error))?,
    )?;
    let config = ClientConfig::builder()
        .with_root_certificates(anchors)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost")?;
    let connection = ClientConnection::new(Arc::new(config), name)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut answer = String::new();
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .map_err(|error| failed("cannot ask", &error))?;
    // A peer that closes without TLS' own goodbye has answered all the same.
    let _abrupt = stream.take(LARGEST_ANSWER).read_to_string(&mut answer);
    match answer.lines().next() {
        Some(line) if line.contains(" 200 ") => Ok(Outcome::Clean),
        Some(line) => Err(failed("not ready at", &line)),
        None => Err(failed("no answer from", &"nothing came back")),
    }
}

/// The address to connect to for one that is listened on.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        // A socket on :: takes IPv4 too, and a host may be without IPv6.
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    SocketAddr::new(ip, listening.port())
}
