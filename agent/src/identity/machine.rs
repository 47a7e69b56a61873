//! A name for this machine that outlives a re-installation of the agent, without giving the machine id away
//! (machine-id(5) asks that it not be used directly).

use plumbline_config::seal::sha256_hex;
use plumbline_facts::Host;

/// Prefix of what is hashed, so that the hash is of no use elsewhere.
const PREFIX: &str = "plumbline-machine-id\n";
/// Largest machine-id file taken, in bytes.
const LARGEST: u64 = 256;

/// SHA-256 of [`PREFIX`] and `/etc/machine-id`, in hexadecimal; empty where the host has none or it can't be read.
#[must_use]
pub fn machine_hash(host: &Host) -> String {
    let id = host.read_text("/etc/machine-id", LARGEST).unwrap_or_default();
    let id = id.trim();
    // "uninitialized" stands there in an image that has not booted yet, the same on each of its copies.
    if id.is_empty() || id == "uninitialized" {
        return String::new();
    }
    sha256_hex(format!("{PREFIX}{id}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_tells_machines_apart_and_not_the_id() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path()).unwrap();
        assert_eq!(machine_hash(&host), "");
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let path = dir.path().join("etc/machine-id");
        std::fs::write(&path, "uninitialized\n").unwrap();
        assert_eq!(machine_hash(&host), "");
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        let one = machine_hash(&host);
        assert_eq!(one.len(), 64);
        assert!(!one.contains("0123456789abcdef"));
        std::fs::write(&path, "1123456789abcdef0123456789abcdef\n").unwrap();
        assert_ne!(machine_hash(&host), one);
    }
}
