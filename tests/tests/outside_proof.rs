//! The proof from outside, with hosts in network namespaces of their own: who consents is connected to, by those whom the
//! plan names and nobody else, and what is found stands beside what follows from the rules.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sched::{CloneFlags, setns};
use plumbline_config::plan::LoadedPlan;
use plumbline_tests::lab::Lab;
use plumbline_tests::programs::program;
use plumbline_tests::{namespace, wait_for};
use serde_json::Value;

/// The collector, where all hosts reach it.
const COLLECTOR: &str = "192.0.2.1";
const AGENT_PORT: u16 = 8443;

/// The rules of the host that is proved: 2222 and 3333 are let in, 8080 and the rest are not.
const RULES: &str = "table inet filter { chain input { type filter hook input priority 0; policy drop;
    ct state established,related accept; iif lo accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;
    tcp dport { 2222, 3333 } accept; }; }";

/// What stands between the collector and the host: it holds 3333 off, and answers for 8080 itself.
const BETWEEN: &str = "table ip between {
    chain translate { type nat hook output priority -100; ip daddr 192.0.2.10 tcp dport 8080 dnat to 192.0.2.99:9000; };
    chain hold { type filter hook output priority 0; ip daddr 192.0.2.10 tcp dport 3333 reject with tcp reset; }; }";

/// A host: a network namespace on the bridge, with a directory for its agent.
struct Host {
    holder: Child,
    directory: PathBuf,
    agent: Option<Child>,
    id: String,
}

impl Host {
    fn at(directory: &Path, number: u8) -> Self {
        // With a name of its own: two hosts of one name and machine id are one host that enrolled again.
        let name = format!("host{number}");
        let hold = format!("echo {name} >/proc/sys/kernel/hostname && exec sleep 1000");
        let holder = Command::new("unshare")
            .args(["--net", "--uts", "sh", "-c", &hold])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = holder.id().to_string();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        wait_for("the namespace", || {
            let theirs = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
            (theirs != own).then_some(())
        });
        ip(&[
            "link", "add", &name, "type", "veth", "peer", "name", "eth0", "netns", &pid,
        ]);
        ip(&["link", "set", &name, "master", "br0", "up"]);
        let host = Self {
            holder,
            directory: directory.join(&name),
            agent: None,
            id: String::new(),
        };
        std::fs::create_dir(&host.directory).unwrap();
        for arguments in [
            vec!["ip", "link", "set", "lo", "up"],
            vec![
                "ip",
                "address",
                "add",
                &format!("192.0.2.{number}/24"),
                "dev",
                "eth0",
            ],
            vec!["ip", "link", "set", "eth0", "up"],
        ] {
            assert!(
                host.inside(&arguments).status().unwrap().success(),
                "{arguments:?}"
            );
        }
        host
    }

    /// A command in the host's network.
    fn inside(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holder.id()))
            .arg(format!("--uts=/proc/{}/ns/uts", self.holder.id()))
            .args(arguments);
        command
    }

    /// Counts the connections that somebody makes to this port, and holds them to be without a word.
    fn listen(&self, port: u16) -> Arc<AtomicUsize> {
        let network = File::open(format!("/proc/{}/ns/net", self.holder.id())).unwrap();
        let counted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&counted);
        let (ready, listening) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // Only this thread goes there.
            setns(&network, CloneFlags::CLONE_NEWNET).unwrap();
            let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
            ready.send(()).unwrap();
            loop {
                let (mut stream, peer) = listener.accept().unwrap();
                // The host's own agent looks at what its sockets speak.
                if peer.ip().is_loopback() {
                    continue;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let mut said = Vec::new();
                // A reset is as good an end as any.
                let _ended = stream.read_to_end(&mut said);
                assert!(said.is_empty(), "{} bytes from {peer}", said.len());
            }
        });
        listening.recv().unwrap();
        counted
    }

    fn load(&self, rules: &str) {
        load(self.inside(&["nft"]), rules);
    }

    fn agent(&self, arguments: &[&str]) -> Output {
        let agent = program("plumbline-agent");
        let settings = self.directory.join("agent.toml");
        let mut command = self.inside(&[agent.to_str().unwrap()]);
        command.args(arguments).arg("--config").arg(settings);
        command.output().unwrap()
    }

    fn enroll(&mut self, lab: &Lab, consents: bool) {
        let home = self.directory.display();
        let settings = format!(
            "data_dir = \"{home}/agent\"\nsocket = \"{home}/agent.sock\"\ncheck_interval = \"5 seconds\"\n\
             heartbeat_interval = \"1 second\"\noutside_proof = {consents}\n"
        );
        std::fs::write(self.directory.join("agent.toml"), settings).unwrap();
        let label = format!("host={}", self.directory.file_name().unwrap().to_str().unwrap());
        let made = lab.collector_json(&["token", "create", "--role", "service", "--label", &label]);
        let token = made["token"].as_str().unwrap().to_owned();
        let url = format!("https://{COLLECTOR}:{AGENT_PORT}");
        let sha256 = lab.ca_sha256();
        let enrolled = self.agent(&[
            "enroll",
            "--collector",
            &url,
            "--token",
            &token,
            "--ca-sha256",
            sha256,
            "--format",
            "json",
        ]);
        let said = String::from_utf8_lossy(&enrolled.stdout).into_owned();
        assert!(
            enrolled.status.success(),
            "{}",
            String::from_utf8_lossy(&enrolled.stderr)
        );
        let said: Value = serde_json::from_str(&said).unwrap();
        said["host_id"].as_str().unwrap().clone_into(&mut self.id);
    }

    fn run(&mut self) {
        let log = File::create(self.directory.join("agent.log")).unwrap();
        let agent = program("plumbline-agent");
        let mut command = self.inside(&[agent.to_str().unwrap(), "run", "--config"]);
        command
            .arg(self.directory.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.agent = Some(command.spawn().unwrap());
    }

    /// A request under this host's certificate that its agent would not make.
    fn ask(&self, lab: &Lab, address: &str) -> Value {
        let identity = self.directory.join("agent/identity");
        let kept: Value =
            serde_json::from_slice(&std::fs::read(identity.join("identity.json")).unwrap()).unwrap();
        let certificate = self.directory.join("certificate.pem");
        std::fs::write(&certificate, kept["certificate_pem"].as_str().unwrap()).unwrap();
        let mut files = std::fs::read_dir(&identity)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let key = files
            .find(|file| file.extension().is_some_and(|end| end == "pem"))
            .unwrap();
        let mut curl = self.inside(&["curl", "--silent", "--max-time", "20"]);
        curl.arg("--cacert").arg(lab.ca_certificate());
        curl.arg("--cert").arg(certificate).arg("--key").arg(key);
        curl.args(["--header", "Content-Type: application/json", "--data"]);
        curl.arg(format!("{{\"address\": \"{address}\", \"ports\": [9000]}}"));
        curl.arg(format!("https://{COLLECTOR}:{AGENT_PORT}/agent/v1/proof"));
        let output = curl.output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
    }

    /// What the collector shows of this host's proofs, by subject.
    fn findings(&self, lab: &Lab) -> Vec<(String, String, Value)> {
        let path = format!("/api/v1/findings?host={}&check=firewall.outside-proof", self.id);
        let answer = lab.api(&path).json();
        let findings = answer["findings"].as_array().cloned().unwrap_or_default();
        let text = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
        let mut found: Vec<_> = findings
            .iter()
            .map(|finding| (text(finding, "subject"), text(finding, "status"), finding.clone()))
            .collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for child in [self.agent.as_mut(), Some(&mut self.holder)]
            .into_iter()
            .flatten()
        {
            let _gone = child.kill();
            let _status = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.join("agent.log")).unwrap_or_default();
            eprintln!("--- {}\n{log}", self.directory.display());
        }
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip")
        .args(arguments)
        .status()
        .expect("ip can be run");
    assert!(status.success(), "ip {arguments:?}");
}

fn load(mut nft: Command, rules: &str) {
    let mut child = nft
        .args(["--file", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("nft can be run");
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{rules}");
}

/// The plan of the form, with this proof from outside for the hosts that are run for customers.
fn publish(lab: &Lab, proof: &str) {
    let example = LoadedPlan::example().unwrap().text;
    let table = "[service.intrusion.firewall.outside_proof]\nprovers = []\ninterval = \"1 day\"\n";
    assert!(example.contains(table));
    let allowed = "[[service.intrusion.firewall.allowed_ports]]\nport = \"tcp/2222\"\n\n";
    let plan = example.replacen(
        table,
        &format!("{allowed}[service.intrusion.firewall.outside_proof]\n{proof}\n"),
        1,
    );
    let file = lab.path().join("plan.toml");
    std::fs::write(&file, plan).unwrap();
    let published = lab.run(
        "plumbline-collector",
        &["plan", "publish", file.to_str().unwrap()],
    );
    assert!(
        published.status.success(),
        "{}",
        String::from_utf8_lossy(&published.stderr)
    );
}

#[test]
fn who_consents_is_proved_from_outside_and_nobody_else_is_connected_to() {
    if !namespace::entered("who_consents_is_proved_from_outside_and_nobody_else_is_connected_to") {
        return;
    }
    ip(&["link", "add", "br0", "type", "bridge"]);
    ip(&["address", "add", &format!("{COLLECTOR}/24"), "dev", "br0"]);
    ip(&["link", "set", "br0", "up"]);
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("collector");
    let hosts = dir.path().to_owned();
    let agents = format!("{COLLECTOR}:{AGENT_PORT}").parse().unwrap();
    let lab = Lab::start_for(agents, dir, data_dir, |_, _| String::new());

    let mut proved = Host::at(&hosts, 10);
    let mut unwilling = Host::at(&hosts, 20);
    let mut prover = Host::at(&hosts, 30);
    let stranger = Host::at(&hosts, 99);
    proved.load(RULES);
    load(Command::new("nft"), BETWEEN);
    let (open, held, shut) = (proved.listen(2222), proved.listen(3333), proved.listen(8080));
    let never = unwilling.listen(2222);
    let elsewhere = stranger.listen(9000);

    proved.enroll(&lab, true);
    unwilling.enroll(&lab, false);
    prover.enroll(&lab, false);
    publish(
        &lab,
        &format!(
            "provers = [\"collector\", \"{}\"]\ninterval = \"1 hour\"\ntargets = [\
             {{ host = \"{}\", addresses = [\"192.0.2.10\"] }},\n{{ host = \"{}\", addresses = [\"192.0.2.20\"] }}]",
            prover.id, proved.id, unwilling.id
        ),
    );

    // A host whose certificate is good asks for somebody else: for a stranger, for what the plan names for another host,
    // for the collector's own loopback and itself.
    for address in ["192.0.2.99", "192.0.2.10"] {
        assert_eq!(
            unwilling.ask(&lab, address)["declined"],
            "not-the-hosts",
            "{address}"
        );
    }
    for address in ["127.0.0.1", "169.254.169.254", "::1"] {
        assert_eq!(
            unwilling.ask(&lab, address)["declined"],
            "not-outside",
            "{address}"
        );
    }
    assert_eq!(elsewhere.load(Ordering::SeqCst), 0);

    proved.run();
    unwilling.run();
    prover.run();
    let by_both = |found: &[(String, String, Value)]| {
        let of_port = |port: u16| {
            let subject = format!("tcp/192.0.2.10:{port}");
            found.iter().find(|(name, ..)| *name == subject).cloned()
        };
        let all = [2222, 3333, 8080].map(of_port);
        let both = |(_, _, finding): &(String, String, Value)| {
            finding["evidence"]["proofs"]
                .as_array()
                .is_some_and(|proofs| proofs.len() == 2)
        };
        all.iter().flatten().filter(|found| both(found)).count() == 3
    };
    let found = wait_for("both provers' word on every port", || {
        let found = proved.findings(&lab);
        by_both(&found).then_some(found)
    });
    let on = |subject: &str| {
        let found = found.iter().find(|(name, ..)| name == subject);
        found.unwrap_or_else(|| panic!("{subject} of {found:?}")).clone()
    };
    let said = |subject: &str, prover: &str| {
        let (.., finding) = on(subject);
        let proofs = finding["evidence"]["proofs"].as_array().unwrap().clone();
        let proof = proofs
            .into_iter()
            .find(|proof| proof["prover"] == prover)
            .unwrap();
        assert!(proof["at"].is_string() && proof["from"].is_string(), "{proof}");
        (
            proof["evaluated"].as_str().unwrap().to_owned(),
            proof["outcome"].as_str().unwrap().to_owned(),
        )
    };
    let pair = |evaluated: &str, outcome: &str| (evaluated.to_owned(), outcome.to_owned());
    // Let in, and found so from both sides.
    assert_eq!(on("tcp/192.0.2.10:2222").1, "pass");
    assert_eq!(
        said("tcp/192.0.2.10:2222", "collector"),
        pair("reachable", "connected")
    );
    assert_eq!(
        said("tcp/192.0.2.10:2222", &prover.id),
        pair("reachable", "connected")
    );
    // Held off on the way: no fault of the host's rules.
    assert_eq!(on("tcp/192.0.2.10:3333").1, "pass");
    assert_eq!(
        said("tcp/192.0.2.10:3333", "collector"),
        pair("reachable", "refused")
    );
    assert_eq!(
        said("tcp/192.0.2.10:3333", &prover.id),
        pair("reachable", "connected")
    );
    // Blocked by the rules: so it is from the other host, but the collector's connection opened.
    let (_, status, finding) = on("tcp/192.0.2.10:8080");
    assert_eq!(
        (status.as_str(), &finding["severity"]),
        ("fail", &Value::from("critical"))
    );
    assert_eq!(
        said("tcp/192.0.2.10:8080", "collector"),
        pair("blocked", "connected")
    );
    assert_eq!(
        said("tcp/192.0.2.10:8080", &prover.id),
        pair("blocked", "no-answer")
    );
    assert!(open.load(Ordering::SeqCst) >= 2 && held.load(Ordering::SeqCst) >= 1);
    assert_eq!(shut.load(Ordering::SeqCst), 0, "the rules do hold");

    // Who does not consent is not connected to, and not green.
    let unproved = wait_for("what the unwilling host says", || {
        let found = unwilling.findings(&lab);
        (!found.is_empty()).then_some(found)
    });
    let unproved: Vec<_> = unproved
        .iter()
        .map(|(name, status, _)| (name.as_str(), status.as_str()))
        .collect();
    assert_eq!(unproved, [("host", "error")]);
    assert_eq!(never.load(Ordering::SeqCst), 0);
    // The prover says of both hosts whether it connected.
    let of_prover = wait_for("what the prover says", || {
        let found = prover.findings(&lab);
        let passed = found
            .iter()
            .any(|(name, status, _)| *name == format!("to:{}", proved.id) && status == "pass");
        passed.then_some(found)
    });
    let to_unwilling = format!("to:{}", unwilling.id);
    assert!(
        of_prover
            .iter()
            .any(|(name, status, _)| *name == to_unwilling && status == "error")
    );

    // The collector's own word is in its ledger, and the checklist line counts the check.
    let acts = lab.api("/api/v1/acts").json();
    let acts = acts["acts"].as_array().unwrap().clone();
    let proofs: Vec<_> = acts
        .iter()
        .filter(|act| act["what"] == "firewall.prove")
        .collect();
    assert_eq!(proofs.len(), 1, "{acts:?}");
    let on = proofs[0]["on"].as_str().unwrap();
    assert!(
        on.starts_with(&proved.id) && on.contains("tcp/192.0.2.10:8080 connected"),
        "{on}"
    );
    let checklist = lab.collector_json(&["checklist"]);
    let lines = checklist["items"].as_array().unwrap().iter();
    let mut lines = lines.flat_map(|item| item["lines"].as_array().unwrap());
    let line = lines.find(|line| line["id"] == "7.1.4.firewall").unwrap();
    let checks = line["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["check"] == "firewall.outside-proof")
        .unwrap();
    assert_eq!(check["hosts"]["fail"], 1, "{check}");
    assert_eq!(check["hosts"]["error"], 2, "{check}");
}
