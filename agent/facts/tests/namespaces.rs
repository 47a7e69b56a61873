//! What listens in other network namespaces is found, and spoken to from within them.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "ip(8) makes the namespaces and OpenSSL serves within them; helpers of tests may panic and say what they skip"
)]

use std::io::Write;
use std::net::{SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use plumbline_config::plan::TlsVersion;
use plumbline_facts::tls::{TlsListener, TlsListeners, Unseen};
use plumbline_facts::{Ask, Host, ProbeId, gather};

const NAME: &str = "listeners_of_other_namespaces_are_spoken_to_from_within_or_named";
/// Set in the process that runs apart: in namespaces of its own, and then once more without CAP_SYS_ADMIN.
const STAGE: &str = "PLUMBLINE_TEST_STAGE";

/// Runs the test again, where that is possible, with network, mounts and processes of its own, so that nothing of the machine is seen or touched.
fn runs_apart() {
    let apart = || {
        let mut command = Command::new("unshare");
        command.args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]);
        command
    };
    let can = apart().args(["ip", "link", "set", "lo", "up"]).status();
    let have_openssl = Command::new("openssl").arg("version").output().is_ok();
    if !can.is_ok_and(|status| status.success()) || !have_openssl {
        eprintln!("SKIPPED: needs root, ip and openssl, and the right to make namespaces");
        return;
    }
    let inside = "mount -t tmpfs none /run && ip link set lo up && \"$@\"";
    let status = apart()
        .args(["sh", "-c", inside, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(STAGE, "apart")
        .status()
        .unwrap();
    assert!(status.success(), "failed in its namespaces");
}

/// Runs the test once more in the same namespaces, without the right to enter others.
fn runs_without_the_right() {
    let drop = ["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"];
    let status = Command::new("setpriv")
        .args(drop)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(STAGE, "refused")
        .status()
        .unwrap();
    assert!(status.success(), "failed without CAP_SYS_ADMIN");
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Server {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

fn run(words: &str) {
    let words: Vec<&str> = words.split_whitespace().collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn s_server(prefix: &str, at: &str, version: &str, pki: &std::path::Path) -> Server {
    let line = format!("{prefix} openssl s_server -accept {at} -quiet {version}");
    let words: Vec<&str> = line.split_whitespace().collect();
    let child = Command::new(words[0])
        .args(&words[1..])
        .arg("-cert")
        .arg(pki.join("pem"))
        .arg("-key")
        .arg(pki.join("key"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Server(child)
}

fn inside<T: Send + 'static>(namespace: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let file = std::fs::File::open(format!("/run/netns/{namespace}")).unwrap();
    let (done, wait) = channel();
    thread::spawn(move || {
        setns(file, CloneFlags::CLONE_NEWNET).unwrap();
        done.send(work()).unwrap();
    });
    wait.recv().unwrap()
}

/// Until something accepts connections there.
fn wait_for(connect: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !connect() {
        assert!(Instant::now() < end, "a server does not listen");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Greets as SSH does.
fn greet(listener: TcpListener) {
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _sent = stream.write_all(b"SSH-2.0-here\r\n");
        }
    });
}

fn look() -> TlsListeners {
    let ask = Ask {
        probes: [ProbeId::Tls].into(),
        now: jiff::Timestamp::now(),
        ..Ask::default()
    };
    let facts = gather(&Host::live().unwrap(), &ask);
    facts.tls.value().unwrap().clone()
}

/// Subject, protocol, versions accepted, the process behind it.
fn told(tried: &TlsListener) -> (String, &'static str, Vec<&'static str>, String) {
    let process = tried.listener.process.as_ref();
    (
        tried.subject(),
        tried.endpoint.protocol.name(),
        tried.endpoint.offered().map(TlsVersion::name).collect(),
        process.map(|process| process.name.clone()).unwrap_or_default(),
    )
}

/// What is found without the right to enter: the same sockets, none spoken to, and the namespace named.
fn refused() {
    let found = look();
    let closed: Vec<_> = found
        .listeners
        .iter()
        .filter(|tried| tried.namespace.is_some())
        .collect();
    let subjects: Vec<_> = closed.iter().map(|tried| tried.subject()).collect();
    assert!(
        subjects.contains(&"tcp/127.0.0.1:8443@web".to_owned()),
        "{subjects:?}"
    );
    for tried in closed {
        assert!(tried.namespace.as_ref().unwrap().closed);
        assert_eq!(told(tried).1, "unknown");
        assert_eq!(tried.endpoint.unknown().count(), 6);
        assert!(tried.endpoint.error.as_ref().unwrap().contains("CAP_SYS_ADMIN"));
    }
    let named = |unseen: &Unseen| matches!(unseen, Unseen::Unlisted { name, .. } if name == "kept");
    assert!(found.unseen.iter().any(named), "{:?}", found.unseen);
    let own = found
        .listeners
        .iter()
        .find(|tried| tried.namespace.is_none())
        .unwrap();
    assert_eq!(
        told(own).2,
        ["TLSv1.2"],
        "the host's own are spoken to all the same"
    );
}

#[test]
fn listeners_of_other_namespaces_are_spoken_to_from_within_or_named() {
    match std::env::var(STAGE).as_deref() {
        Ok("apart") => {}
        Ok("refused") => return refused(),
        Ok("passing") => {
            let listener = TcpListener::bind("127.0.0.1:9000").unwrap();
            let _spoken_to = listener.accept();
            return;
        }
        _ => return runs_apart(),
    }
    let dir = tempfile::tempdir().unwrap();
    let pki = dir.path();
    run(&format!(
        "openssl req -x509 -nodes -newkey rsa:2048 -days 30 -subj /CN=here -keyout {0}/key -out {0}/pem",
        pki.display()
    ));
    for namespace in ["web", "kept"] {
        run(&format!("ip netns add {namespace}"));
        run(&format!("ip -n {namespace} link set lo up"));
    }
    run("ip link add outer type veth peer name inner netns web");
    run("ip -n web address add fe80::7/64 dev inner nodad");
    run("ip -n web address add 10.77.0.2/24 dev inner");
    run("ip -n web link set inner up");
    run("ip link set outer up");

    // The same address and port here and there: loopback of a namespace is its own.
    let _here = s_server("", "127.0.0.1:8443", "-tls1_2", pki);
    let _there = s_server("ip netns exec web", "127.0.0.1:8443", "-tls1_3", pki);
    wait_for(|| TcpStream::connect("127.0.0.1:8443").is_ok());
    wait_for(|| inside("web", || TcpStream::connect("127.0.0.1:8443").is_ok()));
    // A link-local address, which means nothing without an interface that is only there.
    inside("web", || {
        let index = nix::net::if_::if_nametoindex("inner").unwrap();
        let address = SocketAddrV6::new("fe80::7".parse().unwrap(), 22, 0, index);
        wait_for(|| TcpListener::bind(address).map(greet).is_ok());
        greet(TcpListener::bind("0.0.0.0:2200").unwrap());
    });
    // No process of ours is in it, as where a daemon opened a socket there and went back.
    inside("kept", || greet(TcpListener::bind("127.0.0.1:22").unwrap()));
    // A container that ends when it is first spoken to, and its namespace with it.
    let passing = Command::new("unshare")
        .args(["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(STAGE, "passing")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let table = format!("/proc/{}/net/tcp", passing.id());
    let mut passing = Server(passing);
    // Port 9000.
    wait_for(|| std::fs::read_to_string(&table).is_ok_and(|table| table.contains("0100007F:2328")));

    let found = look();
    let here: Vec<_> = found.listeners.iter().map(told).collect();
    let own = std::fs::read_to_string("/proc/self/comm")
        .unwrap()
        .trim()
        .to_owned();
    let versions = |list: &[&'static str]| list.to_vec();
    assert_eq!(
        here,
        [
            (
                "tcp/127.0.0.1:8443".to_owned(),
                "tls",
                versions(&["TLSv1.2"]),
                "openssl".to_owned()
            ),
            (
                "tcp/[fe80::7]:22@web".to_owned(),
                "ssh",
                versions(&[]),
                own.clone()
            ),
            (
                "tcp/0.0.0.0:2200@web".to_owned(),
                "ssh",
                versions(&[]),
                own.clone()
            ),
            (
                "tcp/127.0.0.1:8443@web".to_owned(),
                "tls",
                versions(&["TLSv1.3"]),
                "openssl".to_owned()
            ),
            ("tcp/127.0.0.1:22@kept".to_owned(), "ssh", versions(&[]), own),
        ]
    );
    let web = found.listeners[1].namespace.as_ref().unwrap();
    let address: SocketAddr = "10.77.0.2:0".parse().unwrap();
    assert!(web.addresses.contains(&address.ip()) && !web.bypasses_host && !web.closed);
    assert_eq!(found.unseen, []);
    assert!(
        passing.has_ended(),
        "it was spoken to, and there is nothing left to tell of it"
    );
    runs_without_the_right();
}
