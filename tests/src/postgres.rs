//! A real PostgreSQL server in a temporary directory, on a socket in it.

use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::wait_for;

/// The port that names its socket, where it listens on none.
const PORT: u16 = 5432;

/// A server; killed when dropped.
pub struct Postgres {
    dir: TempDir,
    bin: PathBuf,
    /// What it is started with, as `name=value`.
    settings: Vec<String>,
    /// Its port: part of its socket's name.
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Makes and starts a server; `None`, said aloud, where none is installed.
    pub fn start() -> Option<Self> {
        let mut this = Self::make(tempfile::tempdir().unwrap(), &[])?;
        this.restart();
        Some(this)
    }

    /// Makes a server in `dir` that [`Self::restart`] starts, with these settings (`name=value`); `None`, said aloud,
    /// where none is installed. Where it is started with one already, the last one counts.
    pub fn make(dir: TempDir, settings: &[&str]) -> Option<Self> {
        let Some(bin) = programs() else {
            eprintln!("SKIPPED: no PostgreSQL server is installed here (Debian: apt-get install postgresql)");
            return None;
        };
        own(dir.path());
        let this = Self {
            dir,
            bin,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            port: PORT,
            server: None,
        };
        let made = this
            .command("initdb")
            .args(["--no-sync", "--auth=trust", "--username=plumbline"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "-D"])
            .arg(this.dir.path().join("data"))
            .output()
            .expect("initdb can be run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(this)
    }

    /// URL of its database.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// URL of one of its databases.
    pub fn url_of(&self, database: &str) -> String {
        let socket = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://plumbline@{socket}:{}/{database}", self.port)
    }

    /// Writes a file into its data directory that it alone may read.
    pub fn put(&self, name: &str, content: &str) {
        let file = self.dir.path().join("data").join(name);
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        own(&file);
    }

    /// Has it listen on a port of loopback, too, when it is started next.
    pub fn listen_on(&mut self, port: u16) {
        self.port = port;
        self.settings.push("listen_addresses=127.0.0.1".to_owned());
    }

    /// The process that all others of the server come from.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// What a query answers, one row a line.
    pub fn ask(&self, query: &str) -> String {
        self.ask_of("postgres", query)
    }

    /// The same of one of its databases.
    pub fn ask_of(&self, database: &str, query: &str) -> String {
        let output = self.query(database, query);
        assert!(
            output.status.success(),
            "{query}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// SIGKILL to the server, which its other processes follow.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _gone = server.kill();
            server.wait().unwrap();
        }
    }

    /// Starts it, again where it was killed.
    pub fn restart(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .unwrap();
        // It refuses while processes of the one before still end, and then ends itself.
        wait_for("PostgreSQL to answer", || {
            let ended = match &mut self.server {
                Some(server) => server.try_wait().unwrap().is_some(),
                None => true,
            };
            if ended {
                let server = self
                    .command("postgres")
                    .arg("-D")
                    .arg(self.dir.path().join("data"))
                    .args([
                        "-c",
                        "listen_addresses=",
                        "-c",
                        &format!("port={}", self.port),
                        "-c",
                    ])
                    .arg(format!("unix_socket_directories={}", self.dir.path().display()))
                    .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
                    .stdout(log.try_clone().unwrap())
                    .stderr(log.try_clone().unwrap())
                    .spawn()
                    .expect("postgres can be run");
                self.server = Some(server);
            }
            self.query("postgres", "SELECT 1").status.success().then_some(())
        });
    }

    fn query(&self, database: &str, query: &str) -> std::process::Output {
        Command::new(self.bin.join("psql"))
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", query])
            .arg(self.url_of(database))
            .output()
            .expect("psql can be run")
    }

    /// One of the server's programs, under another user where we are root: the server refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match server_user() {
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command
                    .args([format!("--reuid={uid}"), format!("--regid={gid}")])
                    .arg("--clear-groups")
                    .arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir("/").stdin(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Gives a path to the server's user.
fn own(path: &Path) {
    if let Some((uid, gid)) = server_user() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

/// The ids of `postgres`, where we are root.
fn server_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    (id(&["-u"]) == Some(0)).then(|| {
        let (uid, gid) = (id(&["-u", "postgres"]), id(&["-g", "postgres"]));
        (uid.unwrap(), gid.unwrap())
    })
}

/// The directory of the newest server's programs, where Debian puts them.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Path::new("/usr/lib/postgresql")
        .read_dir()
        .ok()?
        .flatten()
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            let bin = version.path().join("bin");
            bin.join("initdb").is_file().then_some((number, bin))
        })
        .collect();
    versions.sort();
    versions.pop().map(|(_, bin)| bin)
}
