//! Which process holds a socket: `/proc/PID/fd` has a link `socket:[INODE]` for each that it has open.

use std::collections::{BTreeSet, HashMap};

use super::Process;
use crate::host::Host;

/// Most descriptors looked at over all processes.
const MOST_DESCRIPTORS: usize = 1_000_000;
/// Largest `comm` taken, in bytes; the kernel keeps 15.
const LARGEST_COMM: u64 = 256;
/// The process that opens sockets for others to inherit (systemd.socket(5)).
const INIT: u32 = 1;

/// The process behind each of `inodes` that can be seen. Of several that share one, the one with the lowest id, which
/// is most often the parent; init only where no other has it.
pub(super) fn find(host: &Host, inodes: BTreeSet<u64>) -> HashMap<u64, Process> {
    let mut found = HashMap::new();
    if inodes.is_empty() {
        return found;
    }
    let mut pids: Vec<u32> = host
        .list("/proc")
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    // Init last, in the order of ids otherwise.
    pids.sort_unstable_by_key(|pid| (*pid == INIT, *pid));
    let mut looked_at = 0;
    for pid in pids {
        // A process that has ended, or that we may not look into.
        let Ok(descriptors) = host.list(format!("/proc/{pid}/fd")) else {
            continue;
        };
        let mut process = None;
        for descriptor in descriptors {
            looked_at += 1;
            if looked_at > MOST_DESCRIPTORS {
                return found;
            }
            let Ok(target) = host.read_link(format!("/proc/{pid}/fd/{descriptor}")) else {
                continue;
            };
            let inode = target.to_str().and_then(socket_inode);
            let Some(inode) = inode.filter(|inode| inodes.contains(inode) && !found.contains_key(inode))
            else {
                continue;
            };
            let process = process.get_or_insert_with(|| Process {
                pid,
                name: comm(host, pid),
            });
            found.insert(inode, process.clone());
            if found.len() == inodes.len() {
                return found;
            }
        }
    }
    found
}

/// `socket:[12345]` → 12345.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn comm(host: &Host, pid: u32) -> String {
    let text = host
        .read_text(format!("/proc/{pid}/comm"), LARGEST_COMM)
        .unwrap_or_default();
    text.trim_end_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_socket_that_init_opened_belongs_to_the_service_that_took_it() {
        let dir = tempfile::tempdir().unwrap();
        for (pid, name, inodes) in [
            (1, "systemd", [10, 11]),
            (50, "sshd", [10, 12]),
            (9, "dead", [0, 0]),
        ] {
            let proc = dir.path().join(format!("proc/{pid}"));
            std::fs::create_dir_all(proc.join("fd")).unwrap();
            std::fs::write(proc.join("comm"), format!("{name}\n")).unwrap();
            for (fd, inode) in inodes.iter().enumerate() {
                symlink(format!("socket:[{inode}]"), proc.join(format!("fd/{fd}"))).unwrap();
            }
            symlink("/dev/null", proc.join("fd/9")).unwrap();
        }
        let owners = find(&Host::at(dir.path()).unwrap(), [10, 11, 99].into());
        let name = |inode| owners.get(&inode).map(|p| p.name.as_str());
        assert_eq!(
            (name(10), name(11), name(99)),
            (Some("sshd"), Some("systemd"), None)
        );
    }
}
