//! Writes the members of a bundle: in the order of their names, with times that say nothing, so that the same members
//! give the same bytes.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use data_encoding::BASE64;
use ring::digest::{Context, SHA256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::export::ExportError;
use super::manifest::{Manifest, Member};
use super::name;
use crate::pki::Signer;

/// Writes a bundle.
pub(super) struct Writer {
    zip: ZipWriter<BufWriter<File>>,
    members: Vec<Member>,
}

/// The bytes of a member on their way.
pub(super) struct MemberWriter<'w> {
    out: &'w mut ZipWriter<BufWriter<File>>,
    sha256: Context,
    size: u64,
}

impl Write for MemberWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha256.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush in the middle would make other bytes.
        Ok(())
    }
}

impl MemberWriter<'_> {
    /// A line of JSON.
    pub(super) fn line(&mut self, row: &impl serde::Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self, row)?;
        self.write_all(b"\n")
    }
}

impl Writer {
    pub(super) fn new(file: File) -> Self {
        Self {
            zip: ZipWriter::new(BufWriter::with_capacity(256 * 1024, file)),
            members: Vec::new(),
        }
    }

    /// Writes the next member.
    pub(super) fn member<T>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut MemberWriter<'_>) -> Result<T, ExportError>,
    ) -> Result<T, ExportError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o600)
            .large_file(true);
        self.zip.start_file(name, options).map_err(io::Error::from)?;
        let mut member = MemberWriter {
            out: &mut self.zip,
            sha256: Context::new(&SHA256),
            size: 0,
        };
        let answer = write(&mut member)?;
        let (size, sha256) = (member.size, hex::encode(member.sha256.finish()));
        self.members.push(Member {
            name: name.to_owned(),
            size,
            sha256,
            signature: String::new(),
        });
        Ok(answer)
    }

    /// Writes the manifest over all members so far, signed, and ends the file.
    pub(super) fn finish(mut self, mut manifest: Manifest, signer: &Signer) -> Result<Manifest, ExportError> {
        let mut members = std::mem::take(&mut self.members);
        for member in &mut members {
            let text = manifest.member_text(&member.name, member.size, &member.sha256);
            member.signature = BASE64.encode(&signer.sign_bytes(text.as_bytes()));
        }
        manifest.members = members;
        let mut bytes = serde_json::to_vec_pretty(&manifest).map_err(io::Error::from)?;
        bytes.push(b'\n');
        let note = signer.sign_note(&Manifest::text(&manifest.origin, &bytes), &manifest.origin)?;
        self.member(name::MANIFEST, |out| Ok(out.write_all(&bytes)?))?;
        self.member(name::MANIFEST_NOTE, |out| {
            Ok(out.write_all(note.to_string().as_bytes())?)
        })?;
        let out = self.zip.finish().map_err(io::Error::from)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(manifest)
    }
}
