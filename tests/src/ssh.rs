//! A host of its own in a mount namespace: its logs, a syslog daemon, and a real sshd.

use std::fs::{File, create_dir_all};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::lab::free_port;
use crate::wait_for;

/// What a program needs of `/dev`.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// The password that lets in, and one that does not.
const RIGHT: &str = "right";
const WRONG: &str = "wrong";

/// Gives this mount namespace a `/var/log` of its own with an empty `auth.log`, and a `/dev` with no `log` in it yet, both
/// somewhere in `directory`.
pub fn own_logs(directory: &Path) {
    let (logs, devices) = (directory.join("log"), directory.join("dev"));
    create_dir_all(&logs).unwrap();
    create_dir_all(&devices).unwrap();
    File::create(logs.join("auth.log")).unwrap();
    mount(&["--bind"], &logs, Path::new("/var/log"));
    for name in DEVICES {
        File::create(devices.join(name)).unwrap();
        mount(&["--bind"], &Path::new("/dev").join(name), &devices.join(name));
    }
    mount(&["--rbind"], &devices, Path::new("/dev"));
}

/// Gives root of this mount namespace the password [`RIGHT`].
fn own_password(home: &Path) {
    let made = Command::new("openssl")
        .args(["passwd", "-6", RIGHT])
        .output()
        .expect("openssl can be run");
    let hash = String::from_utf8(made.stdout).unwrap();
    let shadow = std::fs::read_to_string("/etc/shadow").unwrap();
    let others = shadow.lines().filter(|line| !line.starts_with("root:"));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    lines.insert(0, format!("root:{}:19000:0:99999:7:::", hash.trim()));
    let own = home.join("shadow");
    std::fs::write(&own, lines.join("\n") + "\n").unwrap();
    mount(&["--bind"], &own, Path::new("/etc/shadow"));
}

fn mount(options: &[&str], what: &Path, place: &Path) {
    let mounted = Command::new("mount")
        .args(options)
        .arg(what)
        .arg(place)
        .status()
        .expect("mount can be run");
    assert!(mounted.success(), "{} on {}", what.display(), place.display());
}

/// Takes what is said at `/dev/log` into `/var/log/auth.log`, as a syslog daemon does in its traditional format. Ends with
/// the test's process.
pub fn start_syslog() {
    let socket = UnixDatagram::bind("/dev/log").unwrap();
    std::fs::set_permissions("/dev/log", std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut log = File::options().append(true).open("/var/log/auth.log").unwrap();
    std::thread::spawn(move || {
        let mut message = vec![0; 8192];
        while let Ok(length) = socket.recv(&mut message) {
            let text = String::from_utf8_lossy(&message[..length]);
            let said = text.split_once('>').map_or(&*text, |(_, said)| said);
            // `Nov 23 01:02:03 sshd[7]: …` gets the host's name behind its time.
            let (at, rest) = said.split_at(said.len().min(15));
            writeln!(log, "{at} web{}", rest.trim_end_matches(['\0', '\n'])).unwrap();
        }
    });
}

/// A real sshd on loopback that lets `root` in with one password.
pub struct SshServer {
    daemon: Child,
    home: PathBuf,
    port: u16,
}

impl SshServer {
    /// Starts one, with its files in `home`. `None` where there is no sshd.
    pub fn start(home: &Path) -> Option<Self> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() {
            eprintln!("SKIPPED: openssh-server is not installed");
            return None;
        }
        create_dir_all("/run/sshd").unwrap();
        create_dir_all(home).unwrap();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(home.join("host"))
            .status()
            .expect("ssh-keygen can be run");
        assert!(made.success());
        own_password(home);
        for password in [RIGHT, WRONG] {
            let asks = home.join(password);
            std::fs::write(&asks, format!("#!/bin/sh\necho {password}\n")).unwrap();
            std::fs::set_permissions(&asks, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        let port = free_port();
        let daemon = Command::new(program)
            .args(["-D", "-f", "/dev/null", "-p", &port.to_string()])
            .args([
                "-o",
                "ListenAddress=127.0.0.1",
                "-o",
                "UsePAM=no",
                "-o",
                "StrictModes=no",
            ])
            .args(["-o", "PermitRootLogin=yes", "-o", "PasswordAuthentication=yes"])
            .args(["-o", "MaxStartups=100", "-o", "PidFile=none"])
            .arg("-h")
            .arg(home.join("host"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd can be started");
        wait_for("sshd to listen", || TcpStream::connect(("127.0.0.1", port)).ok());
        Some(Self {
            daemon,
            home: home.to_owned(),
            port,
        })
    }

    /// Fails to log in as root three times from this address of loopback.
    pub fn fail_thrice(&self, source: &str) {
        self.fail_thrice_as("root", source);
    }

    /// Fails to log in three times as somebody from this address of loopback.
    pub fn fail_thrice_as(&self, user: &str, source: &str) {
        assert!(
            !self.log_in_with(WRONG, user, source),
            "a wrong password lets nobody in"
        );
    }

    /// Logs in as root with the password.
    pub fn log_in(&self, source: &str) {
        assert!(self.log_in_with(RIGHT, "root", source), "the password lets in");
    }

    fn log_in_with(&self, password: &str, user: &str, source: &str) -> bool {
        let status = self
            .client(source)
            .args(["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=3"])
            .args([&format!("{user}@127.0.0.1"), "true"])
            .env("SSH_ASKPASS", self.home.join(password))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .status();
        status.expect("ssh can be run").success()
    }

    fn client(&self, source: &str) -> Command {
        let mut client = Command::new("ssh");
        client
            .args(["-F", "/dev/null", "-b", source, "-p", &self.port.to_string()])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(["-o", "ConnectTimeout=20"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        client
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}
