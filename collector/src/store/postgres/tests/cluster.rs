//! A real PostgreSQL server of the tests' own, in a temporary directory and on a socket in it.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use crate::store::postgres::address::Address;
use crate::store::postgres::pool::Pool;
use crate::store::{PostgresServer, PostgresStore};

/// Where Debian and others put the server's programs, one directory for each version.
const VERSIONS: [&str; 2] = ["/usr/lib/postgresql", "/usr/pgsql"];

/// How long the server may take to answer; a machine that tests may be busy.
const START: Duration = Duration::from_secs(120);

/// Waits until nobody holds its input any more, ends the server and removes its files: also after a test that was
/// killed.
const WATCH: &str =
    r#"read -r _; kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")" 2>/dev/null; sleep 1; rm -rf "$0""#;

/// A server.
pub(crate) struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    user: Option<User>,
    server: Child,
    /// Its input ends with this.
    watch: Child,
}

impl Cluster {
    /// The one server that the tests of this process share; `None`, said aloud, where there is none to start.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A new server.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            eprintln!("SKIPPED: no PostgreSQL server is installed here (Debian: apt-get install postgresql)");
            return None;
        };
        // The server refuses to run as root.
        let user = geteuid().is_root().then(|| {
            let named = |name| User::from_name(name).unwrap();
            named("postgres").or_else(|| named("nobody")).unwrap()
        });
        let dir = tempfile::Builder::new()
            .prefix("plumbline-pg-")
            .tempdir()
            .unwrap()
            .keep();
        if let Some(user) = &user {
            chown(&dir, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        let watch = Command::new("sh")
            .args(["-c", WATCH])
            .arg(&dir)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let made = run_as(user.as_ref(), &bin.join("initdb"))
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=plumbline",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .arg("-D")
            .arg(dir.join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = serve(&dir, &bin, user.as_ref());
        let cluster = Self {
            dir,
            bin,
            user,
            server,
            watch,
        };
        cluster.wait();
        Some(cluster)
    }

    /// URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        let socket = self.dir.display().to_string().replace('/', "%2F");
        format!("postgres://plumbline@{socket}/{database}")
    }

    /// A new, empty database.
    pub(crate) fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// A store on a new database.
    pub(crate) fn store(&self) -> PostgresStore {
        PostgresStore::migrate(server(&self.database())).unwrap()
    }

    /// Runs a statement.
    fn sql(&self, database: &str, statement: &str) {
        let address = Address::parse(&self.url(database), None, None).unwrap();
        let pool = Pool::new(address, 1, false).unwrap();
        pool.read(|tx| tx.batch(statement)).unwrap();
    }

    /// Ends the server without a warning, as if by SIGKILL from the kernel.
    pub(crate) fn kill(&mut self) {
        let pid = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap();
        let pid: i32 = pid.lines().next().unwrap().trim().parse().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        self.server.wait().unwrap();
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        let began = Instant::now();
        loop {
            self.server = serve(&self.dir, &self.bin, self.user.as_ref());
            // It refuses while processes of the one before still end.
            while self.server.try_wait().unwrap().is_none() {
                if self.answers() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(began.elapsed() < START, "the server did not start again");
        }
    }

    fn wait(&self) {
        let began = Instant::now();
        while !self.answers() {
            assert!(
                began.elapsed() < START,
                "the server did not start: {}",
                fs::read_to_string(self.dir.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        let address = Address::parse(&self.url("postgres"), None, None).unwrap();
        let pool = Pool::new(address, 1, false).unwrap();
        pool.read(|tx| tx.batch("SELECT 1")).is_ok()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ended = self.watch.wait();
        let _reaped = self.server.wait();
    }
}

/// How a test reaches a database.
pub(crate) fn server(url: &str) -> PostgresServer<'_> {
    PostgresServer {
        url,
        password_file: None,
        ca_file: None,
        connections: 4,
    }
}

fn serve(dir: &Path, bin: &Path, user: Option<&User>) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .unwrap();
    run_as(user, &bin.join("postgres"))
        .arg("-D")
        .arg(dir.join("data"))
        .args(["-c", "listen_addresses=", "-c"])
        .arg(format!("unix_socket_directories={}", dir.display()))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A command under the server's user, if there is another to change to.
fn run_as(user: Option<&User>, program: &Path) -> Command {
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={}", user.uid))
                .arg(format!("--regid={}", user.gid))
                .arg("--clear-groups")
                .arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// The directory of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let roots = VERSIONS
        .iter()
        .flat_map(|root| fs::read_dir(root).into_iter().flatten().flatten());
    let mut versions: Vec<(u32, PathBuf)> = roots
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            let bin = version.path().join("bin");
            bin.join("initdb").is_file().then_some((number, bin))
        })
        .collect();
    versions.sort();
    versions.pop().map(|(_, bin)| bin)
}
