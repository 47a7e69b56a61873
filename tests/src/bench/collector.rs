//! A collector as a process of its own, on loopback, and what it costs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plumbline_tests::lab::free_port;
use serde_json::Value;

/// Clock ticks a second in /proc/PID/stat (proc(5)): USER_HZ is 100 on every Linux that is run today.
const TICKS: f64 = 100.0;

/// How long the collector may take to answer after its start.
const PATIENCE: Duration = Duration::from_secs(120);

/// A collector's home with its settings, and the process that serves it.
pub(crate) struct Collector {
    program: PathBuf,
    home: PathBuf,
    pub(crate) agent_port: u16,
    pub(crate) web_port: u16,
    child: Option<Child>,
    spent: Cost,
}

/// What processes used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_kib: u64,
}

impl Collector {
    /// A collector in `home`; `init` is run where there is none. The agents' listener is on every address of loopback
    /// where `all_loopback` says that there are no others.
    pub(crate) fn new(program: &Path, home: &Path, store: Option<&str>, all_loopback: bool) -> Self {
        let (agent_port, web_port) = (free_port(), free_port());
        let agent_address = if all_loopback { "0.0.0.0" } else { "127.0.0.1" };
        let names: Vec<String> = (1..=LOOPBACKS)
            .map(|last| format!("\"127.0.0.{last}\""))
            .collect();
        fs::create_dir_all(home).expect("a home can be made");
        let mut settings = format!(
            "data_dir = \"{}\"\nagent_listen = \"{agent_address}:{agent_port}\"\nweb_listen = \"127.0.0.1:{web_port}\"\n\
             names = [{}]\n",
            home.join("collector").display(),
            names.join(", "),
        );
        if let Some(store) = store {
            settings.push_str(&format!("store = \"{store}\"\n"));
        }
        fs::write(home.join("collector.toml"), settings).expect("settings can be written");
        let collector = Self {
            program: program.to_owned(),
            home: home.to_owned(),
            agent_port,
            web_port,
            child: None,
            spent: Cost::default(),
        };
        if !collector.database().exists() {
            let made = collector.json(&["init"]);
            let token = made["admin_token"].as_str().expect("a token");
            fs::write(home.join("admin.token"), token).expect("the token can be written");
        }
        collector
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.home.join("collector/collector.db")
    }

    pub(crate) fn ca(&self) -> (String, String) {
        let read =
            |name: &str| fs::read_to_string(self.home.join("collector/ca").join(name)).expect("the CA");
        (read("ca.pem"), read("ca.key"))
    }

    /// Starts it; says how long it took to answer.
    pub(crate) fn start(&mut self) -> Duration {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.home.join("collector.log"))
            .expect("a log");
        let began = Instant::now();
        let child = self
            .command(&["serve"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the collector can be started");
        self.child = Some(child);
        while self.get("/readyz").is_none() {
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            assert!(
                ended.is_none(),
                "the collector ended; see {}",
                self.home.join("collector.log").display()
            );
            assert!(
                began.elapsed() < PATIENCE,
                "the collector does not answer; see {}",
                self.home.display()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        began.elapsed()
    }

    /// GET on the people's listener as the administrator: seconds to the first byte and to the last.
    pub(crate) fn get(&self, path: &str) -> Option<(f64, f64)> {
        self.reader().get(path)
    }

    /// Somebody who reads the people's listener.
    pub(crate) fn reader(&self) -> Reader {
        Reader {
            token: fs::read_to_string(self.home.join("admin.token")).unwrap_or_default(),
            ca: self.home.join("collector/ca/ca.pem"),
            port: self.web_port,
        }
    }

    /// SIGKILL, as a power cut would have it.
    pub(crate) fn kill(&mut self) {
        self.spent = self.cost();
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _status = child.wait();
        }
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.spent = self.cost();
        if let Some(mut child) = self.child.take() {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
            let _told = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            let _status = child.wait();
        }
    }

    /// What it used so far, restarts included.
    pub(crate) fn cost(&self) -> Cost {
        let Some(child) = &self.child else {
            return self.spent;
        };
        let now = cost_of(child.id());
        Cost {
            cpu_seconds: self.spent.cpu_seconds + now.cpu_seconds,
            peak_kib: self.spent.peak_kib.max(now.peak_kib),
        }
    }

    /// Bytes of the database and its log.
    pub(crate) fn database_bytes(&self) -> u64 {
        let wal = self.database().with_extension("db-wal");
        [self.database(), wal]
            .iter()
            .filter_map(|path| fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// Runs a command of the collector; its standard output, and whether it succeeded.
    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self
            .command(arguments)
            .output()
            .expect("the collector can be run");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }

    /// Runs a command that prints JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let (done, text) = self.run(&[arguments, &["--format", "json"]].concat());
        assert!(done, "{arguments:?}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.home.join("collector.toml"));
        command
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Addresses of loopback that agents reach the collector at: each has ports of its own to connect from.
pub(crate) const LOOPBACKS: u32 = 4;

/// What a process used, from proc(5).
pub(crate) fn cost_of(pid: u32) -> Cost {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    // The second field is the name in parentheses, and may hold spaces.
    let stat = read("stat");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |place: usize| {
        fields
            .get(place)
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    let status = read("status");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Cost {
        cpu_seconds: (ticks(11) + ticks(12)) / TICKS,
        peak_kib: peak.unwrap_or(0),
    }
}

/// Somebody who reads the people's listener, with the administrator's token.
pub(crate) struct Reader {
    token: String,
    ca: PathBuf,
    port: u16,
}

impl Reader {
    /// Seconds from the request to the first byte of the answer, and to the last. `None`: not answered well.
    pub(crate) fn get(&self, path: &str) -> Option<(f64, f64)> {
        let output = Command::new("curl")
            .args(["--silent", "--fail", "--max-time", "600", "--output", "/dev/null"])
            .args([
                "--write-out",
                "%{time_pretransfer} %{time_starttransfer} %{time_total}",
            ])
            .arg("--cacert")
            .arg(&self.ca)
            .args(["--header", &format!("Authorization: Bearer {}", self.token)])
            .arg(format!("https://127.0.0.1:{}{path}", self.port))
            .output()
            .expect("curl can be run");
        if !output.status.success() {
            return None;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut seconds = text
            .split(' ')
            .map(|part| part.parse::<f64>().unwrap_or(f64::NAN));
        // The connection and the handshake are curl's as much as the collector's: counted from the request on.
        let sent = seconds.next()?;
        Some((seconds.next()? - sent, seconds.next()? - sent))
    }
}
