//! A real S3 server with object lock (`tests/s3/server.py`), and a gate before it that can be shut.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::lab::free_port;
use crate::wait_for;

/// What the server knows its only user by.
const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET_KEY: &str = "a/secret+that nobody knows";

/// A running server; killed when dropped.
pub struct S3 {
    directory: PathBuf,
    /// Where it is told what to do.
    control: u16,
    gate: Gate,
    process: Child,
}

impl S3 {
    /// Starts a server with what it needs in `directory`; `None`, said aloud, where it is not installed.
    pub fn start(directory: &Path) -> Option<Self> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let home = root.join("target/moto");
        if !home.join("ready").exists() {
            eprintln!(
                "SKIPPED: no S3 server is installed here (tests/s3/install); no evidence is kept on one"
            );
            return None;
        }
        for (name, content) in [("s3.id", ACCESS_KEY), ("s3.secret", SECRET_KEY)] {
            let file = directory.join(name);
            std::fs::write(&file, format!("{content}\n")).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        }
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (directory.join("s3.pem"), directory.join("s3.key"));
        std::fs::write(&certificate, certified.cert.pem()).unwrap();
        std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
        let (port, control) = (free_port(), free_port());
        let log = std::fs::File::create(directory.join("s3.log")).unwrap();
        let mut process = Command::new(home.join("bin/python"))
            .arg(root.join("tests/s3/server.py"))
            .arg(port.to_string())
            .args([&certificate, &key])
            .args([ACCESS_KEY, SECRET_KEY, &control.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("python can be run");
        wait_for("the S3 server to answer", || {
            assert!(process.try_wait().unwrap().is_none(), "it ended; see s3.log");
            let answers = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
            (answers(port) && answers(control)).then_some(())
        });
        Some(Self {
            directory: directory.to_owned(),
            control,
            gate: Gate::before(port),
            process,
        })
    }

    /// The settings that keep evidence in one of its buckets.
    pub fn settings(&self, bucket: &str, mode: &str) -> String {
        format!(
            "[evidence.s3]\nendpoint = \"https://127.0.0.1:{}\"\nbucket = \"{bucket}\"\npath_style = true\n\
             mode = \"{mode}\"\naccess_key_file = \"{}\"\nsecret_key_file = \"{}\"\nca_file = \"{}\"\n",
            self.gate.port,
            self.directory.join("s3.id").display(),
            self.directory.join("s3.secret").display(),
            self.directory.join("s3.pem").display(),
        )
    }

    /// The secret, which must show up nowhere.
    pub fn secret(&self) -> &'static str {
        SECRET_KEY
    }

    /// Makes a bucket that can lock, or one that can't.
    pub fn make_bucket(&self, name: &str, lock: bool) {
        self.control(&format!(
            "bucket?name={name}&lock={}",
            if lock { "1" } else { "" }
        ));
    }

    /// Has the next requests of a method fail.
    pub fn fail(&self, method: &str, count: u32) {
        self.control(&format!("fail?method={method}&count={count}"));
    }

    /// Has the next requests of a method be carried out, and answered as if they had failed.
    pub fn lose(&self, method: &str, count: u32) {
        self.control(&format!("lose?method={method}&count={count}"));
    }

    /// Damages an object where it is kept: `alter`, `cut`, `unlock` or `replace`.
    pub fn damage(&self, how: &str, bucket: &str, key: &str) {
        self.control(&format!("{how}?bucket={bucket}&key={key}"));
    }

    /// What was asked since this was last called, one request a line: method, path, query, bytes.
    pub fn asked(&self) -> Vec<String> {
        self.control("log").lines().map(str::to_owned).collect()
    }

    /// The way to it.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    fn control(&self, what: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).unwrap();
        write!(stream, "GET /{what} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{what}: {answer}");
        body.to_owned()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// A listener before the server. Its threads end with the process.
pub struct Gate {
    port: u16,
    shut: Arc<AtomicBool>,
    /// Bytes towards the server after which the next connection is cut; none is with the largest number.
    cut: Arc<AtomicU64>,
}

impl Gate {
    fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            port: listener.local_addr().unwrap().port(),
            shut: Arc::default(),
            cut: Arc::new(AtomicU64::new(u64::MAX)),
        };
        let (shut, cut) = (Arc::clone(&gate.shut), Arc::clone(&gate.cut));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                carry(&client, &server, Arc::clone(&cut), Arc::clone(&shut));
                carry(&server, &client, Arc::default(), Arc::clone(&shut));
            }
        });
        gate
    }

    /// Lets nobody through any more.
    pub fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    /// Lets all through again.
    pub fn open(&self) {
        self.shut.store(false, Ordering::SeqCst);
    }

    /// Cuts the connection over which so many bytes have gone to the server from now on; once.
    pub fn cut_after(&self, bytes: u64) {
        self.cut.store(bytes, Ordering::SeqCst);
    }

    /// Whether the connection was cut that should be.
    pub fn has_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == u64::MAX
    }
}

/// Carries bytes one way until a side is done, the gate is shut or it is time to cut.
fn carry(from: &TcpStream, to: &TcpStream, cut: Arc<AtomicU64>, shut: Arc<AtomicBool>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let left = cut.load(Ordering::SeqCst);
            if left != u64::MAX && left != 0 {
                if left <= count as u64 {
                    cut.store(u64::MAX, Ordering::SeqCst);
                    break;
                }
                cut.store(left - count as u64, Ordering::SeqCst);
            }
            if shut.load(Ordering::SeqCst) || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
