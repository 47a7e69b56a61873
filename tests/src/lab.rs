//! A collector and an agent with all they own in one temporary directory.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::programs::program;
use crate::wait_for;

/// Settings of an agent that has something to report each second, though nothing changes.
pub const EAGER: &str =
    "check_interval = \"1 second\"\nheartbeat_interval = \"1 second\"\nevidence_interval = \"1 second\"\n";

/// A collector on free ports, initialised, with the example plan published.
pub struct Lab {
    dir: TempDir,
    data_dir: PathBuf,
    agent_port: u16,
    web_port: u16,
    ca_sha256: String,
    admin_token: String,
    collector: Option<Child>,
}

/// An answer over HTTP.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Lab {
    /// Makes and starts a collector.
    pub fn start() -> Self {
        Self::start_with(|_, _| String::new())
    }

    /// The same, with more settings: those that come of the lab's directory and the people's port.
    pub fn start_with(more: impl FnOnce(&Path, u16) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("collector");
        Self::start_in(dir, data_dir, more)
    }

    /// The same, with its data in `data_dir`, somewhere in `dir`.
    pub fn start_in(dir: TempDir, data_dir: PathBuf, more: impl FnOnce(&Path, u16) -> String) -> Self {
        let agents = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self::start_for(agents, dir, data_dir, more)
    }

    /// The same, with agents at this address.
    pub fn start_for(
        agents: SocketAddr,
        dir: TempDir,
        data_dir: PathBuf,
        more: impl FnOnce(&Path, u16) -> String,
    ) -> Self {
        let (agent_port, web_port) = (agents.port(), free_port());
        let more = more(dir.path(), web_port);
        write_settings(&dir, &data_dir, agents, web_port, &more);
        let mut lab = Self {
            dir,
            data_dir,
            agent_port,
            web_port,
            ca_sha256: String::new(),
            admin_token: String::new(),
            collector: None,
        };
        let made = lab.collector_json(&["init"]);
        lab.ca_sha256 = made["ca_sha256"].as_str().unwrap().to_owned();
        lab.admin_token = made["admin_token"].as_str().unwrap().to_owned();
        lab.start_collector();
        lab
    }

    /// Another collector with the same keys, with agents at this address; `more` says which store they share.
    pub fn beside(other: &Self, agents: SocketAddr, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("collector");
        let copied = Command::new("cp")
            .args(["--recursive", "--preserve=mode"])
            .arg(&other.data_dir)
            .arg(&data_dir)
            .status()
            .expect("cp can be run");
        assert!(copied.success());
        let web_port = free_port();
        write_settings(&dir, &data_dir, agents, web_port, more);
        let mut lab = Self {
            dir,
            data_dir,
            agent_port: agents.port(),
            web_port,
            ca_sha256: other.ca_sha256.clone(),
            admin_token: other.admin_token.clone(),
            collector: None,
        };
        lab.start_collector();
        lab
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// SHA-256 of the collector's CA, as agents are told it.
    pub fn ca_sha256(&self) -> &str {
        &self.ca_sha256
    }

    /// Where the collector keeps everything.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The numbers of the reports that are in the collector's database, in order. The collector must not run.
    pub fn kept_sequences(&self) -> Vec<u64> {
        let database = rusqlite::Connection::open(self.data_dir.join("collector.db")).unwrap();
        let mut statement = database
            .prepare("SELECT sequence FROM reports ORDER BY sequence")
            .unwrap();
        let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        rows.map(|sequence| u64::try_from(sequence.unwrap()).unwrap())
            .collect()
    }

    pub fn start_collector(&mut self) {
        let child = self.spawn("plumbline-collector", &["serve"], "collector.log");
        self.collector = Some(child);
        wait_for("the collector to answer", || {
            (self.api("/healthz").status == 200).then_some(())
        });
    }

    /// The running collector's process.
    pub fn collector_pid(&self) -> Option<u32> {
        self.collector.as_ref().map(Child::id)
    }

    /// SIGKILL, as a power cut would have it.
    pub fn kill_collector(&mut self) {
        kill(self.collector.take());
    }

    /// Enrols this host; a lab has one agent.
    pub fn enroll(&self, role: &str, more_settings: &str) {
        let home = self.dir.path();
        let settings = format!(
            "data_dir = \"{}\"\nsocket = \"{}\"\n{more_settings}",
            home.join("agent").display(),
            home.join("agent.sock").display()
        );
        std::fs::write(home.join("agent.toml"), settings).unwrap();
        let token = self.collector_json(&["token", "create", "--role", role])["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let url = format!("https://127.0.0.1:{}", self.agent_port);
        let output = self.run(
            "plumbline-agent",
            &[
                "enroll",
                "--collector",
                &url,
                "--token",
                &token,
                "--ca-sha256",
                &self.ca_sha256,
            ],
        );
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub fn start_agent(&self) -> AgentProcess {
        AgentProcess(Some(self.spawn("plumbline-agent", &["run"], "agent.log")))
    }

    /// A collector command that must succeed (exit 0 or 1) and print JSON.
    pub fn collector_json(&self, arguments: &[&str]) -> Value {
        self.json("plumbline-collector", arguments)
    }

    /// An agent command that must succeed (exit 0 or 1) and print JSON.
    pub fn agent_json(&self, arguments: &[&str]) -> Value {
        self.json("plumbline-agent", arguments)
    }

    /// GET on the people's listener as the administrator.
    pub fn api(&self, path: &str) -> Answer {
        self.api_as(path, Some(&self.admin_token))
    }

    /// GET on the people's listener with this token, or none.
    pub fn api_as(&self, path: &str, token: Option<&str>) -> Answer {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "20", "--write-out", "\n%{http_code}"]);
        curl.arg("--cacert").arg(self.ca_certificate());
        if let Some(token) = token {
            curl.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        curl.arg(format!("https://127.0.0.1:{}{path}", self.web_port));
        let output = curl.output().expect("curl can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or_default();
        Answer {
            status: status.parse().unwrap_or(0),
            body: body.to_owned(),
        }
    }

    /// Origin of the people's listener.
    pub fn web(&self) -> String {
        format!("https://127.0.0.1:{}", self.web_port)
    }

    pub fn ca_certificate(&self) -> PathBuf {
        self.data_dir.join("ca/ca.pem")
    }

    /// What a log says, for a failing test to show.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    fn json(&self, name: &str, arguments: &[&str]) -> Value {
        let output = self.run(name, &[arguments, &["--format", "json"]].concat());
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{name} {arguments:?}: {err}"
        );
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{name} {arguments:?}: {error}: {out}{err}"))
    }

    pub fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name, arguments)
            .output()
            .expect("the program can be run")
    }

    /// Runs a program that reads `input` from standard input.
    pub fn run_with(&self, name: &str, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(name, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be run");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn spawn(&self, name: &str, arguments: &[&str], log: &str) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join(log))
            .unwrap();
        self.command(name, arguments)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("the program can be started")
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let settings = if name == "plumbline-agent" {
            "agent.toml"
        } else {
            "collector.toml"
        };
        let mut command = Command::new(program(name));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.dir.path().join(settings))
            .env("LANG", "en_US.UTF-8");
        command
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.kill_collector();
        if std::thread::panicking() {
            for name in ["collector.log", "agent.log"] {
                let log = self.log(name);
                let tail: Vec<&str> = log.lines().rev().take(40).collect();
                eprintln!(
                    "--- {name}\n{}",
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                );
            }
        }
    }
}

fn write_settings(dir: &TempDir, data_dir: &Path, agents: SocketAddr, web_port: u16, more: &str) {
    let settings = format!(
        "data_dir = \"{}\"\nagent_listen = \"{agents}\"\nweb_listen = \"127.0.0.1:{web_port}\"\n{more}",
        data_dir.display()
    );
    std::fs::write(dir.path().join("collector.toml"), settings).unwrap();
}

/// A running agent; killed when dropped.
pub struct AgentProcess(Option<Child>);

impl AgentProcess {
    /// SIGKILL, as a power cut would have it.
    pub fn kill(mut self) {
        kill(self.0.take());
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        kill(self.0.take());
    }
}

fn kill(child: Option<Child>) {
    if let Some(mut child) = child {
        // It may have ended by itself; then there is nothing to kill and its status to collect.
        let _gone = child.kill();
        let _status = child.wait();
    }
}

/// A port of loopback that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
