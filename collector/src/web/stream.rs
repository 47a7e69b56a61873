//! An answer that is sent while it is made: a blocking thread writes, the connection reads, and there are never more
//! than a few chunks between them.
//!
//! An answer that could not be made to its end is broken off and not ended, so that no client takes the part for the
//! whole.

use std::io::{self, Write};
use std::mem;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tracing::warn;

/// Bytes of a chunk.
const CHUNK: usize = 64 * 1024;

/// Longest wait for the reader to take one chunk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest wait for the reader over all chunks: one that takes a little now and then would keep others out for days.
const ALL_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Part of an answer. Where no [`Piece::End`] came, it was broken off.
#[derive(Debug)]
enum Piece {
    Chunk(Bytes),
    End,
}

/// The two ends of an answer. The body ends well only if [`Chunks::end`] was called. Wants an async runtime.
pub(super) fn answer() -> (Chunks, Body) {
    let (chunks, from) = channel(1);
    let (to, pieces) = channel(1);
    // Between the two stands somebody who can wait for the reader and look at the clock: a thread can't.
    tokio::spawn(hand_on(from, to, PATIENCE, ALL_PATIENCE));
    let chunks = Chunks {
        to: chunks,
        buffer: Vec::with_capacity(CHUNK),
    };
    (chunks, body(pieces))
}

/// Where an answer is written. An error of the kind [`io::ErrorKind::BrokenPipe`] says that nobody reads it any more.
/// For blocking threads alone.
#[derive(Debug)]
pub(super) struct Chunks {
    to: Sender<Piece>,
    buffer: Vec<u8>,
}

impl Chunks {
    /// Sends what is left, and says that the answer is whole.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        self.send(Piece::End)
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        self.to
            .blocking_send(piece)
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.buffer.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            let chunk = mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
            return self.send(Piece::Chunk(chunk.into()));
        }
        if self.to.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }
}

/// Hands pieces on until one side is gone or the reader is too slow.
async fn hand_on(mut from: Receiver<Piece>, to: Sender<Piece>, patience: Duration, mut all: Duration) {
    loop {
        let piece = tokio::select! {
            piece = from.recv() => piece,
            // Whoever writes learns it at once, not only with the next piece.
            () = to.closed() => None,
        };
        let Some(piece) = piece else { return };
        let began = Instant::now();
        match timeout(patience.min(all), to.send(piece)).await {
            Ok(Ok(())) => all = all.saturating_sub(began.elapsed()),
            Ok(Err(_)) => return,
            Err(_) => return warn!("broke off an answer: its reader was too slow"),
        }
    }
}

fn body(pieces: Receiver<Piece>) -> Body {
    let chunks = stream::try_unfold(pieces, |mut pieces| async {
        match pieces.recv().await {
            Some(Piece::Chunk(chunk)) => Ok(Some((chunk, pieces))),
            Some(Piece::End) => Ok(None),
            None => Err(io::Error::other("the answer was broken off")),
        }
    });
    Body::from_stream(chunks)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tokio::task::spawn_blocking;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_what_is_read() {
        let (mut chunks, body) = answer();
        let text: Vec<u8> = (0..=255).cycle().take(3 * CHUNK + 17).collect();
        let sent = text.clone();
        let writing = spawn_blocking(move || {
            chunks.write_all(&sent[..10])?;
            chunks.flush()?;
            chunks.write_all(&sent[10..])?;
            chunks.end()
        });
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), text);
        writing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_was_not_ended_is_broken_off() {
        let (mut chunks, body) = answer();
        let writing = spawn_blocking(move || chunks.write_all(&[0; 2 * CHUNK]));
        assert!(to_bytes(body, usize::MAX).await.is_err());
        writing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_writes_for_nobody_is_told() {
        let (mut chunks, body) = answer();
        drop(body);
        let writing = spawn_blocking(move || {
            loop {
                if let Err(error) = chunks.flush() {
                    return error.kind();
                }
            }
        });
        assert_eq!(
            writing.await.unwrap(),
            io::ErrorKind::BrokenPipe,
            "nothing was sent yet"
        );

        let (mut chunks, body) = answer();
        let writing = spawn_blocking(move || {
            let mut written = 0_usize;
            while chunks.write_all(&[0; CHUNK]).is_ok() {
                written += 1;
            }
            written
        });
        drop(body);
        assert!(writing.await.unwrap() <= 3, "no more than stand between the two");
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_left() {
        for (patience, all) in [(1, 60_000), (60_000, 1)]
            .map(|(one, all)| (Duration::from_millis(one), Duration::from_millis(all)))
        {
            let (to, from) = channel(1);
            let (on, pieces) = channel(1);
            let handing = tokio::spawn(hand_on(from, on, patience, all));
            let mut chunks = Chunks {
                to,
                buffer: Vec::new(),
            };
            let writing = spawn_blocking(move || {
                let mut written = 0_usize;
                while chunks.write_all(&[0; CHUNK]).is_ok() {
                    written += 1;
                }
                written
            });
            handing.await.unwrap();
            assert!(writing.await.unwrap() <= 3);
            assert!(
                to_bytes(body(pieces), usize::MAX).await.is_err(),
                "it is not whole"
            );
        }
    }
}
