//! Statements that go to the server together.
//!
//! To send one and wait for its answer before the next is sent takes as many journeys to the server and back as there are
//! statements, all of them while locks are held. The server takes statements one after the other all the same, and each
//! sees what those before it did; and where one fails the transaction is undone, whatever follows.

use std::borrow::Cow;

use tokio_postgres::types::ToSql;

/// A value of a statement.
pub(super) type Value<'v> = Box<dyn ToSql + Sync + 'v>;

/// Values of a statement, each of its own type.
macro_rules! values {
    ($($value:expr),* $(,)?) => {{
        let values: Vec<$crate::store::postgres::flight::Value<'_>> = vec![$(Box::new($value)),*];
        values
    }};
}
pub(super) use values;

/// Statements with their values, in their order.
#[derive(Default)]
pub(super) struct Flight<'v> {
    statements: Vec<(Cow<'static, str>, Vec<Value<'v>>)>,
}

impl<'v> Flight<'v> {
    /// Adds a statement; says the place of its rows among the answers.
    pub(super) fn add(&mut self, statement: impl Into<Cow<'static, str>>, values: Vec<Value<'v>>) -> usize {
        self.statements.push((statement.into(), values));
        self.statements.len() - 1
    }

    /// How many statements there are.
    pub(super) fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statements with their values.
    pub(super) fn statements(&self) -> impl Iterator<Item = (&str, Vec<&(dyn ToSql + Sync)>)> {
        self.statements.iter().map(|(text, values)| {
            let values = values.iter().map(|value| {
                let value: &(dyn ToSql + Sync) = value.as_ref();
                value
            });
            (text.as_ref(), values.collect())
        })
    }
}
