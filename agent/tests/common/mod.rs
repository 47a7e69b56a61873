//! A small collector on loopback that keeps the wire contract strictly, for tests of the agent alone. It rebuilds each
//! host's state from what it is sent, and a digest that is not that state's ends the test.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, reason = "what is read was made by the test")]

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use plumbline_config::finding::Finding;
use plumbline_config::ident::Role;
use plumbline_config::seal::{sha256_hex, verify};
use plumbline_config::state::{StateSum, distinct};
use plumbline_config::wire::{
    Ack, Assessment, EnrollReply, EnrollRequest, FIRST_PREVIOUS, Heartbeat, HeartbeatReply, HostInfo,
    PlanRef, RenewReply, RenewRequest, Report, SIGNATURE_HEADER, Scope, SignedPlan,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, DnType, IsCa,
    KeyPair, KeyUsagePurpose,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::Serialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The token that enrols.
pub const TOKEN: &str = "the-token";

/// What the collector does with the next report instead of keeping it.
#[derive(Clone, Debug)]
pub enum Instead {
    /// Keeps it and breaks the connection before the answer.
    KeepAndHangUp,
    /// Answers with this status, `Retry-After` and extra members of the problem.
    Answer(u16, Option<u64>, serde_json::Value),
}

pub struct State {
    ca: CertifiedIssuer<'static, KeyPair>,
    plan_key: Ed25519KeyPair,
    pub url: String,
    pub plan: Option<SignedPlan>,
    pub plan_requests: usize,
    pub enrolments: u32,
    pub renewals: u32,
    pub certificate_days: i64,
    pub instead: VecDeque<Instead>,
    pub kept: Vec<(Report, String)>,
    pub duplicates: usize,
    pub attempts: usize,
    /// What the host is known to say.
    pub findings: BTreeMap<(String, String), Finding>,
    told: Option<(PlanRef, HostInfo)>,
    /// The state was tampered with here, so that the digests may differ until everything was sent again.
    pub astray: bool,
    /// Asks for everything, whatever is sent.
    pub insatiable: bool,
    pub heartbeats: Vec<Heartbeat>,
    pub knows_heartbeats: bool,
    pub knows_zstd: bool,
    /// Reports that came compressed.
    pub compressed: usize,
    /// Compressed reports that were not taken.
    pub unsupported: usize,
}

/// A running collector; it ends with the test's process.
#[derive(Clone)]
pub struct Collector(Arc<Mutex<State>>);

impl Collector {
    /// Starts one whose certificate is for `name`.
    pub fn start(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "test CA");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();

        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &ca)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![leaf.der().clone(), ca.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let collector = Self(Arc::new(Mutex::new(State {
            ca,
            plan_key: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(),
            url: format!("https://localhost:{port}"),
            plan: None,
            plan_requests: 0,
            enrolments: 0,
            renewals: 0,
            certificate_days: 30,
            instead: VecDeque::new(),
            kept: Vec::new(),
            duplicates: 0,
            attempts: 0,
            findings: BTreeMap::new(),
            told: None,
            astray: false,
            insatiable: false,
            heartbeats: Vec::new(),
            knows_heartbeats: true,
            knows_zstd: true,
            compressed: 0,
            unsupported: 0,
        })));
        let serving = collector.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serving.serve(listener, TlsAcceptor::from(Arc::new(tls))));
        });
        collector
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn url(&self) -> String {
        self.state().url.clone()
    }

    pub fn ca_sha256(&self) -> String {
        sha256_hex(self.state().ca.der())
    }

    pub fn publish(&self, toml: &str) {
        let mut state = self.state();
        let signature = hex::encode(state.plan_key.sign(toml.as_bytes()));
        state.plan = Some(SignedPlan {
            toml: toml.to_owned(),
            sha256: sha256_hex(toml.as_bytes()),
            signature,
        });
    }

    async fn serve(self, listener: std::net::TcpListener, tls: TlsAcceptor) {
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _): (TcpStream, SocketAddr) = listener.accept().await.unwrap();
            let (tls, collector) = (tls.clone(), self.clone());
            tokio::spawn(async move {
                let Ok(stream) = tls.accept(stream).await else {
                    return;
                };
                let peer = stream
                    .get_ref()
                    .1
                    .peer_certificates()
                    .and_then(|chain| chain.first().cloned().map(CertificateDer::into_owned));
                let service = service_fn(|request| collector.answer(request, peer.clone()));
                let _ended = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Option<CertificateDer<'static>>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let path = request.uri().path().to_owned();
        let signature = request
            .headers()
            .get(SIGNATURE_HEADER)
            .map(|value| value.to_str().unwrap().to_owned());
        let held = request
            .headers()
            .get("if-none-match")
            .map(|value| value.to_str().unwrap().to_owned());
        let encoding = request
            .headers()
            .get("content-encoding")
            .map(|value| value.to_str().unwrap().to_owned());
        let mut body = request.into_body().collect().await.unwrap().to_bytes();
        let mut state = self.state();
        if let Some(encoding) = encoding {
            assert_eq!((path.as_str(), encoding.as_str()), ("/agent/v1/reports", "zstd"));
            if !state.knows_zstd {
                state.unsupported += 1;
                return Ok(problem(415, None, &json!({})));
            }
            let mut plain = Vec::new();
            ruzstd::decoding::StreamingDecoder::new(&*body)
                .unwrap()
                .read_to_end(&mut plain)
                .unwrap();
            assert!(plain.len() > body.len() && plain.len() > 512);
            state.compressed += 1;
            body = plain.into();
        }
        match (path.as_str(), peer) {
            ("/agent/v1/enroll", None) => Ok(state.enroll(&body)),
            ("/agent/v1/renew", Some(_)) => Ok(state.renew(&body)),
            ("/agent/v1/heartbeat", Some(_)) if state.knows_heartbeats => Ok(state.heartbeat(&body)),
            ("/agent/v1/plan", Some(_)) => Ok(state.plan(held)),
            ("/agent/v1/reports", Some(peer)) => state.report(&body, &signature.unwrap(), &peer),
            _ => Ok(problem(404, None, &json!({}))),
        }
    }
}

impl State {
    fn certificate(&self, csr_pem: &str) -> String {
        let mut request = CertificateSigningRequestParams::from_pem(csr_pem).unwrap();
        let now = std::time::SystemTime::now();
        let day = Duration::from_secs(86_400);
        // Issued long ago enough that two thirds of its life may be over.
        request.params.not_before = (now - 60 * day).into();
        request.params.not_after = (now + day * u32::try_from(self.certificate_days).unwrap()).into();
        request.signed_by(&self.ca).unwrap().pem()
    }

    fn enroll(&mut self, body: &[u8]) -> Response<Full<Bytes>> {
        let request: EnrollRequest = serde_json::from_slice(body).unwrap();
        if request.token != TOKEN {
            return problem(401, None, &json!({}));
        }
        self.enrolments += 1;
        // What is held of the installation before is not what the new one says.
        self.astray = self.enrolments > 1;
        ok(&EnrollReply {
            host_id: "h-1".parse().unwrap(),
            incarnation: self.enrolments,
            role: Role::Service,
            certificate_pem: self.certificate(&request.csr_pem),
            ca_pem: self.ca.pem(),
            agent_url: self.url.clone(),
            plan_key: hex::encode(self.plan_key.public_key()),
        })
    }

    fn renew(&mut self, body: &[u8]) -> Response<Full<Bytes>> {
        let request: RenewRequest = serde_json::from_slice(body).unwrap();
        self.renewals += 1;
        self.certificate_days = 90;
        ok(&RenewReply {
            certificate_pem: self.certificate(&request.csr_pem),
        })
    }

    fn plan(&mut self, held: Option<String>) -> Response<Full<Bytes>> {
        self.plan_requests += 1;
        match &self.plan {
            None => problem(404, None, &json!({})),
            Some(plan) if held == Some(format!("\"{}\"", plan.sha256)) => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            }
            Some(plan) => ok(plan),
        }
    }

    /// The chain is held strictly: the next number, chained to the one before; anything else ends the test.
    fn report(
        &mut self,
        body: &[u8],
        signature: &str,
        peer: &CertificateDer<'_>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        self.attempts += 1;
        let (_, certificate) = x509_parser::parse_x509_certificate(peer).unwrap();
        let key = certificate.public_key().subject_public_key.data.to_vec();
        verify(&key, body, signature).unwrap();
        let instead = self.instead.pop_front();
        if let Some(Instead::Answer(status, retry_after, extra)) = instead {
            return Ok(problem(status, retry_after, &extra));
        }
        let report: Report = serde_json::from_slice(body).unwrap();
        let hash = sha256_hex(body);
        let last = self
            .kept
            .iter()
            .rfind(|(kept, _)| kept.incarnation == report.incarnation);
        let (sequence, previous) = last.map_or((0, FIRST_PREVIOUS.to_owned()), |(kept, hash)| {
            (kept.sequence, hash.clone())
        });
        let duplicate = report.sequence == sequence;
        if duplicate {
            assert_eq!(hash, previous, "number {sequence} stands for two reports");
            self.duplicates += 1;
        } else {
            assert_eq!(report.sequence, sequence + 1, "a gap");
            assert_eq!(report.previous, previous, "the chain is broken");
            if let Some(assessment) = &report.assessment {
                self.apply(assessment);
            }
            self.kept.push((report.clone(), hash));
        }
        let resync = self.insatiable || report.state.as_ref().is_some_and(|told| self.differs(told));
        if let Some(Instead::KeepAndHangUp) = instead {
            return Err(std::io::Error::other("hanging up"));
        }
        Ok(ok(&Ack {
            sequence: report.sequence,
            duplicate,
            plan_sha256: self.plan.as_ref().map(|plan| plan.sha256.clone()),
            resync,
        }))
    }

    fn apply(&mut self, assessment: &Assessment) {
        if let Some(known) = &assessment.known_checks {
            self.findings.retain(|(check, _), _| known.contains(check));
        }
        if assessment.scope == Scope::Checks {
            self.findings
                .retain(|(check, _), _| !assessment.checks.contains(check));
        }
        for gone in &assessment.gone {
            let held = self.findings.remove(&(gone.check.clone(), gone.subject.clone()));
            assert!(held.is_some() || self.astray, "{gone:?} was never here");
        }
        for finding in distinct(&assessment.findings).into_values() {
            let key = (finding.check.clone(), finding.subject.clone());
            self.findings.insert(key, finding.clone());
        }
        self.told = Some((assessment.plan.clone(), assessment.host.clone()));
    }

    /// Whether the host's state is another than is known here; a test that did not tamper with it ends.
    fn differs(&mut self, told: &str) -> bool {
        let known = self
            .told
            .as_ref()
            .map(|(plan, host)| StateSum::of(self.findings.values()).digest(plan, &host.name, &host.os));
        let same = known.as_deref() == Some(told);
        assert!(same || self.astray, "the states differ");
        self.astray &= !same;
        !same
    }

    fn heartbeat(&mut self, body: &[u8]) -> Response<Full<Bytes>> {
        let heartbeat: Heartbeat = serde_json::from_slice(body).unwrap();
        let last = self
            .kept
            .iter()
            .rfind(|(kept, _)| kept.incarnation == heartbeat.incarnation);
        let sequence = last.map_or(0, |(kept, _)| kept.sequence);
        // Before its first report a host has nothing that could be compared.
        let compared = sequence > 0 || self.told.is_some();
        let resync = self.insatiable || (compared && self.differs(&heartbeat.state));
        self.heartbeats.push(heartbeat);
        ok(&HeartbeatReply {
            sequence,
            resync,
            plan_sha256: self.plan.as_ref().map(|plan| plan.sha256.clone()),
        })
    }
}

fn ok(answer: &impl Serialize) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(serde_json::to_vec(answer).unwrap())))
}

fn problem(status: u16, retry_after: Option<u64>, extra: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut problem =
        json!({"type": "about:blank#test", "title": "t", "status": status, "detail": "for the test"});
    if let Some(extra) = extra.as_object() {
        problem.as_object_mut().unwrap().extend(extra.clone());
    }
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        response = response.header("retry-after", seconds);
    }
    response
        .body(Full::new(Bytes::from(problem.to_string())))
        .unwrap()
}

/// Waits until `ready` gives something. The limit only keeps a failing test from hanging.
pub fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < limit, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
