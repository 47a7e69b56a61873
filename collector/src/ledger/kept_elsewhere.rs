//! Checkpoints that were kept elsewhere, as whoever kept them gives them back: signed notes, one after another.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::audit::{Fault, FaultKind};
use super::note::{LARGEST_NOTE, VerifierKey};
use super::statement::Statement;

/// What a signature line begins with.
const SIGNATURE_MARK: &[u8] = "\u{2014} ".as_bytes();

/// Bytes of a signature in base64.
const SIGNATURE: usize = 92;

/// Most notes of a file: one an hour for more than a hundred years.
const MOST_NOTES: usize = 1_000_000;

/// Notes that are no checkpoints of the ledger, and are named.
const MOST_FAULTS: usize = 1_000;

/// Why a file gives no checkpoints.
#[derive(Debug, thiserror::Error)]
pub enum KeptElsewhereError {
    /// It could not be read.
    #[error("cannot read the checkpoints in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It holds something else, or more than is read.
    #[error(
        "{} holds no checkpoints: {why}; give a file of signed notes, as `plumbline-collector ledger checkpoint` prints",
        path.display()
    )]
    NoNotes {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Reads the checkpoints in a file, in the order of their sizes; those that are not signed with `key` are faults.
pub fn read(path: &Path, key: &VerifierKey) -> Result<(Vec<Statement>, Vec<Fault>), KeptElsewhereError> {
    let (mut statements, mut faults) = (Vec::new(), Vec::new());
    for (index, note) in notes(path)?.iter().enumerate() {
        match Statement::read(note, key)
            .or_else(|error| Statement::read(end_of(note, key), key).map_err(|_| error))
        {
            Ok(statement) => statements.push(statement),
            // A fall of power cut its signature short: it proves nothing, and speaks against nothing.
            Err(_) if is_cut(note) => {}
            Err(reason) if faults.len() < MOST_FAULTS => {
                let fault = Fault::new(FaultKind::AnchorSignature);
                let number = format!("note {} signed by {key}", index + 1);
                faults.push(fault.differs("note", number, reason));
            }
            Err(_) => {}
        }
    }
    if statements.is_empty() && faults.is_empty() {
        return Err(KeptElsewhereError::NoNotes {
            path: path.to_owned(),
            why: "none of its notes is whole",
        });
    }
    statements.sort_by_key(|statement| statement.size);
    Ok((statements, faults))
}

/// A note without what a fall of power left before it, that never got its end.
fn end_of<'n>(note: &'n [u8], key: &VerifierKey) -> &'n [u8] {
    let begins = [b"\n", key.name().as_bytes(), b"\n"].concat();
    let at = note.windows(begins.len()).rposition(|window| window == begins);
    at.and_then(|at| note.get(at + 1..)).unwrap_or(note)
}

/// Whether the last signature has less than its 68 bytes in base64: the id of the key, and what the key made.
fn is_cut(note: &[u8]) -> bool {
    let note = note.strip_suffix(b"\n").unwrap_or(note);
    let line = note.rsplit(|byte| *byte == b'\n').next();
    let signature = line
        .and_then(|line| line.strip_prefix(SIGNATURE_MARK))
        .map(|line| {
            let name = line.iter().position(|byte| *byte == b' ');
            name.map_or(0, |name| line.len() - name - 1)
        });
    signature.is_some_and(|length| length < SIGNATURE)
}

/// The notes of a file: each ends with its signatures.
fn notes(path: &Path) -> Result<Vec<Vec<u8>>, KeptElsewhereError> {
    let failed = |source| KeptElsewhereError::Read {
        path: path.to_owned(),
        source,
    };
    let none = |why| KeptElsewhereError::NoNotes {
        path: path.to_owned(),
        why,
    };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let (mut notes, mut note): (Vec<Vec<u8>>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut is_signed = false;
    loop {
        let mut line = Vec::new();
        let most = LARGEST_NOTE as u64 + 1;
        let read = (&mut reader)
            .take(most)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        let signature = line.starts_with(SIGNATURE_MARK);
        if is_signed && !signature {
            notes.push(std::mem::take(&mut note));
            is_signed = false;
        }
        if read == 0 {
            break;
        }
        // Blank lines between two notes belong to none.
        if note.is_empty() && line == b"\n" {
            continue;
        }
        is_signed = signature;
        note.append(&mut line);
        if note.len() > LARGEST_NOTE || notes.len() > MOST_NOTES {
            return Err(none("it is too long"));
        }
    }
    match (note.is_empty(), notes.is_empty()) {
        (true, false) => Ok(notes),
        (true, true) => Err(none("it is empty")),
        (false, _) => Err(none("what stands at its end has no signature")),
    }
}
