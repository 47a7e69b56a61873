//! A collector that runs on: certificates that change under it, and requests that are under way when it stops.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::lab::{Lab, roots};
use crate::people::PASSWORD;

/// A TLS connection to the people's door, to a host of this name, trusting one certificate.
async fn connect(lab: &Lab, name: &str, trusted: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(trusted))
        .with_no_client_auth();
    let stream = TcpStream::connect(lab.web()).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Writes a new pair for `plumbline.example` that ends at the beginning of a year, and gives its certificate.
fn write_pair(directory: &Path, year: i32) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["plumbline.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let pem = params.self_signed(&key).unwrap().pem();
    fs::write(directory.join("tls.pem"), &pem).unwrap();
    fs::write(directory.join("tls.key"), key.serialize_pem()).unwrap();
    fs::set_permissions(directory.join("tls.key"), Permissions::from_mode(0o640)).unwrap();
    pem
}

/// Seconds from 1970 to the beginning of 2035 and of 2036.
const YEARS: [u64; 2] = [2_051_222_400, 2_082_758_400];

async fn web_ends(lab: &Lab) -> u64 {
    // The door that people have must be asked by its local name: the certificate there is the collector's own.
    let mut stream = connect(lab, "localhost", &lab.ca_pem()).await.unwrap();
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        lab.admin
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A peer that closes without TLS' own goodbye has answered all the same.
    let _abrupt = stream.read_to_string(&mut answer).await;
    let series = "plumbline_tls_certificate_not_after_timestamp_seconds{listener=\"web\"} ";
    let value = answer.lines().find_map(|line| line.strip_prefix(series));
    value.map_or(0, |value| value.parse().unwrap())
}

/// Waits until the certificate for people ends then.
async fn wait_for_end(lab: &Lab, end: u64) {
    for _ in 0..400 {
        if web_ends(lab).await == end {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain for the certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_without_a_restart() {
    let mut first = String::new();
    let lab = Lab::start_with(|settings, directory| {
        first = write_pair(directory, 2035);
        settings.tls_certificate = Some(directory.join("tls.pem"));
        settings.tls_key = Some(directory.join("tls.key"));
    })
    .await;
    let name = "plumbline.example";
    assert!(connect(&lab, name, &first).await.is_ok());
    assert!(
        connect(&lab, name, &lab.ca_pem()).await.is_err(),
        "not the collector's own"
    );
    wait_for_end(&lab, YEARS[0]).await;

    // What is told to read its files again is listening: the figure came after.
    let directory = lab.path("..");
    let key = fs::read(directory.join("tls.key")).unwrap();
    let second = write_pair(&directory, 2036);
    let right = fs::read(directory.join("tls.key")).unwrap();
    fs::write(directory.join("tls.key"), key).unwrap();
    raise(Signal::SIGHUP).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        connect(&lab, name, &first).await.is_ok(),
        "half a pair changes nothing"
    );
    fs::write(directory.join("tls.key"), right).unwrap();
    raise(Signal::SIGHUP).unwrap();
    wait_for_end(&lab, YEARS[1]).await;
    assert!(connect(&lab, name, &second).await.is_ok());
    assert!(connect(&lab, name, &first).await.is_err());
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_answered_before_the_collector_stops() {
    let lab = Lab::start().await;
    lab.json_with(&["user", "add", "alice", "--role", "viewer"], PASSWORD);
    let (ca, address) = (lab.ca_pem(), lab.web());
    let mut under_way = connect(&lab, "localhost", &ca).await.unwrap();
    let mut idle = connect(&lab, "localhost", &ca).await.unwrap();
    let body = json!({"user": "alice", "password": PASSWORD}).to_string();
    let (begun, rest) = body.split_at(10);
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    under_way
        .write_all(format!("{head}{begun}").as_bytes())
        .await
        .unwrap();
    // Time for the collector to read what was sent; were it too short, the request would be refused, and the test fail.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stopping = tokio::spawn(lab.stop());
    let mut nothing = Vec::new();
    let _closed = idle.read_to_end(&mut nothing).await;
    assert!(
        nothing.is_empty(),
        "a connection with nothing under way is closed"
    );
    assert!(
        TcpStream::connect(address).await.is_err(),
        "and no other is taken"
    );
    assert!(!stopping.is_finished());
    under_way.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _abrupt = under_way.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    stopping.await.unwrap();
}
