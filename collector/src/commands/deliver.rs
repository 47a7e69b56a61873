//! Where a file that is made goes: to its place, in one step, or to standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use plumbline_console::Failure;
use plumbline_document::DocumentError;

/// Writes to `path`, for its owner alone; `-` is standard output. What fails half-way leaves nothing.
pub(super) fn deliver<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    if path == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        return Ok(out.flush()?);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(beside)?;
    let written = filled(file, write).and_then(|()| Ok(fs::rename(beside, path)?));
    if written.is_err() {
        // What went wrong first is what has to be told.
        let _gone = fs::remove_file(beside);
    }
    written
}

/// The same of a document, with what went wrong as a sentence.
pub(super) fn deliver_document(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), DocumentError>,
) -> Result<(), Failure> {
    deliver(path, write).map_err(|error| match error {
        DocumentError::Output(error) => Failure::new(format!("cannot write {}: {error}", path.display())),
        other => other.into(),
    })
}

fn filled<E: From<io::Error>>(
    file: File,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()?;
    Ok(out.get_ref().sync_all()?)
}
