//! Checkpoints in a file: signed notes, one after another, which nothing is ever taken from.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Appends a note, on durable storage when this returns. A new file is its owner's alone.
pub(super) fn append(path: &Path, note: &str) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut bytes = Vec::with_capacity(note.len() + 1);
    // What a fall of power left without its end must not run into this one.
    if !ends_with_line(&mut file)? {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(note.as_bytes());
    file.write_all(&bytes)?;
    file.sync_all()?;
    match path.parent().filter(|_| is_new) {
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn ends_with_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use ring::signature::Ed25519KeyPair;

    use super::*;
    use crate::ledger::kept_elsewhere;
    use crate::ledger::note::VerifierKey;
    use crate::ledger::statement::Statement;
    use crate::ledger::tree::Hash;

    #[test]
    fn what_is_appended_is_read_even_after_a_fall_of_power() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("anchor.txt");
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = VerifierKey::of("origin", &pair).unwrap();
        let note = |size| {
            let statement = Statement {
                origin: "origin".to_owned(),
                size,
                root: Hash::of(&[0]),
                signed_at: size,
                previous: size - 1,
            };
            statement.sign(&pair).unwrap().to_string()
        };
        let sizes = || {
            let (statements, faults) = kept_elsewhere::read(&path, &key).unwrap();
            assert_eq!(faults, []);
            statements
                .iter()
                .map(|statement| statement.size)
                .collect::<Vec<_>>()
        };
        append(&path, &note(1)).unwrap();
        append(&path, &note(2)).unwrap();
        assert_eq!(sizes(), [1, 2]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let whole = fs::read(&path).unwrap();
        for cut in note(1).len() + 1..whole.len() - 1 {
            fs::write(&path, &whole[..cut]).unwrap();
            append(&path, &note(3)).unwrap();
            let sizes = sizes();
            assert_eq!(
                (sizes.first(), sizes.last()),
                (Some(&1), Some(&3)),
                "cut at {cut}"
            );
        }
    }
}
