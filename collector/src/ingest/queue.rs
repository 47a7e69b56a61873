//! Group commit: reports that arrive while one commit's fsync runs are committed together by the next.
//!
//! One thread takes all that wait, keeps them in one transaction, and only then answers each. So an answer always
//! follows the commit, and a disk that does a hundred fsyncs a second takes thousands of reports a second.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::store::{Incoming, Keep, KeepReply, Store, StoreError};

/// Reports that may wait; with more the answer is "busy, try again".
const QUEUE: usize = 1_024;

/// Most reports in one transaction.
const BATCH: usize = 256;

/// Reports that wait when it pays to read ahead for more.
const CROWD: usize = 32;

/// What is told of each report after its commit.
pub(crate) type Observer = Box<dyn Fn(&Incoming, &Keep) + Send>;

/// Why a report was not even tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotKept {
    /// Too many wait.
    Busy,
    /// The store could not write.
    Failed,
}

/// What became of a report, and the plan that was current in the same transaction.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) keep: Keep,
    pub(crate) plan_sha256: Option<String>,
}

struct Job {
    incoming: Incoming,
    answer: oneshot::Sender<Result<Answer, NotKept>>,
}

/// The way to the committing thread.
#[derive(Clone, Debug)]
pub(crate) struct IngestQueue {
    jobs: mpsc::Sender<Job>,
}

impl IngestQueue {
    /// Starts the thread. It ends when the last queue is dropped and everything that waited is answered.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        observer: Observer,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("ingest".to_owned())
            .spawn(move || run(waiting, store.as_ref(), &observer))?;
        Ok((Self { jobs }, thread))
    }

    /// Keeps a report; the answer comes after the commit.
    pub(crate) async fn keep(&self, incoming: Incoming) -> Result<Answer, NotKept> {
        let (answer, kept) = oneshot::channel();
        self.jobs
            .try_send(Job { incoming, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => NotKept::Busy,
                mpsc::error::TrySendError::Closed(_) => NotKept::Failed,
            })?;
        kept.await.unwrap_or(Err(NotKept::Failed))
    }

    /// Whether the thread lives and has room.
    pub(crate) fn is_ready(&self) -> bool {
        !self.jobs.is_closed() && self.jobs.capacity() > 0
    }

    /// Whether a report would wait for more than the commit under way.
    pub(crate) fn is_crowded(&self) -> bool {
        self.jobs.max_capacity() - self.jobs.capacity() >= CROWD
    }
}

fn run(mut waiting: mpsc::Receiver<Job>, store: &dyn Store, observer: &Observer) {
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            let Ok(next) = waiting.try_recv() else { break };
            batch.push(next);
        }
        let (reports, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|job| (job.incoming, job.answer)).unzip();
        match store.keep(&reports) {
            Ok(reply) => tell(&reports, answers, reply, observer),
            Err(error) if reports.len() > 1 => {
                // One report that the store chokes on must not hold up the others.
                error!(%error, reports = reports.len(), "a batch was not committed; trying its reports one by one");
                for (report, answer) in reports.into_iter().zip(answers) {
                    let alone = [report];
                    match store.keep(&alone) {
                        Ok(reply) => tell(&alone, vec![answer], reply, observer),
                        Err(error) => fail(answer, &error),
                    }
                }
            }
            Err(error) => answers.into_iter().for_each(|answer| fail(answer, &error)),
        }
    }
}

fn tell(
    reports: &[Incoming],
    answers: Vec<oneshot::Sender<Result<Answer, NotKept>>>,
    reply: KeepReply,
    observer: &Observer,
) {
    for ((report, answer), keep) in reports.iter().zip(answers).zip(reply.outcomes) {
        observer(report, &keep);
        // Whoever asked may have gone away; the report is kept all the same, and its re-post is recognised.
        let _gone = answer.send(Ok(Answer {
            keep,
            plan_sha256: reply.plan_sha256.clone(),
        }));
    }
}

fn fail(answer: oneshot::Sender<Result<Answer, NotKept>>, error: &StoreError) {
    error!(%error, "a report was not committed");
    let _gone = answer.send(Err(NotKept::Failed));
}
