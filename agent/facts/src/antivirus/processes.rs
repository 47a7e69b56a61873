//! Processes of given names, from `/proc`: proc_pid_stat(5), proc_pid_exe(5), proc_pid_cmdline(5).

use serde::Serialize;

use crate::host::{Host, ReadError};
use crate::known::{Denial, Unknown};

/// Most of a command line taken, in bytes.
const MOST_ARGUMENTS: u64 = 16 * 1024;

/// Length that the kernel cuts a process's name to, in bytes.
const NAME_LENGTH: usize = 15;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// Its id.
    pub pid: u32,
    /// Its name, of at most 15 bytes.
    pub name: String,
    /// The program it runs; `None` where that may not be seen.
    pub executable: Option<String>,
    /// Its command line; it may hold what is no one's business, so it is not told.
    #[serde(skip)]
    pub arguments: Vec<String>,
}

impl Running {
    /// Whether this is a process of the program `name`: by the program it runs where that can be seen, since a process
    /// may call itself what it likes; else by its name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match &self.executable {
            Some(path) => {
                let path = path.strip_suffix(" (deleted)").unwrap_or(path);
                path.rsplit('/').next() == Some(name)
            }
            None => self.name == cut(name),
        }
    }
}

/// Processes whose name or program is one of `names`. Fails where other users' processes are hidden.
pub fn read(host: &Host, names: &[&str]) -> Result<Vec<Running>, Unknown> {
    read_those(host, &|process| names.iter().any(|name| process.is(name)))
}

/// Processes that are `wanted`, by name and program. Fails where other users' processes are hidden.
pub fn read_those(host: &Host, wanted: &dyn Fn(&Running) -> bool) -> Result<Vec<Running>, Unknown> {
    let entries = host.list("/proc").map_err(|error| match error {
        ReadError::NotFound(_) => Unknown::Failed {
            what: "/proc".to_owned(),
            why: "there are no processes to see beneath this root".to_owned(),
        },
        other => other.into(),
    })?;
    let pids: Vec<u32> = entries.iter().filter_map(|name| name.parse().ok()).collect();
    if pids.is_empty() {
        return Err(Unknown::Failed {
            what: "/proc".to_owned(),
            why: "there are no processes to see beneath this root".to_owned(),
        });
    }
    // proc(5), hidepid: process 1 is always there.
    if !pids.contains(&1) {
        return Err(Unknown::Denied(Denial {
            what: "/proc".to_owned(),
            needs: "CAP_SYS_PTRACE".to_owned(),
        }));
    }
    Ok(pids
        .into_iter()
        .filter_map(|pid| process(host, pid, wanted))
        .collect())
}

/// `None` where the process is none of these, has ended since, or is a zombie.
fn process(host: &Host, pid: u32, wanted: &dyn Fn(&Running) -> bool) -> Option<Running> {
    let stat = host.read_head(format!("/proc/{pid}/stat"), 4096).ok()?;
    let (name, state) = name_and_state(&stat)?;
    if matches!(state, b'Z' | b'X' | b'x') {
        return None;
    }
    let executable = host.read_link(format!("/proc/{pid}/exe")).ok();
    let mut process = Running {
        pid,
        name,
        executable: executable.map(|path| path.to_string_lossy().into_owned()),
        arguments: Vec::new(),
    };
    if !wanted(&process) {
        return None;
    }
    let line = host
        .read_head(format!("/proc/{pid}/cmdline"), MOST_ARGUMENTS)
        .unwrap_or_default();
    process.arguments = line
        .split(|b| *b == 0)
        .filter(|argument| !argument.is_empty())
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    Some(process)
}

/// `4021 (clamd) S …`; the name may itself hold parentheses.
fn name_and_state(stat: &[u8]) -> Option<(String, u8)> {
    let open = stat.iter().position(|b| *b == b'(')?;
    let close = stat.iter().rposition(|b| *b == b')')?;
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    Some((name, *stat.get(close + 2)?))
}

fn cut(name: &str) -> &str {
    name.get(..NAME_LENGTH).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_process_is_known_by_its_program_before_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let add = |pid: u32, stat: &str, exe: Option<&str>| {
            let proc = dir.path().join(format!("proc/{pid}"));
            std::fs::create_dir_all(&proc).unwrap();
            std::fs::write(proc.join("stat"), stat).unwrap();
            std::fs::write(proc.join("cmdline"), "clamd\0--config-file=/x\0").unwrap();
            if let Some(exe) = exe {
                symlink(exe, proc.join("exe")).unwrap();
            }
        };
        add(1, "1 (init) S 0", Some("/sbin/init"));
        add(2, "2 (clamd) S 1", Some("/usr/sbin/clamd (deleted)"));
        add(3, "3 (clamd) S 1", Some("/usr/bin/sleep"));
        add(4, "4 (clamd) Z 1", None);
        add(5, "5 (a) b (clamd)) S 1", None);
        add(6, "6 (clamd) R 1", None);
        let found = read(&Host::at(dir.path()).unwrap(), &["clamd"]).unwrap();
        let pids: Vec<_> = found.iter().map(|process| process.pid).collect();
        assert_eq!(pids, [2, 6]);
        assert_eq!(found[0].arguments, ["clamd", "--config-file=/x"]);
    }

    #[test]
    fn hidden_processes_are_not_absent_processes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/77")).unwrap();
        let host = Host::at(dir.path()).unwrap();
        assert!(matches!(read(&host, &[]), Err(Unknown::Denied(_))));
        std::fs::remove_dir(dir.path().join("proc/77")).unwrap();
        assert!(matches!(read(&host, &[]), Err(Unknown::Failed { .. })));
    }

    proptest! {
        #[test]
        fn any_stat_is_read(stat in proptest::collection::vec(prop_oneof![Just(b'('), Just(b')'), any::<u8>()], 0..40)) {
            name_and_state(&stat);
        }
    }
}
