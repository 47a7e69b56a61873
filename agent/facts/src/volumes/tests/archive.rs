//! Hosts laid out from text: lines of `file PATH` with its content after `> `, `link PATH TARGET`, `dir PATH`, and
//! `luks1 PATH UUID BITS`, `luks2 PATH UUID BITS` for the head of a device with such a header (aes-xts-plain64).

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::headers::{LUKS1, luks2_copy, one_segment};
use crate::Host;

/// A host of its own; the directory goes with it.
pub(super) struct Laid {
    _directory: tempfile::TempDir,
    pub(super) host: Host,
}

/// Lays out the host that `archive` tells of.
pub(super) fn lay_out(archive: &str) -> Laid {
    let directory = tempfile::tempdir().unwrap();
    let within = |path: &str| directory.path().join(path.strip_prefix('/').unwrap());
    let make_parent = |path: &Path| std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut lines = archive.lines().peekable();
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["file", path] => {
                let mut content = String::new();
                while let Some(line) = lines.next_if(|line| line.starts_with('>')) {
                    content.push_str(line.strip_prefix("> ").unwrap_or_default());
                    content.push('\n');
                }
                make_parent(&within(path));
                std::fs::write(within(path), content).unwrap();
            }
            ["link", path, target] => {
                make_parent(&within(path));
                symlink(target, within(path)).unwrap();
            }
            ["dir", path] => std::fs::create_dir_all(within(path)).unwrap(),
            [kind @ ("luks1" | "luks2" | "encrypting"), path, uuid, bits] => {
                make_parent(&within(path));
                std::fs::write(within(path), head(kind, uuid, bits.parse().unwrap())).unwrap();
            }
            _ => assert!(line.is_empty() || line.starts_with('#'), "{line}"),
        }
    }
    Laid {
        host: Host::at(directory.path()).unwrap(),
        _directory: directory,
    }
}

fn head(kind: &str, uuid: &str, bits: u32) -> Vec<u8> {
    let segment = match kind {
        "luks1" => {
            let mut bytes = LUKS1.to_vec();
            bytes[108..112].copy_from_slice(&(bits / 8).to_be_bytes());
            bytes[168..204].copy_from_slice(uuid.as_bytes());
            return bytes;
        }
        "luks2" => json!({ "type": "crypt", "encryption": "aes-xts-plain64" }),
        _ => json!({ "type": "linear" }),
    };
    luks2_copy(&one_segment(segment, bits / 8), uuid, 0x4000, 1, false)
}
