//! Evidence files on the command line.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Take};
use std::path::Path;

use plumbline_console::Failure;
use ring::digest::{Context, SHA256};

use crate::records::EvidenceFile;

/// Largest evidence file, in bytes: 2 GiB.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Media types by extension (IANA's registry); what is not here is sent as bytes.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("eml", "message/rfc822"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("mp4", "video/mp4"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("txt", "text/plain"),
    ("xls", "application/vnd.ms-excel"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// What is put on record of these files.
pub(super) fn files<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<EvidenceFile>, Failure> {
    paths.iter().map(|path| file(path.as_ref())).collect()
}

/// What is put on record of a file, which is read from end to end for its hash.
fn file(path: &Path) -> Result<EvidenceFile, Failure> {
    let failed = |what: &str, error: std::io::Error| {
        Failure::new(format!(
            "cannot {what} the evidence file {}: {error}",
            path.display()
        ))
    };
    // Before it is opened: opening a pipe waits for whoever writes to it.
    let kind = fs::metadata(path).map_err(|error| failed("open", error))?;
    if !kind.is_file() {
        return Err(refused(path, "is no regular file; name a file"));
    }
    let open = File::open(path).map_err(|error| failed("open", error))?;
    // One byte more than may be there tells that there are too many.
    let (size, sha256) = hash(open.take(LARGEST + 1)).map_err(|error| failed("read", error))?;
    if size == 0 {
        return Err(refused(path, "is empty; an empty file proves nothing"));
    }
    if size > LARGEST {
        return Err(refused(path, "is larger than 2 GiB; put it into parts"));
    }
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return Err(refused(path, "has a name that is not UTF-8; give it another"));
    };
    Ok(EvidenceFile {
        name: name.to_owned(),
        media_type: media_type(path).to_owned(),
        size,
        sha256,
    })
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(format!("the evidence file {} {why}", path.display()))
}

fn hash(mut file: Take<File>) -> std::io::Result<(u64, String)> {
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((size, hex::encode(context.finish())));
        }
        context.update(piece.get(..read).unwrap_or_default());
        size += read as u64;
    }
}

fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let known = MEDIA_TYPES
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known));
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_on_record_is_what_the_file_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("簽到表.PDF");
        fs::write(&path, "abc").unwrap();
        let found = file(&path).unwrap();
        assert_eq!((found.name.as_str(), found.size), ("簽到表.PDF", 3));
        assert_eq!(found.media_type, "application/pdf");
        // FIPS 180-4, the example of one block.
        assert_eq!(
            found.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        fs::write(&path, "").unwrap();
        assert!(file(&path).unwrap_err().to_string().contains("is empty"));
        assert!(file(dir.path()).unwrap_err().to_string().contains("regular file"));
        assert!(file(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk.img");
        // Sparse: it takes no room.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(media_type(&path), "application/octet-stream");
        let (size, _) = hash(File::open(&path).unwrap().take(1_000_001)).unwrap();
        assert_eq!(size, 1_000_001, "no more is read");
    }
}
