//! Why something that a person says is not kept.

use jiff::Timestamp;
use jiff::civil::Date;

/// Why it is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A text is missing.
    #[error("the {0} is empty; write it")]
    Empty(&'static str),
    /// A text is too long.
    #[error("the {what} is longer than {most} characters; put the rest into an evidence file")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Most characters.
        most: usize,
    },
    /// A text holds what can't be read.
    #[error("the {0} holds control characters; leave them out")]
    Control(&'static str),
    /// Too many of something.
    #[error("there are more than {most} {what}; leave some out")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Most of them.
        most: usize,
    },
    /// No SHA-256.
    #[error("the evidence file {0} comes without a SHA-256 of 64 hexadecimal digits; upload it first")]
    Hash(String),
    /// A file that is not kept.
    #[error(
        "the evidence file {0} is not kept here; send it to /api/v1/evidence first, and name it as that answers"
    )]
    NotKept(String),
    /// A file of no bytes proves nothing.
    #[error("the evidence file {0} is empty; an empty file proves nothing")]
    EmptyFile(String),
    /// No line was named.
    #[error("no line of the checklist is named; name at least one, as `checklist` shows them")]
    NoLine,
    /// A line that the checklist does not have.
    #[error("the checklist has no line `{line}`{}", nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    UnknownLine {
        /// As it was written.
        line: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
    /// A line that is answered by measurement alone.
    #[error("line {0} is answered by measurement alone; no attestation counts on it")]
    MeasuredLine(String),
    /// Lines that ask for different things.
    #[error("line {line} asks for another kind of attestation, {kind}; attest it by itself")]
    Kind {
        /// The line.
        line: String,
        /// What it asks for.
        kind: String,
    },
    /// Particulars that belong to another kind.
    #[error("these particulars are not of this kind of attestation: it is {kind}")]
    Details {
        /// What the lines ask for.
        kind: String,
    },
    /// Numbers that can't be.
    #[error("the particulars can't be right: {0}")]
    Numbers(&'static str),
    /// A day that has not come.
    #[error("{what} lies in the future: {day}; today is {today}")]
    Future {
        /// What lies there.
        what: &'static str,
        /// The day.
        day: Date,
        /// Today.
        today: Date,
    },
    /// A moment that has not come.
    #[error("{what} lies in the future: {at}; now it is {now}")]
    Later {
        /// What lies there.
        what: &'static str,
        /// The moment.
        at: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// It ends before it begins, or before today.
    #[error("it would end on {until}, before {from}; give a later end")]
    Ended {
        /// The last day.
        until: Date,
        /// The earliest last day.
        from: Date,
    },
    /// It would stand too long.
    #[error("it would stand for {days} days; at most {most} days, then it is to be asked for anew")]
    TooLasting {
        /// Days.
        days: i32,
        /// Most days.
        most: i32,
    },
    /// There is nothing of that name.
    #[error("there is no {what} `{id}`")]
    Unknown {
        /// What.
        what: &'static str,
        /// As it was written.
        id: String,
    },
    /// A check that the catalogue does not have.
    #[error("there is no check `{0}`; `plumbline-agent list` shows them")]
    UnknownCheck(String),
    /// It names no host, group or role.
    #[error("no host is named; name hosts, labels or a role")]
    NoHosts,
    /// It was taken back or replaced.
    #[error("{0} was taken back or replaced already")]
    Gone(String),
    /// It was decided.
    #[error("{0} was decided already; ask for a new one")]
    Decided(String),
    /// The line has one that is open.
    #[error("line {line} has an open corrective action already, {id}; record the next step of that")]
    AlreadyOpen {
        /// The line.
        line: String,
        /// The action.
        id: String,
    },
    /// It is closed.
    #[error("{0} is closed; if the line falls again another one is opened")]
    Closed(String),
    /// Who asks must not approve.
    #[error("who asked for a waiver can't decide on it: {0} did; let another administrator")]
    OwnRequest(String),
    /// The host, the kind and the culprit have a case that is open.
    #[error("there is an open case of this already, {0}; record the next step of that")]
    CaseOpen(String),
    /// The case ended.
    #[error("case {0} has ended; open another one if there is something new")]
    CaseEnded(String),
    /// Who found that nobody has to be told must not be who ends the case.
    #[error(
        "who assessed a case can't dismiss it, nor close it without the authority being told: {0} did; let another \
         administrator"
    )]
    OwnAssessment(String),
    /// Something comes first.
    #[error("{first} comes first; record that before this")]
    Order {
        /// What comes first.
        first: &'static str,
    },
    /// Somebody else was quicker.
    #[error("{0} was changed by somebody else at the same time; look at it again, then decide")]
    Conflict(String),
}
