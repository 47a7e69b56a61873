//! What a check is, and what it says.

use jiff::Timestamp;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::Role;
use plumbline_config::message::Message;
use plumbline_config::plan::{Measures, Plan};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::Value;

/// One check: the facts it needs, and how it judges them.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its id in the catalogue.
    pub id: &'static str,
    /// The facts it reads.
    pub needs: &'static [ProbeId],
    /// Judges the facts. `Err`: a fact that the whole check rests on is missing, which becomes one `error` finding on
    /// the host. A fact missing for one subject alone is that subject's [`Verdict::unknown`].
    pub judge: fn(&Facts, &Context<'_>) -> Result<Vec<Verdict>, Unknown>,
    /// A host that passes and one that fails, for the tests that hold for every check.
    #[cfg(test)]
    pub examples: fn() -> Examples,
}

/// Facts and plan of a host that passes the check, and of one that fails it.
#[cfg(test)]
pub struct Examples {
    /// No finding but `pass`.
    pub passing: (Facts, Plan),
    /// At least one finding `fail`.
    pub failing: (Facts, Plan),
}

/// What facts are judged against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The declared plan.
    pub plan: &'a Plan,
    /// The host's role.
    pub role: Role,
    /// The time.
    pub now: Timestamp,
}

impl<'a> Context<'a> {
    /// The thirteen measures that this host is judged by.
    #[must_use]
    pub const fn measures(&self) -> &'a Measures {
        self.plan.measures(self.role)
    }
}

/// A conclusion on one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The thing judged: `tcp/[::]:443`, `/var/lib/mysql`, `user:root`, or [`Verdict::HOST`].
    pub subject: String,
    /// The conclusion.
    pub status: Status,
    /// Why, in one sentence.
    pub message: Message,
    /// What the plan asks for.
    pub expected: Value,
    /// What was measured.
    pub actual: Value,
    /// The facts the conclusion rests on; no secrets, no personal data.
    pub evidence: Value,
    /// Where it differs from the catalogue's.
    pub severity: Option<Severity>,
    /// What to do about this subject, said before the catalogue's remedy.
    pub remedy: Option<Message>,
}

impl Verdict {
    /// The subject when it is the whole host.
    pub const HOST: &'static str = "host";

    fn new(status: Status, subject: impl Into<String>, message: Message) -> Self {
        Self {
            subject: subject.into(),
            status,
            message,
            expected: Value::Null,
            actual: Value::Null,
            evidence: Value::Null,
            severity: None,
            remedy: None,
        }
    }

    /// As declared.
    #[must_use]
    pub fn pass(subject: impl Into<String>, message: Message) -> Self {
        Self::new(Status::Pass, subject, message)
    }

    /// Not as declared.
    #[must_use]
    pub fn fail(subject: impl Into<String>, message: Message) -> Self {
        Self::new(Status::Fail, subject, message)
    }

    /// Out of scope, for the reason in the message.
    #[must_use]
    pub fn not_applicable(subject: impl Into<String>, message: Message) -> Self {
        Self::new(Status::NotApplicable, subject, message)
    }

    /// Only a person can say; the collector keeps it as an attestation.
    #[must_use]
    pub fn manual(subject: impl Into<String>, message: Message) -> Self {
        Self::new(Status::Manual, subject, message)
    }

    /// Could not be judged, for the reason in the message.
    #[must_use]
    pub fn error(subject: impl Into<String>, message: Message) -> Self {
        Self::new(Status::Error, subject, message)
    }

    /// Could not be judged for want of a fact.
    #[must_use]
    pub fn unknown(subject: impl Into<String>, unknown: &Unknown) -> Self {
        let message = match unknown {
            Unknown::Denied(denial) => Message::new("fact-denied")
                .arg("what", &denial.what)
                .arg("needs", &denial.needs),
            Unknown::Failed { what, why } => Message::new("fact-failed").arg("what", what).arg("why", why),
            Unknown::NotAsked(what) => Message::new("fact-not-asked").arg("what", what),
            Unknown::Absent(what) => Message::new("fact-absent").arg("what", what),
        };
        Self::error(subject, message)
    }

    /// Switched off in the plan, with its reason.
    #[must_use]
    pub fn switched_off(reason: &str) -> Self {
        Self::not_applicable(
            Self::HOST,
            Message::new("plan-not-applicable").arg("reason", reason),
        )
    }

    /// With what the plan asks for and what was measured.
    #[must_use]
    pub fn compared(mut self, expected: impl Into<Value>, actual: impl Into<Value>) -> Self {
        self.expected = expected.into();
        self.actual = actual.into();
        self
    }

    /// With the facts it rests on.
    #[must_use]
    pub fn evidence(mut self, evidence: impl Into<Value>) -> Self {
        self.evidence = evidence.into();
        self
    }

    /// With what to do about this subject.
    #[must_use]
    pub fn remedy(mut self, remedy: Option<Message>) -> Self {
        self.remedy = remedy;
        self
    }

    /// With a severity other than the catalogue's.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
}
