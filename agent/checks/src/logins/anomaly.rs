//! One abnormal pattern of logins.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use plumbline_config::finding::Severity;
use plumbline_facts::logins::{Events, Id, LoginEvent, Method, PrivilegeChange, Row};

use super::place::{Place, places};
use super::source::SourceGroup;

/// Most attempts shown as proof of one anomaly.
pub const MOST_SHOWN: usize = 5;

/// What makes it abnormal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnomalyKind {
    /// Many failures from one source, or at one account from many.
    BruteForce,
    /// A login of an account that had not been used for long.
    DormantAccount,
    /// A login from a network that the user never came from.
    FirstSeenSource,
    /// A login of a user who never logged in before.
    FirstSeenUser,
    /// Logins of one user from networks apart, too soon after one another.
    ImpossiblePace,
    /// An account was given the rights of root, or a rule or key that gives them.
    NewPrivilegedAccount,
    /// A login when nobody works, by a user who does not either.
    OffHours,
    /// Many accounts tried from one source.
    PasswordSpraying,
    /// A user tried for rights that the user does not have.
    PrivilegeEscalation,
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
            Self::DormantAccount => "dormant-account",
            Self::FirstSeenSource => "first-seen-source",
            Self::FirstSeenUser => "first-seen-user",
            Self::ImpossiblePace => "impossible-pace",
            Self::NewPrivilegedAccount => "new-privileged-account",
            Self::OffHours => "off-hours",
            Self::PasswordSpraying => "password-spraying",
            Self::PrivilegeEscalation => "privilege-escalation",
            Self::RootLogin => "root-login",
            Self::SuccessAfterFailures => "success-after-failures",
        }
    }

    /// How much it matters. Failures alone were warded off; a success may not have been.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::FirstSeenSource | Self::FirstSeenUser | Self::OffHours => Severity::Low,
            Self::BruteForce | Self::PasswordSpraying | Self::PrivilegeEscalation => Severity::Medium,
            Self::DormantAccount | Self::ImpossiblePace | Self::NewPrivilegedAccount | Self::RootLogin => {
                Severity::High
            }
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
    pub sources: Vec<Place>,
    /// What was offered.
    pub methods: BTreeSet<Method>,
    /// The first attempt.
    pub first_at: Timestamp,
    /// The last attempt.
    pub last_at: Timestamp,
    /// The first attempts, as proof: at most [`MOST_SHOWN`].
    pub events: Vec<LoginEvent>,
    /// What was given or refused: groups, files, reasons.
    pub what: BTreeSet<String>,
    /// Who gave it, where the log says so.
    pub by: Option<String>,
    /// Attempts, each counted once; of a success after failures, the failures.
    pub count: u64,
}

impl Anomaly {
    /// Sums up `rows` of `events`, oldest first; `None` where there are none.
    pub(super) fn of(kind: AnomalyKind, subject: Subject, events: &Events, rows: &[&Row]) -> Option<Self> {
        let (first, last) = (rows.first()?, rows.last()?);
        let users = |unknown: bool| {
            let named = rows.iter().filter(|row| row.unknown_user == unknown);
            let mut users: Vec<Id> = named.map(|row| row.user).collect();
            users.sort_unstable();
            users.dedup();
            users.retain(|user| !user.is_none());
            users
        };
        let known = users(false);
        let mut unknown = users(true);
        // A name that another line vouches for is known.
        unknown.retain(|name| known.binary_search(name).is_err());
        let mut names = known.iter().chain(&unknown);
        let user = names.next().filter(|_| known.len() + unknown.len() == 1);
        let mut methods: Vec<Method> = rows.iter().map(|row| row.method).collect();
        methods.dedup();
        Some(Self {
            kind,
            subject,
            user: user.and_then(|name| events.name(*name)).map(str::to_owned),
            unknown_users: unknown.len(),
            users: known
                .iter()
                .filter_map(|name| events.name(*name))
                .map(str::to_owned)
                .collect(),
            sources: places(events, rows),
            events: shown(events, rows),
            what: BTreeSet::new(),
            by: None,
            methods: methods.into_iter().collect(),
            first_at: first.at(),
            last_at: last.at(),
            count: rows.iter().map(|row| u64::from(row.count)).sum(),
        })
    }
}

/// The first, and the last.
fn shown(events: &Events, rows: &[&Row]) -> Vec<LoginEvent> {
    let last = rows.len().saturating_sub(1);
    let first = rows.iter().take(last.min(MOST_SHOWN - 1));
    let mut shown: Vec<LoginEvent> = first.chain(rows.last()).map(|row| events.event(row)).collect();
    for event in &mut shown {
        event.withhold_unknown_user();
    }
    shown
}

/// Sums up `changes`, oldest first, of one user; `None` where there are none.
pub(super) fn of_changes(
    kind: AnomalyKind,
    subject: Subject,
    changes: &[&PrivilegeChange],
) -> Option<Anomaly> {
    let (first, last) = (changes.first()?, changes.last()?);
    let user = first.user.clone();
    Some(Anomaly {
        kind,
        subject,
        users: user.iter().cloned().collect(),
        user,
        unknown_users: 0,
        sources: Vec::new(),
        events: Vec::new(),
        what: changes.iter().map(|change| change.what.clone()).collect(),
        by: changes.iter().find_map(|change| change.by.clone()),
        methods: BTreeSet::new(),
        first_at: first.at,
        last_at: last.at,
        count: changes.len() as u64,
    })
}
