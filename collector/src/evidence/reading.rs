//! Reading a file of evidence, and proving it while it is read.

use axum::body::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use ring::digest::{Context, SHA256};

use super::digest::Digest;
use super::error::EvidenceError;
use super::vault::{Kept, Opened};

/// The bytes of a file. The last of them are given out only when all were what they should be: whoever is sent a file
/// that was altered never gets it whole.
pub struct Reading {
    content: BoxStream<'static, Result<Bytes, EvidenceError>>,
    expected: Kept,
    hash: Context,
    read: u64,
    held: Option<Bytes>,
    ended: bool,
}

impl Reading {
    pub(super) fn new(opened: Opened, expected: Kept) -> Result<Self, EvidenceError> {
        if opened.size != expected.size {
            return Err(EvidenceError::WrongSize {
                digest: expected.sha256,
                expected: expected.size,
                found: opened.size,
            });
        }
        Ok(Self {
            content: opened.content,
            expected,
            hash: Context::new(&SHA256),
            read: 0,
            held: None,
            ended: false,
        })
    }

    /// The next bytes; `None` when the file is over and was what it should be. After an error there is nothing more.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EvidenceError> {
        while !self.ended {
            let next = self.content.try_next().await.and_then(|next| self.take(next));
            match next {
                Ok(Some(chunk)) => return Ok(Some(chunk)),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    self.held = None;
                    return Err(error);
                }
            }
        }
        Ok(self.held.take())
    }

    /// The same as a stream, as the body of an answer wants it.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, EvidenceError>> + Send + 'static {
        stream::try_unfold(self, |mut reading| async move {
            Ok(reading.chunk().await?.map(|chunk| (chunk, reading)))
        })
        .boxed()
    }

    /// Reads to the end for the proof alone.
    pub(super) async fn prove(mut self) -> Result<(), EvidenceError> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }

    /// Takes what came; what came before it may then be given out.
    fn take(&mut self, next: Option<Bytes>) -> Result<Option<Bytes>, EvidenceError> {
        let wrong_size = |found| EvidenceError::WrongSize {
            digest: self.expected.sha256,
            expected: self.expected.size,
            found,
        };
        match next {
            Some(chunk) => {
                self.read += chunk.len() as u64;
                if self.read > self.expected.size {
                    return Err(wrong_size(self.read));
                }
                self.hash.update(&chunk);
                Ok(self.held.replace(chunk))
            }
            None if self.read < self.expected.size => Err(wrong_size(self.read)),
            None => {
                self.ended = true;
                let found = Digest::try_from(self.hash.clone().finish());
                if found == Ok(self.expected.sha256) {
                    Ok(None)
                } else {
                    Err(EvidenceError::Altered(self.expected.sha256))
                }
            }
        }
    }
}
