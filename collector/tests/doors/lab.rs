//! A collector in a temporary directory, made by its own `init`, serving in this process on free ports.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use plumbline_collector::Server;
use plumbline_config::settings::CollectorSettings;
use rcgen::KeyPair;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Lab {
    dir: TempDir,
    pub(crate) admin: String,
    agent: SocketAddr,
    web: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _| {}).await
    }

    /// The same with other settings; the lab's directory goes along.
    pub(crate) async fn start_with(change: impl FnOnce(&mut CollectorSettings, &Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = CollectorSettings {
            data_dir: dir.path().join("data"),
            agent_listen: "127.0.0.1:0".parse().unwrap(),
            web_listen: "127.0.0.1:0".parse().unwrap(),
            ..CollectorSettings::default()
        };
        change(&mut settings, dir.path());
        let made = json_of(&run(&dir, &["init"]));
        let server = Server::start(settings).await.unwrap();
        let (agent, web) = (server.agent_address(), server.web_address());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server.run(async move {
            let _dropped = stopped.await;
        }));
        Self {
            dir,
            admin: made["admin_token"].as_str().unwrap().to_owned(),
            agent,
            web,
            stop,
            server,
        }
    }

    /// Stops the server and waits until it is done.
    pub(crate) async fn stop(self) {
        self.leave().await;
    }

    /// Stops the server, waits until it is done, and gives the directory that it leaves.
    pub(crate) async fn leave(self) -> TempDir {
        let _gone = self.stop.send(());
        self.server.await.unwrap();
        self.dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("data").join(name)
    }

    /// Runs a command on the data directory, beside the server.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(&self.dir, arguments)
    }

    /// Runs a command that reads `input` from standard input, and gives the JSON that it prints.
    pub(crate) fn json_with(&self, arguments: &[&str], input: &str) -> Value {
        let mut child = command(&self.dir, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        json_of(&child.wait_with_output().unwrap())
    }

    /// The JSON that a command prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        json_of(&self.run(arguments))
    }

    pub(crate) fn ca_pem(&self) -> String {
        std::fs::read_to_string(self.path("ca/ca.pem")).unwrap()
    }

    pub(crate) fn ca_key(&self) -> KeyPair {
        KeyPair::from_pem(&std::fs::read_to_string(self.path("ca/ca.key")).unwrap()).unwrap()
    }

    /// A client that trusts the collector's CA, and shows a certificate if it is given one.
    pub(crate) fn client(&self, identity: Option<(&str, &KeyPair)>) -> Client {
        self.client_builder(identity).build().unwrap()
    }

    /// The same, with a connection of its own for each request.
    pub(crate) fn client_without_pool(&self, identity: Option<(&str, &KeyPair)>) -> Client {
        self.client_builder(identity)
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    }

    /// The same, that goes nowhere by itself and keeps no cookies.
    pub(crate) fn browser(&self) -> Client {
        self.client_builder(None)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap()
    }

    fn client_builder(&self, identity: Option<(&str, &KeyPair)>) -> ClientBuilder {
        let roots = roots(&self.ca_pem());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let tls = match identity {
            Some((pem, key)) => {
                let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
                    .map(Result::unwrap)
                    .collect();
                let key = PrivatePkcs8KeyDer::from(key.serialized_der().to_vec());
                builder.with_client_auth_cert(chain, key.into()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        Client::builder().tls_backend_preconfigured(tls).no_proxy()
    }

    pub(crate) fn agent_url(&self, path: &str) -> String {
        format!("https://{}{path}", self.agent)
    }

    pub(crate) fn web_url(&self, path: &str) -> String {
        format!("https://{}{path}", self.web)
    }

    /// Address of the people's door.
    pub(crate) const fn web(&self) -> SocketAddr {
        self.web
    }

    /// The origin of the people's door, as a browser says it.
    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.web)
    }

    /// The database, for what only time would bring about.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("collector.db")).unwrap()
    }

    /// A request at the people's door as the administrator.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client(None)
            .request(method, self.web_url(path))
            .bearer_auth(&self.admin)
    }

    /// GET at the people's door as the administrator.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    pub(crate) async fn metrics(&self) -> String {
        let response = self.request(Method::GET, "/metrics").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap()
    }

    /// The value of the metric with exactly this name and these labels; 0 when there is none.
    pub(crate) async fn metric(&self, series: &str) -> u64 {
        let metrics = self.metrics().await;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// How many reports came to this result.
    pub(crate) async fn reports(&self, result: &str) -> u64 {
        self.metric(&format!(
            "plumbline_reports_received_total{{result=\"{result}\"}}"
        ))
        .await
    }

    /// An enrolment token made over the API.
    pub(crate) async fn token(&self, order: Value) -> String {
        let request = self
            .request(Method::POST, "/api/v1/enrolment-tokens")
            .json(&order);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let body: Value = response.json().await.unwrap();
        body["token"].as_str().unwrap().to_owned()
    }

    /// A token for one host of the role `service`.
    pub(crate) async fn service_token(&self) -> String {
        self.token(json!({"role": "service"})).await
    }
}

/// A store of trust with one certificate.
pub(crate) fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    roots
}

/// Asserts that a response is a problem document of this kind and status.
pub(crate) async fn assert_problem(response: Response, status: u16, kind: &str) -> Value {
    let (got, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    assert_eq!(got, status, "{kind}: {text}");
    assert_eq!(headers["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["type"], format!("about:blank#{kind}"), "{problem}");
    assert_eq!(problem["status"], status);
    assert!(
        !problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty()
    );
    problem
}

/// Runs a command on the data directory below `dir`.
pub(crate) fn run(dir: &TempDir, arguments: &[&str]) -> Output {
    command(dir, arguments).output().unwrap()
}

fn command(dir: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline-collector"));
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(dir.path().join("data"));
    // Reports and documents have formats of their own.
    if !arguments
        .iter()
        .any(|word| ["report", "render", "notice"].contains(word))
    {
        command.args(["--format", "json"]);
    }
    command
}

/// The JSON that a command printed.
pub(crate) fn json_of(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"))
}
