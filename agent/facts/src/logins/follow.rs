//! Reads on in a file where the last run ended, through rotation by renaming (`create` in logrotate(8)), by copying and
//! truncating (`copytruncate`), and by compressing, so that nothing is lost or read twice.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use jiff::Timestamp;
use plumbline_config::seal::sha256_hex;
use serde::{Deserialize, Serialize};

use super::compression::Compression;
use crate::host::{Host, ReadError};

/// Bytes at the head of a file that tell it from its successor: its first lines, with their times.
const HEAD: u64 = 256;

/// Most bytes read of one file in one run; what is before that is passed over, and said.
pub(super) const MOST_PER_FILE: u64 = 64 * 1024 * 1024;

/// Most bytes inflated of one compressed file.
pub(super) const MOST_INFLATED: u64 = 256 * 1024 * 1024;

/// Most rotated files looked at.
const MOST_ROTATED: usize = 16;

/// Bytes read at once.
const PIECE: usize = 256 * 1024;

/// How far a file has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilePosition {
    pub(crate) path: String,
    device: u64,
    inode: u64,
    offset: u64,
    /// SHA-256 of the first bytes, and how many they are.
    head: String,
    head_length: u64,
    /// The file before this one, renamed but perhaps still written to: inode and offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trailing: Option<(u64, u64)>,
}

/// What takes in the bytes.
pub(crate) trait Sink {
    /// Takes in the next piece.
    fn feed(&mut self, piece: &[u8]);
    /// Bytes at the end that are incomplete and will be read again.
    fn unread(&self) -> usize;
    /// A file ends here. `skip`: the next one is begun in the middle, so that what comes before its first whole line
    /// or record is to be dropped.
    fn next_file(&mut self, skip: bool);
}

/// What became of following a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) position: FilePosition,
    /// Something was written that could not be read: a rotated file is gone or too large.
    pub(crate) lost: bool,
}

/// A file, or one that was rotated away from its place.
struct Part {
    file: File,
    path: String,
    metadata: Metadata,
    compression: Option<Compression>,
}

impl Part {
    const fn is_compressed(&self) -> bool {
        self.compression.is_some()
    }
}

/// Reads what is new in the file at `path`: behind `position`, or all that was written since `since` where there is
/// none. `unit` is the size that records are aligned to; 1 for lines.
pub(crate) fn follow(
    host: &Host,
    path: &str,
    position: Option<&FilePosition>,
    since: Timestamp,
    unit: u64,
    sink: &mut dyn Sink,
) -> Result<Followed, ReadError> {
    let live = match open(host, path) {
        Ok(live) => Some(live),
        // Between being renamed and made anew.
        Err(ReadError::NotFound(_)) if position.is_some() => None,
        Err(error) => return Err(error),
    };
    let rotated = rotated(host, path);
    let mut run = Run {
        sink,
        unit,
        lost: false,
        trailing: None,
    };
    let from = match position {
        None => run.first(&rotated, since)?,
        Some(position) => match run.catch_up(live.as_ref(), &rotated, position)? {
            Some(from) => from,
            None => return Ok(run.kept(position)),
        },
    };
    let Some(live) = live else {
        return match position {
            Some(position) => Ok(run.kept(position)),
            None => Err(ReadError::NotFound(path.into())),
        };
    };
    let offset = run.read(&live, from, true)?;
    let head_length = offset.min(HEAD);
    Ok(Followed {
        lost: run.lost,
        position: FilePosition {
            path: path.to_owned(),
            device: live.metadata.dev(),
            inode: live.metadata.ino(),
            offset,
            head: head_of(&live, head_length).unwrap_or_default(),
            head_length,
            trailing: run.trailing,
        },
    })
}

/// Reads a whole file, compressed or not, that is not followed. Gives whether it was cut off.
pub(super) fn read_whole(host: &Host, path: &str, sink: &mut dyn Sink) -> Result<bool, ReadError> {
    let part = open(host, path)?;
    let mut run = Run {
        sink,
        unit: 1,
        lost: false,
        trailing: None,
    };
    // No tail is enough for a person who names a file: all of it is read, whatever its size.
    run.pour(&part, 0, u64::MAX)?;
    Ok(run.lost)
}

/// The first bytes of a file, inflated where it is compressed, and its size as stored.
pub(super) fn peek(host: &Host, path: &str, length: u64) -> Result<(Vec<u8>, Metadata, bool), ReadError> {
    let part = open(host, path)?;
    let head = first_bytes(&part, length).map_err(|source| io_error(&part.path, source))?;
    let compressed = part.is_compressed();
    Ok((head, part.metadata, compressed))
}

struct Run<'a> {
    sink: &'a mut dyn Sink,
    unit: u64,
    lost: bool,
    trailing: Option<(u64, u64)>,
}

impl Run<'_> {
    /// The first run: rotated files that were written to since, oldest first. Gives where to begin in the live one.
    fn first(&mut self, rotated: &[Part], since: Timestamp) -> Result<u64, ReadError> {
        for part in rotated.iter().rev() {
            if part.metadata.mtime() >= since.as_second() {
                self.read(part, 0, false)?;
            }
        }
        Ok(0)
    }

    /// Reads the rest of what was rotated since. Gives where to go on in the live file; `None`: there is none yet.
    fn catch_up(
        &mut self,
        live: Option<&Part>,
        rotated: &[Part],
        position: &FilePosition,
    ) -> Result<Option<u64>, ReadError> {
        if let Some((inode, offset)) = position.trailing {
            let part = rotated
                .iter()
                .find(|part| !part.is_compressed() && part.metadata.ino() == inode);
            if let Some(part) = part.filter(|part| part.metadata.size() > offset) {
                self.read(part, offset, false)?;
            }
        }
        if let Some(live) = live
            && is_same_file(live, position)
        {
            return Ok(Some(position.offset));
        }
        let found = rotated
            .iter()
            .position(|part| !part.is_compressed() && is_same_file(part, position))
            .or_else(|| rotated.iter().position(|part| is_copy(part, position)));
        match found {
            Some(place) => {
                let (newer, from_here) = rotated.split_at(place);
                if let Some(part) = from_here.first() {
                    let offset = self.read(part, position.offset, false)?;
                    if live.is_none() {
                        // Keeps its place: the same file, further on.
                        self.trailing = Some((part.metadata.ino(), offset));
                        return Ok(None);
                    }
                    if part.metadata.ino() == position.inode {
                        self.trailing = Some((part.metadata.ino(), offset));
                    }
                }
                for part in newer.iter().rev() {
                    self.read(part, 0, false)?;
                }
            }
            // Deleted, truncated, or compressed in a way that we don't read. A file that was empty took nothing along.
            None => self.lost |= position.offset > 0,
        }
        Ok(live.map(|_| 0))
    }

    /// The position while there is no live file.
    fn kept(&self, position: &FilePosition) -> Followed {
        let mut position = position.clone();
        if let Some((inode, offset)) = self.trailing
            && inode == position.inode
        {
            position.offset = offset;
        }
        Followed {
            position,
            lost: self.lost,
        }
    }

    /// Reads a file from `from` to its end, and gives the offset of what is incomplete there.
    fn read(&mut self, part: &Part, from: u64, live: bool) -> Result<u64, ReadError> {
        let size = part.metadata.size();
        let mut start = from;
        if !part.is_compressed() && size.saturating_sub(from) > MOST_PER_FILE {
            start = size - MOST_PER_FILE;
            start -= start % self.unit;
            self.lost = true;
        }
        self.sink.next_file(start > from);
        let read = self.pour(
            part,
            start,
            if part.is_compressed() {
                MOST_INFLATED
            } else {
                MOST_PER_FILE
            },
        )?;
        let unread = self.sink.unread() as u64;
        if !live {
            self.sink.next_file(false);
        }
        Ok((start + read).saturating_sub(unread))
    }

    /// Hands over at most `most` bytes from `from` on. Gives how many there were.
    fn pour(&mut self, part: &Part, from: u64, most: u64) -> Result<u64, ReadError> {
        let failed = |source| io_error(&part.path, source);
        let mut file = &part.file;
        let mut piece = vec![0; PIECE];
        let mut read = 0;
        if let Some(compression) = part.compression {
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let Ok(mut inflated) = compression.inflate(file) else {
                self.lost = true;
                return Ok(0);
            };
            let mut to_skip = from;
            while read < most {
                let length = match inflated.read(&mut piece) {
                    Ok(0) => break,
                    Ok(length) => length,
                    Err(_) => {
                        // Cut off or broken: what came before is good.
                        self.lost = true;
                        break;
                    }
                };
                let skip = usize::try_from(to_skip).unwrap_or(usize::MAX).min(length);
                to_skip -= skip as u64;
                self.sink.feed(piece.get(skip..length).unwrap_or_default());
                read += (length - skip) as u64;
            }
            self.lost |= read >= most;
        } else {
            file.seek(SeekFrom::Start(from)).map_err(failed)?;
            while read < most {
                let length = file.read(&mut piece).map_err(failed)?;
                if length == 0 {
                    break;
                }
                self.sink.feed(piece.get(..length).unwrap_or_default());
                read += length as u64;
            }
        }
        Ok(read)
    }
}

fn open(host: &Host, path: &str) -> Result<Part, ReadError> {
    let file = host.open_file(path)?;
    let metadata = file.metadata().map_err(|source| io_error(path, source))?;
    let mut magic = [0; 6];
    let length = file.read_at(&mut magic, 0).unwrap_or_default();
    let compression = Compression::of(magic.get(..length).unwrap_or_default());
    Ok(Part {
        file,
        path: path.to_owned(),
        metadata,
        compression,
    })
}

/// The files that `path` was rotated to, newest first: `auth.log.1`, `auth.log.2.gz`, `auth.log-20261122.gz`.
fn rotated(host: &Host, path: &str) -> Vec<Part> {
    let whole = Path::new(path);
    let (Some(directory), Some(name)) = (whole.parent(), whole.file_name().and_then(|name| name.to_str()))
    else {
        return Vec::new();
    };
    let is_rotated = |candidate: &&String| {
        let rest = candidate.strip_prefix(name).unwrap_or_default();
        let end = [".gz", ".xz", ".zst", ".bz2"]
            .iter()
            .find(|end| rest.ends_with(**end));
        let rest = end.and_then(|end| rest.strip_suffix(end)).unwrap_or(rest);
        let mark = rest.strip_prefix(['.', '-']).unwrap_or_default();
        !mark.is_empty() && mark.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    let names = host.list(directory).unwrap_or_default();
    let mut parts: Vec<Part> = names
        .iter()
        .filter(is_rotated)
        .filter_map(|name| open(host, directory.join(name).to_str()?).ok())
        .collect();
    // logrotate keeps the time of last writing, in compressing too.
    parts.sort_by_key(|part| {
        (
            std::cmp::Reverse((part.metadata.mtime(), part.metadata.mtime_nsec())),
            part.path.clone(),
        )
    });
    parts.truncate(MOST_ROTATED);
    parts
}

fn is_same_file(part: &Part, position: &FilePosition) -> bool {
    (part.metadata.dev(), part.metadata.ino()) == (position.device, position.inode)
        && part.metadata.size() >= position.offset
        && head_of(part, position.head_length).is_some_and(|head| head == position.head)
}

/// Whether a file has the same first bytes: what was copied, or compressed.
fn is_copy(part: &Part, position: &FilePosition) -> bool {
    position.head_length > 0
        && (part.is_compressed() || part.metadata.size() >= position.offset)
        && head_of(part, position.head_length).is_some_and(|head| head == position.head)
}

fn head_of(part: &Part, length: u64) -> Option<String> {
    let head = first_bytes(part, length).ok()?;
    (head.len() as u64 == length).then(|| sha256_hex(&head))
}

fn first_bytes(part: &Part, length: u64) -> std::io::Result<Vec<u8>> {
    let mut file = &part.file;
    file.seek(SeekFrom::Start(0))?;
    match part.compression {
        Some(compression) => read_some(compression.inflate(file)?, length),
        None => read_some(file, length),
    }
}

fn read_some(mut reader: impl Read, length: u64) -> std::io::Result<Vec<u8>> {
    let mut head = vec![0; usize::try_from(length).unwrap_or_default()];
    let mut filled = 0;
    while let Some(room) = head.get_mut(filled..).filter(|room| !room.is_empty()) {
        match reader.read(room)? {
            0 => break,
            length => filled += length,
        }
    }
    head.truncate(filled);
    Ok(head)
}

fn io_error(path: &str, source: std::io::Error) -> ReadError {
    ReadError::Io {
        path: path.into(),
        source,
    }
}
