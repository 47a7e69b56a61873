//! The lines of a large member, unpacked and hashed by a thread of its own while what came before is looked at.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use super::lines::{Line, Lines};

/// Lines handed over at once.
const BATCH: usize = 1_000;

/// Bytes handed over at once, if they are not of a single line: few enough to be in a processor's cache still when they
/// are looked at.
const BATCH_BYTES: usize = 512 * 1024;

/// Batches that wait, at most.
const WAITING: usize = 8;

/// Lines of a member, read ahead.
pub(super) struct Ahead<T> {
    batches: Receiver<Vec<io::Result<T>>>,
    reader: JoinHandle<io::Result<Option<String>>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Begins to read, and makes of each line what `each` makes of it. The lines that nobody takes are read for the hash
    /// alone.
    pub(super) fn start(mut lines: Lines, each: fn(Line) -> io::Result<T>) -> io::Result<Self> {
        let (sender, batches) = sync_channel(WAITING);
        let reader = thread::Builder::new()
            .name("bundle-reader".to_owned())
            .spawn(move || {
                while let Some(batch) = batch(&mut lines, each) {
                    if sender.send(batch).is_err() {
                        break;
                    }
                }
                drop(sender);
                lines.sha256()
            })?;
        Ok(Self { batches, reader })
    }

    /// The next lines; none: there are no more. Errors are those of [`Lines::next_line`], and one that ends the member
    /// is the last thing that comes.
    pub(super) fn batch(&mut self) -> Vec<io::Result<T>> {
        self.batches.recv().unwrap_or_default()
    }

    /// Reads the rest, and gives SHA-256 of the member as [`Lines::sha256`] does.
    pub(super) fn sha256(self) -> io::Result<Option<String>> {
        drop(self.batches);
        let ended = self.reader.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the thread that read it failed")))
    }
}

/// The next lines; `None`: there are no more. After an error that ends the member nothing more comes.
fn batch<T>(lines: &mut Lines, each: fn(Line) -> io::Result<T>) -> Option<Vec<io::Result<T>>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        match lines.next_line() {
            Ok(None) => break,
            Ok(Some(line)) => {
                bytes += line.len();
                batch.push(each(line));
            }
            Err(error) => batch.push(Err(error)),
        }
    }
    (!batch.is_empty()).then_some(batch)
}
