//! Other network namespaces of this machine: containers, services with a network of their own.
//!
//! Source: namespaces(7), by the distinct `/proc/PID/ns/net`, and the names that ip-netns(8) keeps in `/run/netns`. A
//! namespace is called what its container is called (cgroup(7), Docker's own record), or else what its first process is.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::thread;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use serde::Deserialize;

use crate::host::{Host, ReadError};

/// Most namespaces looked at.
const MOST_NAMESPACES: usize = 512;
/// Most processes looked at to find them.
const MOST_PROCESSES: usize = 50_000;
/// Largest `comm` and cgroup taken, in bytes.
const LARGEST_PROC_FILE: u64 = 16 * 1024;
/// Largest record of a container taken, in bytes.
const LARGEST_RECORD: u64 = 1024 * 1024;
/// Longest name, in characters.
const LONGEST_NAME: usize = 63;
/// Where ip-netns(8) keeps names.
const NAMED: &str = "/run/netns";
/// What the host's own namespace alone is called.
pub const OWN: &str = "host";
/// What is taken for the name of one that has none.
const UNNAMED: &str = "netns";

/// The network namespaces other than the own.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// In the order of their first processes.
    pub(crate) namespaces: Vec<Namespace>,
    /// There are more than are listed.
    pub(crate) more: bool,
    /// The namespace of some process can't be seen for want of privilege.
    pub(crate) hidden: bool,
}

/// A network namespace other than the own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// What it is called; no two are called alike.
    pub(crate) name: String,
    /// A process in it; `None` where it is kept by its name alone.
    pub(crate) process: Option<u32>,
    /// Number of its inode.
    number: u64,
    /// The file that stands for it.
    file: String,
}

/// Why a namespace is not entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    #[error("the agent may not enter the network namespace (setns needs CAP_SYS_ADMIN)")]
    Refused,
    #[error("the network namespace is gone")]
    Gone,
    #[error("the network namespace could not be entered: {0}")]
    Failed(String),
}

impl From<Errno> for Closed {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EPERM | Errno::EACCES => Self::Refused,
            Errno::ENOENT | Errno::ESRCH => Self::Gone,
            errno => Self::Failed(errno.desc().to_owned()),
        }
    }
}

/// The namespaces that processes run in, and those that have a name, without that of this thread.
pub(crate) fn others(host: &Host) -> Others {
    let mut found = Others::default();
    let of = |process: &str| host.read_link(format!("/proc/{process}/ns/net"));
    let number = |link: std::path::PathBuf| link.to_str().and_then(inode);
    let Some(own) = of("thread-self").ok().and_then(number) else {
        found.hidden = true;
        return found;
    };
    let mut seen = BTreeSet::from([own]);
    let named = named(host);
    let mut names = Names::default();
    let mut processes: Vec<u32> = host
        .list("/proc")
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    processes.sort_unstable();
    found.more = processes.len() > MOST_PROCESSES;
    for process in processes.into_iter().take(MOST_PROCESSES) {
        let number = match of(&process.to_string()) {
            Ok(link) => number(link),
            Err(ReadError::Denied(_)) => {
                found.hidden = true;
                None
            }
            // It has just ended.
            Err(_) => None,
        };
        let Some(number) = number.filter(|number| seen.insert(*number)) else {
            continue;
        };
        if found.namespaces.len() == MOST_NAMESPACES {
            found.more = true;
            return found;
        }
        let name = named
            .get(&number)
            .cloned()
            .unwrap_or_else(|| name_by_process(host, process));
        found.namespaces.push(Namespace {
            name: names.give(&name),
            process: Some(process),
            number,
            file: format!("/proc/{process}/ns/net"),
        });
    }
    for (number, name) in named {
        if !seen.insert(number) {
            continue;
        }
        if found.namespaces.len() == MOST_NAMESPACES {
            found.more = true;
            return found;
        }
        found.namespaces.push(Namespace {
            file: format!("{NAMED}/{name}"),
            name: names.give(&name),
            process: None,
            number,
        });
    }
    found
}

impl Namespace {
    /// Runs `work` on a thread within the namespace; threads that it starts are in it too.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Closed> {
        let enter = || {
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
            let file = File::from(nix::fcntl::open(self.file.as_str(), flags, Mode::empty())?);
            let number = file.metadata().map(|metadata| metadata.ino());
            // Another process may have got the number of the one that was seen.
            if !number.is_ok_and(|number| number == self.number) {
                return Err(Closed::Gone);
            }
            // With the kind named, since RestrictNamespaces= of systemd.exec(5) lets no other call through.
            setns(file, CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new()
                .spawn_scoped(scope, enter)
                .map_err(|error| Closed::Failed(error.to_string()))?;
            thread
                .join()
                .unwrap_or_else(|_panic| Err(Closed::Failed("the thread within ended early".to_owned())))
        })
    }
}

/// `net:[4026531840]` → 4026531840.
fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// Names that an administrator gave, by the numbers of the namespaces. Those that engines make up say nothing.
fn named(host: &Host) -> BTreeMap<u64, String> {
    let made_up = |name: &str| name.starts_with("netns-") || name.starts_with("cni-");
    let names = host.list(NAMED).unwrap_or_default();
    let number = |name: &String| host.metadata(format!("{NAMED}/{name}")).map(|file| file.ino());
    names
        .into_iter()
        .filter(|name| !made_up(name))
        .filter_map(|name| Some((number(&name).ok()?, name)))
        .collect()
}

fn name_by_process(host: &Host, process: u32) -> String {
    let text = |file: &str| {
        host.read_text(format!("/proc/{process}/{file}"), LARGEST_PROC_FILE)
            .unwrap_or_default()
    };
    let container = text("cgroup").lines().find_map(container_of);
    match container {
        Some(Container::Name(name)) => name,
        Some(Container::Docker(id)) => docker_name(host, &id).unwrap_or_else(|| text("comm")),
        None => text("comm"),
    }
}

/// What a line of `/proc/PID/cgroup` tells of a container.
#[derive(Debug, PartialEq, Eq)]
enum Container {
    /// Its name: LXC, systemd-nspawn.
    Name(String),
    /// Docker's number of it.
    Docker(String),
}

fn container_of(line: &str) -> Option<Container> {
    let path = line.splitn(3, ':').nth(2)?;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let after = parts.peek().copied().unwrap_or_default();
        let docker = part
            .strip_prefix("docker-")
            .and_then(|part| part.strip_suffix(".scope"))
            .or_else(|| (part == "docker").then_some(after));
        if let Some(id) =
            docker.filter(|id| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Some(Container::Docker(id.to_owned()));
        }
        let name = part
            .strip_prefix("lxc.payload.")
            .or_else(|| (part == "lxc").then_some(after))
            .or_else(|| part.strip_prefix("machine-")?.strip_suffix(".scope"))
            .or_else(|| part.strip_prefix("systemd-nspawn@")?.strip_suffix(".service"));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            return Some(Container::Name(name.replace("\\x2d", "-")));
        }
    }
    None
}

fn docker_name(host: &Host, id: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Record {
        name: String,
    }
    let path = format!("/var/lib/docker/containers/{id}/config.v2.json");
    let record: Record = serde_json::from_slice(&host.read(path, LARGEST_RECORD).ok()?).ok()?;
    Some(record.name.trim_start_matches('/').to_owned())
}

/// Names given so far.
struct Names(BTreeSet<String>);

impl Default for Names {
    fn default() -> Self {
        Self([OWN.to_owned()].into())
    }
}

impl Names {
    /// A name like `wanted` that nobody has. Whoever runs a container chooses what it and its processes are called.
    fn give(&mut self, wanted: &str) -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '_'
            }
        };
        let clean: String = wanted.trim().chars().map(plain).take(LONGEST_NAME).collect();
        let clean = if clean.is_empty() { UNNAMED } else { &clean };
        let numbered = (2_u32..).map(|number| format!("{clean}-{number}"));
        let free = std::iter::once(clean.to_owned())
            .chain(numbered)
            .find(|name| !self.0.contains(name))
            .unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    /// Processes with their namespaces, comm and cgroup.
    fn machine(processes: &[(&str, &str, &str, &str)]) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        for (process, namespace, comm, cgroup) in processes {
            let path = dir.path().join("proc").join(process);
            std::fs::create_dir_all(path.join("ns")).unwrap();
            symlink(namespace, path.join("ns/net")).unwrap();
            std::fs::write(path.join("comm"), format!("{comm}\n")).unwrap();
            std::fs::write(path.join("cgroup"), cgroup).unwrap();
        }
        let host = Host::at(dir.path()).unwrap();
        (dir, host)
    }

    fn names(found: &Others) -> Vec<(&str, Option<u32>)> {
        found
            .namespaces
            .iter()
            .map(|namespace| (namespace.name.as_str(), namespace.process))
            .collect()
    }

    #[test]
    fn each_namespace_is_found_once_and_called_what_its_container_is() {
        let id = "ab".repeat(32);
        let docker = format!("0::/system.slice/docker-{id}.scope\n");
        let (dir, host) = machine(&[
            ("thread-self", "net:[1]", "agent", ""),
            ("1", "net:[1]", "systemd", "0::/init.scope\n"),
            ("20", "net:[2]", "nginx", &docker),
            ("21", "net:[2]", "nginx", &docker),
            ("9", "net:[3]", "init", "0::/lxc.payload.mail/init.scope\n"),
            (
                "30",
                "net:[4]",
                "init",
                "0::/machine.slice/systemd-nspawn@shop\\x2ddb.service/payload\n",
            ),
            ("40", "net:[5]", "redis", "0::/user.slice\n"),
            ("41", "net:[6]", "redis", "0::/user.slice\n"),
            ("42", "net:[7]", "host", "0::/user.slice\n"),
            ("43", "net:[8]", "a@b/c\u{1b}[2J\u{202e}d", "0::/user.slice\n"),
            ("44", "no namespace", "x", ""),
        ]);
        let record = dir.path().join("var/lib/docker/containers").join(&id);
        std::fs::create_dir_all(&record).unwrap();
        std::fs::write(record.join("config.v2.json"), r#"{"ID":"x","Name":"/shop-web"}"#).unwrap();
        let found = others(&host);
        assert_eq!(
            names(&found),
            [
                ("mail", Some(9)),
                ("shop-web", Some(20)),
                ("shop-db", Some(30)),
                ("redis", Some(40)),
                ("redis-2", Some(41)),
                ("host-2", Some(42)),
                ("a_b_c__2J_d", Some(43)),
            ]
        );
        assert!(!found.more && !found.hidden);
    }

    #[test]
    fn without_knowing_the_own_nothing_is_taken_for_another() {
        let (_dir, host) = machine(&[("20", "net:[2]", "nginx", "")]);
        let found = others(&host);
        assert!(found.namespaces.is_empty() && found.hidden);
    }

    #[test]
    fn a_machine_with_too_many_namespaces_is_told_to_have_more() {
        let many: Vec<_> = (1..=MOST_NAMESPACES + 1)
            .map(|number| (number.to_string(), format!("net:[{}]", 100 + number)))
            .collect();
        let mut processes = vec![("thread-self", "net:[1]", "agent", "")];
        processes.extend(
            many.iter()
                .map(|(process, net)| (process.as_str(), net.as_str(), "x", "")),
        );
        let (_dir, host) = machine(&processes);
        let found = others(&host);
        assert_eq!((found.namespaces.len(), found.more), (MOST_NAMESPACES, true));
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_of_plain_letters_that_nobody_has(
            wanted in proptest::collection::vec(".{0,80}|host|a", 1..20),
        ) {
            let mut names = Names::default();
            let given: Vec<_> = wanted.iter().map(|name| names.give(name)).collect();
            let different: BTreeSet<_> = given.iter().collect();
            prop_assert_eq!(different.len(), given.len());
            for name in &given {
                prop_assert!(!name.is_empty() && name != OWN);
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)));
            }
        }

        #[test]
        fn any_line_of_a_cgroup_is_read(line in ".{0,200}|[0-9]:[a-z]*:(/(docker|lxc|machine-|[a-f0-9]{64}|.scope))*") {
            let _ = container_of(&line);
        }
    }
}
