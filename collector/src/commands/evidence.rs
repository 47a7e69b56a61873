//! Evidence files on the command line.

use std::ffi::OsStr;
use std::path::Path;
use std::{fs, io};

use plumbline_config::plan::SHORTEST_RETENTION;
use plumbline_console::Failure;

use crate::cli::Place;
use crate::evidence::{Declared, Evidence};
use crate::records::EvidenceFile;

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

/// Takes these files in; gives what is put on record of them.
pub(super) fn files<P: AsRef<Path>>(paths: &[P], place: &Place) -> Result<Vec<EvidenceFile>, Failure> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let evidence = Evidence::open(&place.settings()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot begin to take evidence files in: {error}")))?;
    paths
        .iter()
        .map(|path| runtime.block_on(file(path.as_ref(), &evidence)))
        .collect()
}

/// Takes a file in.
async fn file(path: &Path, evidence: &Evidence) -> Result<EvidenceFile, Failure> {
    let failed = |error: io::Error| refused(path, &format!("cannot be opened: {error}"));
    // Before it is opened: opening a pipe waits for whoever writes to it.
    let kind = fs::metadata(path).map_err(failed)?;
    if !kind.is_file() {
        return Err(refused(path, "is no regular file; name a file"));
    }
    let open = tokio::fs::File::open(path).await.map_err(failed)?;
    let declared = Declared {
        name: path.file_name().and_then(OsStr::to_str).unwrap_or_default(),
        media_type: media_type(path),
        retention: SHORTEST_RETENTION,
    };
    let taken = evidence.take(open, &declared).await;
    let taken = taken.map_err(|error| refused(path, &format!("was not taken in: {error}")))?;
    Ok(EvidenceFile {
        name: taken.name.as_str().to_owned(),
        media_type: taken.media_type.as_str().to_owned(),
        size: taken.size,
        sha256: taken.sha256.to_string(),
    })
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(format!("the evidence file {} {why}", path.display()))
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
    fn a_file_is_sent_as_what_its_name_says() {
        for (name, expected) in [
            ("簽到表.PDF", "application/pdf"),
            ("disk.img", "application/octet-stream"),
            ("none", "application/octet-stream"),
        ] {
            assert_eq!(media_type(Path::new(name)), expected);
        }
    }
}
