//! Copies of checkpoints, in a file and on a server that at first takes none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plumbline_collector::ledger::note::VerifierKey;
use plumbline_collector::ledger::statement::Statement;
use plumbline_config::interval::{Interval, Unit};
use plumbline_config::settings::AnchorSettings;
use plumbline_config::wire::FIRST_PREVIOUS;
use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::host::Host;
use crate::lab::{Lab, json_of, run};
use crate::ledger::report;

/// How long a copy may take to come.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a server was sent: head and body of each request.
type Posts = Arc<Mutex<Vec<(String, String)>>>;

/// A server of HTTPS that refuses the first requests; its address, its certificate, and what it was sent.
async fn server(refuses: usize) -> (String, String, Posts) {
    let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let posts = Posts::default();
    let sent = Arc::clone(&posts);
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(mut tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
            let request = loop {
                let read = tls.read(&mut part).await.unwrap();
                bytes.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let whole = text.split_once("\r\n\r\n").and_then(|(head, body)| {
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: "))?;
                    (body.len() >= length.parse().ok()?).then(|| (head.to_owned(), body.to_owned()))
                });
                if let Some(whole) = whole {
                    break whole;
                }
                assert!(read > 0, "half a request: {text}");
            };
            let count = {
                let mut sent = sent.lock().unwrap();
                sent.push(request);
                sent.len()
            };
            let status = if count > refuses {
                "204 No Content"
            } else {
                "503 Service Unavailable"
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            tls.write_all(answer.as_bytes()).await.unwrap();
            let _closed = tls.shutdown().await;
        }
    });
    (
        format!("https://localhost:{port}/anchors?token=secret"),
        made.cert.pem(),
        posts,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_kept_elsewhere_and_hold_the_ledger_to_them() {
    let (url, certificate, posts) = server(2).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("anchor.txt");
    let lab = Lab::start_with(|settings, dir| {
        let ca = dir.join("webhook-ca.pem");
        fs::write(&ca, certificate).unwrap();
        settings.anchor = AnchorSettings {
            file: Some(file.clone()),
            webhook: Some(url),
            webhook_ca_file: Some(ca),
            interval: Interval::new(10, Unit::Second),
        };
    })
    .await;
    let host = Host::enrol(&lab).await;
    let mut last = (0, FIRST_PREVIOUS.to_owned());
    report(&lab, &host, &mut last, 12).await;
    let key: VerifierKey = String::from_utf8(lab.run(&["ledger", "key"]).stdout)
        .unwrap()
        .trim_end()
        .parse()
        .unwrap();
    // Both hold a checkpoint over all of it in the end, the server for all its refusals.
    let of = |note: &str| Statement::read(note.as_bytes(), &key).unwrap();
    let everywhere = async {
        loop {
            let taken = posts
                .lock()
                .unwrap()
                .iter()
                .skip(2)
                .last()
                .map(|(_, note)| of(note).size);
            let states = lab.json(&["ledger", "anchors"]);
            let sizes = states
                .as_array()
                .unwrap()
                .iter()
                .map(|state| state["size"].as_u64());
            if taken > Some(12) && sizes.clone().count() == 2 && sizes.flatten().all(|size| size > 12) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, everywhere).await.unwrap();
    for (head, _) in posts.lock().unwrap().iter() {
        assert!(head.starts_with("POST /anchors?token=secret HTTP/1.1"), "{head}");
        assert!(head.contains("content-type: text/plain; charset=utf-8"), "{head}");
    }
    let refused: Vec<u64> = posts
        .lock()
        .unwrap()
        .iter()
        .map(|(_, note)| of(note).size)
        .collect();
    assert!(
        refused.is_sorted(),
        "never an older one after a newer one: {refused:?}"
    );
    for kind in ["file", "webhook"] {
        let name = format!("plumbline_anchor_last_success_timestamp_seconds{{kind=\"{kind}\"}}");
        assert!(lab.metric(&name).await > 1_700_000_000, "{kind}");
    }
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(lab.path("anchors.json"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );

    let dir = lab.leave().await;
    let verified = run(&dir, &["verify", "--checkpoint", file.to_str().unwrap()]);
    let found = json_of(&verified);
    assert_eq!(verified.status.code(), Some(0), "{found}");
    assert!(found["anchors"].as_u64() > Some(0), "{found}");
    let state = fs::read_to_string(dir.path().join("data/anchors.json")).unwrap();
    assert!(!state.contains("secret"), "{state}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_reached_over_https_is_refused_at_the_start() {
    for (webhook, interval) in [
        ("http://localhost/", 3_600),
        ("nonsense", 3_600),
        ("https://localhost/", 9),
    ] {
        let dir = tempfile::tempdir().unwrap();
        run(&dir, &["init"]);
        let settings = plumbline_config::settings::CollectorSettings {
            data_dir: dir.path().join("data"),
            agent_listen: "127.0.0.1:0".parse().unwrap(),
            web_listen: "127.0.0.1:0".parse().unwrap(),
            anchor: AnchorSettings {
                webhook: Some(webhook.to_owned()),
                interval: Interval::new(interval, Unit::Second),
                ..AnchorSettings::default()
            },
            ..Default::default()
        };
        let Err(error) = plumbline_collector::Server::start(settings).await else {
            panic!("{webhook} is taken");
        };
        assert!(error.to_string().contains("[anchor]"), "{error}");
    }
}
