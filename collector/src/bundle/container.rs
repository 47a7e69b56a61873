//! The ZIP file that a bundle is, as far as a stranger's may be trusted: nothing is read that its directory does not
//! bound first, and anything that two programs could read differently is refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

/// Most members of a bundle.
const MOST_MEMBERS: u64 = 50_000;

/// Largest directory of a ZIP file read, in bytes.
const LARGEST_DIRECTORY: u64 = 32 * 1024 * 1024;

/// Longest name of a member, in bytes.
const LONGEST_NAME: usize = 200;

/// A member may not unpack to more than so many times what it takes in the file. What bundles hold packs to a quarter or
/// a twentieth; the most that deflate can do is 1,032 times.
const MOST_UNPACKED: u64 = 200;

/// Members that unpack to no more than this may pack as well as they like, in bytes.
const SMALL: u64 = 4 * 1024 * 1024;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// End of central directory (APPNOTE 4.3.16): bytes without comment, and its signature.
const END: usize = 22;
const END_SIGNATURE: &[u8] = b"PK\x05\x06";

/// ZIP64 end of central directory locator (4.3.15) and record (4.3.14).
const LOCATOR: usize = 20;
const LOCATOR_SIGNATURE: &[u8] = b"PK\x06\x07";
const END64: usize = 56;
const END64_SIGNATURE: &[u8] = b"PK\x06\x06";

/// Why a file is no bundle that could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The file could not be read.
    #[error("it could not be read: {0}")]
    Io(#[from] io::Error),
    /// It is no ZIP file, or not whole.
    #[error("it is not a whole ZIP file: {0}")]
    NotWhole(String),
    /// It is a ZIP file such as no collector writes.
    #[error("no collector writes such a ZIP file: {0}")]
    Refused(String),
}

/// An open bundle.
#[derive(Debug)]
pub struct Container {
    file: File,
    members: BTreeMap<String, Packed>,
}

/// Where a member lies.
#[derive(Clone, Debug)]
struct Packed {
    data: Range<u64>,
    size: u64,
    deflated: bool,
}

impl Container {
    /// Opens a bundle, and reads its directory.
    pub fn open(path: &Path) -> Result<Self, ContainerError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let count = directory(&file, length)?;
        let mut archive = ZipArchive::new(BufReader::new(file.try_clone()?))
            .map_err(|error| ContainerError::NotWhole(error.to_string()))?;
        let refused = |why: String| Err(ContainerError::Refused(why));
        if archive.offset() != 0 || !archive.comment().is_empty() {
            return refused("it has something before its first member, or a comment".to_owned());
        }
        if archive.len() as u64 != count {
            return refused("two members have the same name".to_owned());
        }
        let mut members = BTreeMap::new();
        let mut places = Vec::new();
        for index in 0..archive.len() {
            let member = archive
                .by_index_raw(index)
                .map_err(|error| ContainerError::NotWhole(error.to_string()))?;
            let name = str::from_utf8(member.name_raw())
                .ok()
                .filter(|name| is_name(name));
            let Some(name) = name.map(str::to_owned) else {
                let name = String::from_utf8_lossy(member.name_raw());
                return refused(format!("`{}` is no name of a member", name.escape_debug()));
            };
            let deflated = match member.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                other => return refused(format!("{name} is packed with {other:?}")),
            };
            let (packed, size) = (member.compressed_size(), member.size());
            if member.encrypted() || (!deflated && packed != size) {
                return refused(format!("{name} is encrypted, or has two sizes"));
            }
            if size > SMALL && size / MOST_UNPACKED > packed {
                return refused(format!(
                    "{name} unpacks to more than {MOST_UNPACKED} times its size"
                ));
            }
            let start = member.data_start().unwrap_or(u64::MAX);
            let end = start.checked_add(packed).filter(|end| *end <= length);
            let Some(end) = end.filter(|_| member.header_start() < start) else {
                return Err(ContainerError::NotWhole(format!("{name} lies beyond its end")));
            };
            places.push(member.header_start()..end);
            let data = start..end;
            members.insert(name, Packed { data, size, deflated });
        }
        places.sort_by_key(|place| place.start);
        if places
            .iter()
            .zip(places.iter().skip(1))
            .any(|(one, next)| next.start < one.end)
        {
            return refused("two members overlap".to_owned());
        }
        Ok(Self { file, members })
    }

    /// Names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// How large a member is by the directory, in bytes.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        Some(self.members.get(name)?.size)
    }

    /// Reads a member; never more than the directory says, and that it is less or more is an error.
    pub(super) fn member(&self, name: &str) -> Option<io::Result<MemberReader>> {
        let packed = self.members.get(name)?;
        let opened = self.file.try_clone().map(|file| {
            let slice = Slice {
                file,
                place: packed.data.clone(),
            };
            let unpacked: Box<dyn Read + Send> = if packed.deflated {
                Box::new(DeflateDecoder::new(BufReader::with_capacity(CHUNK, slice)))
            } else {
                Box::new(slice)
            };
            MemberReader {
                unpacked,
                left: packed.size,
            }
        });
        Some(opened)
    }

    /// A small member as a whole.
    pub(super) fn small(&self, name: &str, most: u64) -> Option<io::Result<Vec<u8>>> {
        let size = self.size(name)?;
        if size > most {
            let why = format!("{size} bytes, and at most {most} are read");
            return Some(Err(io::Error::new(io::ErrorKind::FileTooLarge, why)));
        }
        let read = |mut reader: MemberReader| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        Some(self.member(name)?.and_then(read))
    }
}

/// The bytes of a member, unpacked.
pub(super) struct MemberReader {
    unpacked: Box<dyn Read + Send>,
    left: u64,
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        if self.left == 0 {
            return match self.unpacked.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(damaged("it unpacks to more than its directory says")),
            };
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        match self.unpacked.read(buffer)? {
            0 => Err(damaged("it unpacks to less than its directory says")),
            read => {
                self.left = self.left.saturating_sub(read as u64);
                Ok(read)
            }
        }
    }
}

/// A part of a file.
struct Slice {
    file: File,
    place: Range<u64>,
}

impl Read for Slice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.place.end.saturating_sub(self.place.start);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most) else {
            return Ok(0);
        };
        let read = self.file.read_at(buffer, self.place.start)?;
        self.place.start = self.place.start.saturating_add(read as u64);
        Ok(read)
    }
}

/// A name that leads nowhere outside, and that every system reads alike.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    name.len() <= LONGEST_NAME && name.split('/').all(part)
}

/// Members by the directory at the file's end, which must be bounded before anything reads it.
fn directory(file: &File, length: u64) -> Result<u64, ContainerError> {
    let not_whole = || ContainerError::NotWhole("its directory is not at its end".to_owned());
    let at = |from_end: u64, bytes: &mut [u8]| {
        let from = length.checked_sub(from_end).ok_or_else(not_whole)?;
        Ok::<(), ContainerError>(file.read_exact_at(bytes, from)?)
    };
    let mut end = [0; END];
    at(END as u64, &mut end)?;
    if !end.starts_with(END_SIGNATURE) || number(&end, 20..22) != Some(0) {
        return Err(not_whole());
    }
    let mut said = (number(&end, 10..12), number(&end, 12..16), number(&end, 16..20));
    let mut behind = END as u64;
    let mut locator = [0; LOCATOR];
    if length >= (END + LOCATOR + END64) as u64 {
        at((END + LOCATOR) as u64, &mut locator)?;
    }
    if locator.starts_with(LOCATOR_SIGNATURE) {
        behind = (END + LOCATOR + END64) as u64;
        let mut end64 = [0; END64];
        at(behind, &mut end64)?;
        if !end64.starts_with(END64_SIGNATURE) {
            return Err(not_whole());
        }
        said = (
            number(&end64, 32..40),
            number(&end64, 40..48),
            number(&end64, 48..56),
        );
    }
    let (Some(count), Some(size), Some(start)) = said else {
        return Err(not_whole());
    };
    if count > MOST_MEMBERS || size > LARGEST_DIRECTORY {
        let why = format!("it has more than {MOST_MEMBERS} members");
        return Err(ContainerError::Refused(why));
    }
    if start.checked_add(size).and_then(|end| end.checked_add(behind)) != Some(length) {
        return Err(not_whole());
    }
    Ok(count)
}

/// A number, least significant byte first.
fn number(bytes: &[u8], at: Range<usize>) -> Option<u64> {
    let bytes = bytes.get(at)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}
