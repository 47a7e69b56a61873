//! How sure a fact is. A check can only say `pass` from a value.

use std::fmt;

/// A fact, or why there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Known<T> {
    /// No check of this run needs it.
    #[default]
    NotAsked,
    /// It was read.
    Value(T),
    /// Looked for, and the host surely has no such thing; the text names what.
    Absent(String),
    /// The host has it and we may not see it.
    Denied(Denial),
    /// Looking failed; the text says how.
    Failed {
        /// What was looked at.
        what: String,
        /// What went wrong.
        why: String,
    },
}

/// A refusal by the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What was looked at.
    pub what: String,
    /// The capability or privilege that would let us, such as `CAP_NET_ADMIN`.
    pub needs: String,
}

/// Why a check can't conclude.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The fact was not gathered in this run.
    NotAsked(String),
    /// The host has no such thing.
    Absent(String),
    /// Permission was refused.
    Denied(Denial),
    /// Looking failed.
    Failed {
        /// What was looked at.
        what: String,
        /// What went wrong.
        why: String,
    },
}

impl<T> From<Unknown> for Known<T> {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::NotAsked(_) => Self::NotAsked,
            Unknown::Absent(what) => Self::Absent(what),
            Unknown::Denied(denial) => Self::Denied(denial),
            Unknown::Failed { what, why } => Self::Failed { what, why },
        }
    }
}

impl<T> Known<T> {
    /// A failure to look.
    pub fn failed(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::Failed {
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// A refusal to be let look.
    pub fn denied(what: impl Into<String>, needs: impl Into<String>) -> Self {
        Self::Denied(Denial {
            what: what.into(),
            needs: needs.into(),
        })
    }

    /// The value, or why there is none.
    pub fn value(&self) -> Result<&T, Unknown> {
        match self {
            Self::Value(value) => Ok(value),
            Self::NotAsked => Err(Unknown::NotAsked(std::any::type_name::<T>().to_owned())),
            Self::Absent(what) => Err(Unknown::Absent(what.clone())),
            Self::Denied(denial) => Err(Unknown::Denied(denial.clone())),
            Self::Failed { what, why } => Err(Unknown::Failed {
                what: what.clone(),
                why: why.clone(),
            }),
        }
    }

    /// The value, `None` where the host surely has no such thing, or why it can't be told.
    pub fn present(&self) -> Result<Option<&T>, Unknown> {
        match self {
            Self::Absent(_) => Ok(None),
            other => other.value().map(Some),
        }
    }
}
