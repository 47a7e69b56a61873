//! One abnormal pattern of logins.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use plumbline_config::finding::Severity;
use plumbline_facts::logins::{LoginEvent, Method};

use super::source::SourceGroup;

/// What makes it abnormal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnomalyKind {
    /// Many failures from one source, or at one account from many.
    BruteForce,
    /// Many accounts tried from one source.
    PasswordSpraying,
    /// root logged in over the network in a way that the plan rules out.
    RootLogin,
    /// A login by a secret after many failures from the same source.
    SuccessAfterFailures,
}

impl AnomalyKind {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BruteForce => "brute-force",
            Self::PasswordSpraying => "password-spraying",
            Self::RootLogin => "root-login",
            Self::SuccessAfterFailures => "success-after-failures",
        }
    }

    /// How much it matters. Failures alone were warded off; a success may not have been.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::BruteForce | Self::PasswordSpraying => Severity::Medium,
            Self::RootLogin => Severity::High,
            Self::SuccessAfterFailures => Severity::Critical,
        }
    }
}

/// Whom an anomaly is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A source.
    Source(SourceGroup),
    /// An account that exists.
    User(String),
    /// Accounts that may not exist, whose names are not told: people type passwords there.
    UnknownUser,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => write!(f, "source:{source}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::UnknownUser => f.write_str("user:unknown"),
        }
    }
}

/// One abnormal pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What makes it abnormal.
    pub kind: AnomalyKind,
    /// Whom it is about.
    pub subject: Subject,
    /// The one account concerned, where it is one: as the log names it, if it exists or not.
    pub user: Option<String>,
    /// Accounts concerned that exist.
    pub users: BTreeSet<String>,
    /// How many other names were tried.
    pub unknown_users: usize,
    /// Addresses, or the prefix where several of one IPv6 /64 were used.
    pub sources: Vec<String>,
    /// What was offered.
    pub methods: BTreeSet<Method>,
    /// The first attempt.
    pub first_at: Timestamp,
    /// The last attempt.
    pub last_at: Timestamp,
    /// Attempts, each counted once; of a success after failures, the failures.
    pub count: u64,
}

impl Anomaly {
    /// Sums up `events`, oldest first; `None` where there are none.
    pub(super) fn of(kind: AnomalyKind, subject: Subject, events: &[&LoginEvent]) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let mut users = BTreeSet::new();
        let mut unknown = BTreeSet::new();
        for event in events {
            if let Some(user) = &event.user {
                let names = if event.unknown_user {
                    &mut unknown
                } else {
                    &mut users
                };
                names.insert(user.clone());
            }
        }
        // A name that another line vouches for is known.
        unknown.retain(|name| !users.contains(name));
        let mut names = users.iter().chain(&unknown);
        let user = names.next().filter(|_| users.len() + unknown.len() == 1).cloned();
        Some(Self {
            kind,
            subject,
            user,
            unknown_users: unknown.len(),
            users,
            sources: sources(events),
            methods: events.iter().map(|event| event.method).collect(),
            first_at: first.at,
            last_at: last.at,
            count: events.iter().map(|event| u64::from(event.count)).sum(),
        })
    }
}

/// Addresses in order; several of one IPv6 /64 as that.
fn sources(events: &[&LoginEvent]) -> Vec<String> {
    let mut groups: std::collections::BTreeMap<SourceGroup, BTreeSet<String>> =
        std::collections::BTreeMap::new();
    for source in events.iter().filter_map(|event| event.source.as_ref()) {
        if let Some(group) = SourceGroup::of(source) {
            groups.entry(group).or_default().insert(source.to_string());
        }
    }
    let shown = |(group, addresses): (SourceGroup, BTreeSet<String>)| {
        let mut addresses = addresses.into_iter();
        match (addresses.next(), addresses.next()) {
            (Some(only), None) => only,
            _ => group.to_string(),
        }
    };
    groups.into_iter().map(shown).collect()
}
