//! The anti-virus probe against a real clamd, run with settings, signatures and a socket of its own.
#![expect(clippy::disallowed_methods, reason = "the daemon is run for real")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails the test"
)]

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use plumbline_facts::Host;
use plumbline_facts::antivirus::daemon::Answer;
use plumbline_facts::antivirus::{self, ClamAv};

/// Time that clamd has to come up.
const START: Duration = Duration::from_secs(60);

/// A clamd that ends with the test.
struct Clamd(Child);

impl Drop for Clamd {
    fn drop(&mut self) {
        self.signal("KILL");
        let _ = self.0.wait();
    }
}

impl Clamd {
    /// `None` where it is not installed.
    fn start(directory: &Path) -> Option<Self> {
        let database = directory.join("db");
        std::fs::create_dir(&database).unwrap();
        std::fs::write(
            database.join("local.ndb"),
            "Test.Signature:0:*:706c756d626c696e652d74657374\n",
        )
        .unwrap();
        let config = directory.join("clamd.conf");
        let settings = format!(
            "LocalSocket {}\nDatabaseDirectory {}\nForeground yes\nOnAccessIncludePath /home\n",
            directory.join("clamd.ctl").display(),
            database.display()
        );
        std::fs::write(&config, settings).unwrap();
        let child = Command::new("clamd")
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let clamd = Self(child);
        let deadline = Instant::now() + START;
        // The file is there a moment before clamd listens on it.
        while UnixStream::connect(directory.join("clamd.ctl")).is_err() {
            assert!(Instant::now() < deadline, "clamd did not open its socket");
            sleep(Duration::from_millis(50));
        }
        Some(clamd)
    }

    fn signal(&self, name: &str) {
        let _ = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.0.id().to_string())
            .status();
    }
}

fn read() -> ClamAv {
    let facts = antivirus::read(&Host::live().unwrap(), Timestamp::now());
    facts.clamav.expect("clamd is installed and runs")
}

fn answer(clamav: &ClamAv, directory: &Path) -> Answer {
    let address = directory.join("clamd.ctl").display().to_string();
    let socket = clamav.sockets.iter().find(|socket| socket.address == address);
    socket
        .expect("the socket stands in the settings clamd was started with")
        .answer
        .clone()
}

#[test]
fn a_real_clamd_is_found_asked_and_missed_when_it_hangs_or_ends() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let Some(clamd) = Clamd::start(directory) else {
        eprintln!("SKIPPED: clamd is not installed; the anti-virus probe was not run against it");
        return;
    };
    let clamav = read();
    assert!(clamav.clamd.iter().any(|process| process.pid == clamd.0.id()));
    match answer(&clamav, directory) {
        Answer::Well { version } => assert!(version.starts_with("ClamAV "), "{version}"),
        other => panic!("{other:?}"),
    }
    let config = directory.join("clamd.conf").display().to_string();
    let config = clamav
        .daemon_configs
        .iter()
        .find(|found| found.path == config)
        .unwrap();
    assert_eq!(config.on_access_paths, ["/home"]);
    let database = directory.join("db").display().to_string();
    let databases = clamav
        .databases
        .iter()
        .find(|found| found.directory == database)
        .unwrap();
    assert_eq!((databases.official.len(), databases.unofficial), (0, 1));

    clamd.signal("STOP");
    let hung = read();
    assert!(hung.clamd.iter().any(|process| process.pid == clamd.0.id()));
    assert!(matches!(answer(&hung, directory), Answer::Unwell(_)));
    let pid = clamd.0.id();
    drop(clamd);
    let facts = antivirus::read(&Host::live().unwrap(), Timestamp::now());
    let gone = facts
        .clamav
        .is_none_or(|clamav| clamav.clamd.iter().all(|process| process.pid != pid));
    assert!(gone);
}
