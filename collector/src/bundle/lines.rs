//! The lines of a member, one at a time and none longer than it may be, with the hash of all that was read.

use std::io::{self, BufRead, BufReader, Read};

use ring::digest::{Context, SHA256};
use serde::de::DeserializeOwned;

use super::container::{Container, MemberReader};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// Reads a member and hashes what it reads.
pub(super) struct Hashing {
    member: MemberReader,
    sha256: Context,
}

impl Hashing {
    fn new(member: MemberReader) -> Self {
        Self {
            member,
            sha256: Context::new(&SHA256),
        }
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.member.read(buffer)?;
        self.sha256.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// SHA-256 of a member, in hexadecimal.
pub(super) fn sha256_of(member: MemberReader) -> io::Result<String> {
    let mut hashing = Hashing::new(member);
    io::copy(
        &mut BufReader::with_capacity(CHUNK, &mut hashing),
        &mut io::sink(),
    )?;
    Ok(hex::encode(hashing.sha256.finish()))
}

/// A line as it is, without its end.
pub(super) struct Line {
    bytes: Vec<u8>,
    number: u64,
}

impl Line {
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What it says; that it says no such thing is told by [`io::ErrorKind::InvalidData`].
    pub(super) fn read<T: DeserializeOwned>(&self) -> io::Result<T> {
        read(&self.bytes, self.number)
    }
}

fn read<T: DeserializeOwned>(line: &[u8], number: u64) -> io::Result<T> {
    serde_json::from_slice(line).map_err(|error| damaged(format!("line {number}: {error}")))
}

fn damaged(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The lines of a member.
pub(super) struct Lines {
    reader: BufReader<Hashing>,
    longest: usize,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// From the first on. `None`: there is no such member.
    pub(super) fn open(container: &Container, name: &str, longest: usize) -> Option<io::Result<Self>> {
        let opened = container.member(name)?;
        Some(opened.map(|member| Self {
            reader: BufReader::with_capacity(CHUNK, Hashing::new(member)),
            longest,
            line: Vec::new(),
            number: 0,
        }))
    }

    /// Number of the line that was read last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None`: there are no more.
    ///
    /// That a line is too long, or none of these, is told by [`io::ErrorKind::InvalidData`], and the next call gives the
    /// line after it.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        self.advance()?.then(|| read(&self.line, self.number)).transpose()
    }

    /// The next line as it is, under the same errors.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        Ok(self.advance()?.then(|| Line {
            bytes: std::mem::take(&mut self.line),
            number: self.number,
        }))
    }

    /// Reads the next line, without its end; false: there are no more.
    fn advance(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.number += 1;
        let longest = u64::try_from(self.longest).unwrap_or(u64::MAX);
        let read = (&mut self.reader)
            .take(longest)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(false);
        }
        if self.line.pop_if(|last| *last == b'\n').is_some() {
            return Ok(true);
        }
        if read == self.longest {
            self.reader.skip_until(b'\n')?;
        }
        Err(damaged(format!(
            "line {} is too long, or has no end",
            self.number
        )))
    }

    /// Reads the rest, and gives SHA-256 of the member in hexadecimal.
    pub(super) fn sha256(mut self) -> io::Result<String> {
        io::copy(&mut self.reader, &mut io::sink())?;
        Ok(hex::encode(self.reader.into_inner().sha256.finish()))
    }
}
