//! A transaction: what is sent to the server, and what its answers mean for it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_util::TryStreamExt;
use futures_util::future::{join_all, maybe_done};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::flight::Flight;
use super::pool::{ANSWER, Connection, Pool};
use crate::store::StoreError;

/// Values of a statement.
pub(super) type Values<'v> = &'v [&'v (dyn ToSql + Sync)];

/// What ends a transaction, so that all of it is on durable storage.
const COMMIT: &str = "COMMIT";

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing that touches the connection or calls for another try.
    Sound,
    /// The server undid it for another transaction's sake.
    Undone,
    /// The connection is of no more use, and nothing was committed.
    Lost,
    /// The connection is of no more use, and nobody knows whether all was committed.
    Unknown,
}

/// A transaction.
pub(super) struct Tx<'p> {
    pub(super) pool: &'p Pool,
    pub(super) connection: &'p mut Connection,
    /// What begins it; goes out together with its first statement.
    pub(super) begin: Option<&'static str>,
    pub(super) committed: bool,
    pub(super) fate: Fate,
}

/// What a statement came to.
#[derive(Default)]
struct Answer {
    rows: Vec<Row>,
    changed: u64,
}

type Answering<'s> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + 's>>;

/// Statements without values, whose rows nobody wants.
fn plain<'s>(client: &'s Client, statements: &'s str) -> Answering<'s> {
    Box::pin(async move {
        client.batch_execute(statements).await?;
        Ok(Answer::default())
    })
}

fn prepared<'s>(
    client: &'s Client,
    statement: Statement,
    values: Vec<&'s (dyn ToSql + Sync)>,
) -> Answering<'s> {
    Box::pin(async move {
        let mut rows = pin!(client.query_raw(&statement, values).await?);
        let mut answer = Answer::default();
        while let Some(row) = rows.try_next().await? {
            answer.rows.push(row);
        }
        answer.changed = rows.rows_affected().unwrap_or_default();
        Ok(answer)
    })
}

impl Tx<'_> {
    /// Statements without values, whose rows nobody wants.
    pub(super) fn batch(&mut self, statements: &str) -> Result<(), StoreError> {
        self.say(&[], Some(statements)).map(|_| ())
    }

    /// Rows that a statement gives.
    pub(super) fn query(&mut self, statement: &str, values: Values<'_>) -> Result<Vec<Row>, StoreError> {
        Ok(self.one(statement, values)?.rows)
    }

    /// The one row that a statement gives, if it gives one.
    pub(super) fn query_one(
        &mut self,
        statement: &str,
        values: Values<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(statement, values)?.into_iter().next())
    }

    /// How many rows a statement changed.
    pub(super) fn execute(&mut self, statement: &str, values: Values<'_>) -> Result<u64, StoreError> {
        Ok(self.one(statement, values)?.changed)
    }

    /// Sends statements together; the rows of each.
    pub(super) fn send(&mut self, flight: &Flight<'_>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.fly(flight, None)
    }

    /// Sends statements together, and with them the end of the transaction; the rows of each. Nothing comes after it.
    pub(super) fn commit(&mut self, flight: &Flight<'_>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.fly(flight, Some(COMMIT))
    }

    fn fly(&mut self, flight: &Flight<'_>, last: Option<&str>) -> Result<Vec<Vec<Row>>, StoreError> {
        let statements: Vec<_> = flight.statements().collect();
        let mut answers = self.say(&statements, last)?;
        answers.truncate(statements.len());
        Ok(answers.into_iter().map(|answer| answer.rows).collect())
    }

    fn one(&mut self, statement: &str, values: Values<'_>) -> Result<Answer, StoreError> {
        let answers = self.say(&[(statement, values.to_vec())], None)?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// Sends all of it, in this order, then waits; what each came to. Of what went wrong the first is told: what comes
    /// after it is refused for its sake.
    fn say(
        &mut self,
        statements: &[(&str, Vec<&(dyn ToSql + Sync)>)],
        last: Option<&str>,
    ) -> Result<Vec<Answer>, StoreError> {
        let ready = self.prepare(statements)?;
        self.committed = last == Some(COMMIT);
        let begin = self.begin.take();
        let client = &self.connection.client;
        let begun = begin.map(|begin| plain(client, begin));
        let asked = ready
            .into_iter()
            .zip(statements)
            .map(|(statement, (_, values))| prepared(client, statement, values.clone()));
        let ended = last.map(|last| plain(client, last));
        let all: Vec<Answering<'_>> = begun.into_iter().chain(asked).chain(ended).collect();
        let count = all.len();
        let answers = self.pool.wait(in_order(all))?;
        let mut told = Vec::with_capacity(count);
        for (place, answer) in answers.into_iter().enumerate() {
            let is_commit = self.committed && place + 1 == count;
            told.push(self.told(answer, is_commit)?);
        }
        if begin.is_some() {
            told.remove(0);
        }
        Ok(told)
    }

    /// Statements are few and their texts don't vary with values, so all are kept.
    fn prepare(
        &mut self,
        statements: &[(&str, Vec<&(dyn ToSql + Sync)>)],
    ) -> Result<Vec<Statement>, StoreError> {
        let known = &self.connection.prepared;
        let mut fresh: Vec<&str> = statements.iter().map(|(text, _)| *text).collect();
        fresh.retain(|text| !known.contains_key(*text));
        fresh.sort_unstable();
        fresh.dedup();
        if !fresh.is_empty() {
            let client = &self.connection.client;
            let preparing = fresh.iter().map(|text| client.prepare(text));
            let made = self
                .pool
                .wait(async { timeout(ANSWER, join_all(preparing)).await })?;
            let made = match made {
                Ok(made) => made.into_iter().map(Ok).collect(),
                Err(slow) => vec![Err(slow)],
            };
            for (text, statement) in fresh.into_iter().zip(made) {
                let statement = self.told(statement, false)?;
                self.connection.prepared.insert(text.to_owned(), statement);
            }
        }
        let prepared = statements
            .iter()
            .filter_map(|(text, _)| self.connection.prepared.get(*text));
        Ok(prepared.cloned().collect())
    }

    fn told<T>(
        &mut self,
        answer: Result<Result<T, Error>, Elapsed>,
        is_commit: bool,
    ) -> Result<T, StoreError> {
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(slow) => {
                self.fate = self.lost(false);
                return Err(StoreError::Away(slow.into()));
            }
        };
        let Some(code) = error.code() else {
            // Not from the server: the connection broke, or a value could not be written.
            self.fate = self.lost(false);
            return Err(StoreError::Away(error.into()));
        };
        if [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ]
        .contains(code)
        {
            self.fate = Fate::Undone;
        }
        // Class 57P: the server is going down, or the session was ended by an operator. Class 08: no connection.
        if code.code().starts_with("57P") || code.code().starts_with("08") {
            self.fate = self.lost(!is_commit);
            return Err(StoreError::Away(error.into()));
        }
        Err(StoreError::Refused(error.into()))
    }

    /// What a lost connection means. `refused`: the server itself said so, of a statement before COMMIT.
    fn lost(&self, refused: bool) -> Fate {
        if self.committed && !refused {
            Fate::Unknown
        } else {
            Fate::Lost
        }
    }
}

/// Sends all, one after the other, and then waits for the answer to each. What can't be sent is the last that is tried:
/// no COMMIT may follow where a statement before it never reached the server.
async fn in_order(all: Vec<Answering<'_>>) -> Vec<Result<Result<Answer, Error>, Elapsed>> {
    let mut sent: Vec<_> = all.into_iter().map(|one| Box::pin(maybe_done(one))).collect();
    // The driver puts a statement into its queue when its future is first polled.
    poll_fn(|context| {
        let failed = sent.iter_mut().position(|one| {
            let _answered = one.as_mut().poll(context);
            one.as_mut().output_mut().is_some_and(|answer| answer.is_err())
        });
        if let Some(failed) = failed {
            sent.truncate(failed + 1);
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(sent.len());
    for mut one in sent {
        match timeout(ANSWER, one.as_mut()).await {
            Ok(()) => answers.extend(one.as_mut().take_output().map(Ok)),
            Err(slow) => {
                answers.push(Err(slow));
                break;
            }
        }
    }
    answers
}
