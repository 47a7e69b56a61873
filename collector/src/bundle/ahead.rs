//! The lines of a large member, unpacked and hashed by a thread of its own while what came before is looked at.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use serde::de::DeserializeOwned;

use super::lines::{Line, Lines};
use crate::ledger::audit::parallel;

/// Lines handed over at once.
const BATCH: usize = 1_000;

/// Bytes handed over at once, if they are not of a single line.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Batches that wait, at most.
const WAITING: usize = 2;

/// Lines of a member, read ahead.
pub(super) struct Ahead<T> {
    batches: Receiver<Vec<io::Result<Line>>>,
    reader: JoinHandle<io::Result<String>>,
    read: VecDeque<io::Result<T>>,
}

impl<T: DeserializeOwned + Send> Ahead<T> {
    /// Begins to read. The lines that nobody takes are read for the hash alone.
    pub(super) fn start(mut lines: Lines) -> io::Result<Self> {
        let (sender, batches) = sync_channel(WAITING);
        let reader = thread::Builder::new()
            .name("bundle-reader".to_owned())
            .spawn(move || {
                while let Some(batch) = batch(&mut lines) {
                    if sender.send(batch).is_err() {
                        break;
                    }
                }
                drop(sender);
                lines.sha256()
            })?;
        Ok(Self {
            batches,
            reader,
            read: VecDeque::new(),
        })
    }

    /// The next line; `None`: there are no more. Errors are those of [`Lines::next`].
    pub(super) fn next(&mut self) -> io::Result<Option<T>> {
        if self.read.is_empty()
            && let Ok(batch) = self.batches.recv()
        {
            self.read.extend(parallel::map(&batch, |line| match line {
                Ok(line) => line.read(),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            }));
        }
        self.read.pop_front().transpose()
    }

    /// Reads the rest, and gives SHA-256 of the member in hexadecimal.
    pub(super) fn sha256(self) -> io::Result<String> {
        drop(self.batches);
        let ended = self.reader.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the thread that read it failed")))
    }
}

/// The next lines; `None`: there are no more. After an error that ends the member nothing more comes.
fn batch(lines: &mut Lines) -> Option<Vec<io::Result<Line>>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        match lines.next_line() {
            Ok(None) => break,
            Ok(Some(line)) => {
                bytes += line.len();
                batch.push(Ok(line));
            }
            Err(error) => batch.push(Err(error)),
        }
    }
    (!batch.is_empty()).then_some(batch)
}
