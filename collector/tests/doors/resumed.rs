//! TLS sessions that are resumed: the certificate that was shown at first is judged anew each time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

use crate::host::Host;
use crate::lab::{Lab, roots};

fn config(lab: &Lab, host: &Host) -> Arc<ClientConfig> {
    let certificate = CertificateDer::from_pem_slice(host.reply.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(host.key.serialize_pem().as_bytes()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(&lab.ca_pem()))
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    config.resumption = Resumption::in_memory_sessions(8);
    Arc::new(config)
}

/// Asks for the plan on a connection of its own: how the session began, and the answer.
async fn ask(lab: &Lab, config: &Arc<ClientConfig>) -> (HandshakeKind, String) {
    let address = lab
        .agent_url("")
        .trim_start_matches("https://")
        .trim_end_matches('/')
        .to_owned();
    let config = Arc::clone(config);
    tokio::task::spawn_blocking(move || {
        let name = "127.0.0.1".try_into().unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut tls = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
        tls.write_all(b"GET /agent/v1/plan HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).unwrap();
        (tls.conn.handshake_kind().unwrap(), answer)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_session_opens_no_more_than_its_certificate_does() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let config = config(&lab, &host);
    let (kind, answer) = ask(&lab, &config).await;
    assert_eq!(kind, HandshakeKind::Full);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (kind, answer) = ask(&lab, &config).await;
    assert_eq!(kind, HandshakeKind::Resumed);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    lab.json(&["revoke", host.id().as_str()]);
    let (kind, answer) = ask(&lab, &config).await;
    assert_eq!(kind, HandshakeKind::Resumed);
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("revoked"),
        "{answer}"
    );
    lab.stop().await;
}
