//! What is asked of hosts and findings. Pages are found by key, not by offset, so a page costs the same however deep
//! it lies, and nothing is skipped or shown twice when findings change between two pages.

use data_encoding::BASE64URL_NOPAD;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::{HostId, Role};

use crate::freshness::Cutoff;
use crate::store::LatestFinding;

/// Which hosts.
#[derive(Clone, Debug)]
pub struct HostQuery {
    /// Only this role.
    pub role: Option<Role>,
    /// Only after this id.
    pub after: Option<HostId>,
    /// At most so many.
    pub limit: usize,
}

impl HostQuery {
    /// Every host.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            role: None,
            after: None,
            limit: usize::MAX,
        }
    }
}

/// Which findings.
#[derive(Clone, Debug)]
pub struct FindingQuery {
    /// Only of this host.
    pub host: Option<HostId>,
    /// Only of this check.
    pub check: Option<String>,
    /// Only shown with this status.
    pub status: Option<Status>,
    /// Only of hosts in this role.
    pub role: Option<Role>,
    /// Only of this severity.
    pub severity: Option<Severity>,
    /// Only after this place.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
    /// What is stale.
    pub cutoff: Cutoff,
}

impl FindingQuery {
    /// Every finding, from the start, at most `limit`.
    #[must_use]
    pub const fn all(cutoff: Cutoff, limit: usize) -> Self {
        Self {
            host: None,
            check: None,
            status: None,
            role: None,
            severity: None,
            after: None,
            limit,
            cutoff,
        }
    }
}

/// A page of findings.
#[derive(Clone, Debug)]
pub struct FindingPage {
    /// The findings.
    pub findings: Vec<LatestFinding>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Cursor>,
}

/// A place in the order host, check, subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Host.
    pub host: HostId,
    /// Check.
    pub check: String,
    /// Subject.
    pub subject: String,
}

/// A cursor that no page gave.
#[derive(Debug, thiserror::Error)]
#[error("the cursor is not one that a page gave; begin again without it")]
pub struct InvalidCursor;

/// Parts the members of a cursor: no host id and no check id holds it.
const SEPARATOR: char = '\n';

impl Cursor {
    /// The place of a finding.
    #[must_use]
    pub fn of(finding: &LatestFinding) -> Self {
        Self {
            host: finding.host.clone(),
            check: finding.finding.check.clone(),
            subject: finding.finding.subject.clone(),
        }
    }

    /// As text for a URL.
    #[must_use]
    pub fn encode(&self) -> String {
        let text = format!(
            "{}{SEPARATOR}{}{SEPARATOR}{}",
            self.host, self.check, self.subject
        );
        BASE64URL_NOPAD.encode(text.as_bytes())
    }

    /// From the text in a URL.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| InvalidCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| InvalidCursor)?;
        let mut parts = text.splitn(3, SEPARATOR);
        let (Some(host), Some(check), Some(subject)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidCursor);
        };
        Ok(Self {
            host: host.parse().map_err(|_| InvalidCursor)?,
            check: check.to_owned(),
            subject: subject.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_reads_as_it_was_written(subject in ".*") {
            let cursor = Cursor {
                host: "h-1".parse().unwrap(),
                check: "tls.protocol-versions".to_owned(),
                subject,
            };
            prop_assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            let _answered = Cursor::decode(&text);
        }
    }
}
