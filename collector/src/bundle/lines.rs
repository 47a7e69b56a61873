//! The lines of a member, one at a time and none longer than it may be, with the hash of all that was read.

use std::io::{self, BufRead, BufReader, Read};

use ring::digest::{Context, SHA256};
use serde::de::DeserializeOwned;

use memchr::memchr;

use super::container::{Container, MemberReader};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// Reads a member and hashes what it reads, if that is wanted.
pub(super) struct Hashing {
    member: MemberReader,
    sha256: Option<Context>,
}

impl Hashing {
    fn new(member: MemberReader) -> Self {
        Self {
            member,
            sha256: Some(Context::new(&SHA256)),
        }
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.member.read(buffer)?;
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

impl Hashing {
    fn finish(self) -> Option<String> {
        self.sha256.map(|sha256| hex::encode(sha256.finish()))
    }
}

/// SHA-256 of a member, in hexadecimal.
pub(super) fn sha256_of(member: MemberReader) -> io::Result<Option<String>> {
    let mut hashing = Hashing::new(member);
    io::copy(
        &mut BufReader::with_capacity(CHUNK, &mut hashing),
        &mut io::sink(),
    )?;
    Ok(hashing.finish())
}

/// A line as it is, without its end.
pub(super) struct Line {
    bytes: Vec<u8>,
    number: u64,
}

impl Line {
    #[cfg(test)]
    pub(super) const fn new(bytes: Vec<u8>, number: u64) -> Self {
        Self { bytes, number }
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its number, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
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

    /// The same lines, of a member whose hash nobody wants.
    pub(super) fn without_hash(mut self) -> Self {
        self.reader.get_mut().sha256 = None;
        self
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
        loop {
            let buffered = self.reader.fill_buf()?;
            let end = memchr(b'\n', buffered);
            let Some(part) = buffered.get(..end.unwrap_or(buffered.len())) else {
                break;
            };
            if part.is_empty() && end.is_none() {
                if self.line.is_empty() {
                    return Ok(false);
                }
                break;
            }
            let is_too_long = self.line.len() + part.len() >= self.longest;
            if !is_too_long {
                self.line.extend_from_slice(part);
            }
            let read = part.len() + usize::from(end.is_some());
            self.reader.consume(read);
            match end {
                _ if is_too_long => {
                    if end.is_none() {
                        self.reader.skip_until(b'\n')?;
                    }
                    break;
                }
                Some(_) => return Ok(true),
                None => {}
            }
        }
        Err(damaged(format!(
            "line {} is too long, or has no end",
            self.number
        )))
    }

    /// Reads the rest, and gives SHA-256 of the member in hexadecimal; `None`: nobody wanted it.
    pub(super) fn sha256(mut self) -> io::Result<Option<String>> {
        io::copy(&mut self.reader, &mut io::sink())?;
        Ok(self.reader.into_inner().finish())
    }
}
