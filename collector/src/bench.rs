//! What the benchmarks measure that is no part of the collector's own interface.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::ingest::IngestQueue;
use crate::store::{Incoming, Keep, Store};

/// The collector's way of taking reports in: those that come while a commit is under way are committed together next.
#[derive(Debug)]
pub struct Intake {
    queue: IngestQueue,
    thread: JoinHandle<()>,
}

impl Intake {
    /// Starts the thread that commits.
    pub fn start(store: Arc<dyn Store>) -> std::io::Result<Self> {
        let (queue, thread) = IngestQueue::start(store, Box::new(|_, _| ()))?;
        Ok(Self { queue, thread })
    }

    /// Keeps a report; the answer comes after its commit. `None`: it was not kept, as too many wait or the store failed.
    pub async fn keep(&self, incoming: Incoming) -> Option<Keep> {
        self.queue.keep(incoming).await.ok().map(|answer| answer.keep)
    }

    /// Ends the thread.
    pub fn stop(self) {
        drop(self.queue);
        // It ends by itself when nobody can send; a panic was told by the answers that never came.
        let _ended = self.thread.join();
    }
}
