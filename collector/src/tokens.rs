//! Making tokens, for the API and the command line alike.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::Role;
use serde::Serialize;

use crate::access::{Access, Scope};
use crate::secret::{Kind, NoRandom, Token, new_token_id};
use crate::store::{ApiToken, EnrolmentToken};

/// Most hosts one token may enrol.
const MOST_USES: u32 = 100_000;

/// Longest life of an enrolment token.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Most labels of a token.
const MOST_LABELS: usize = 32;

/// Longest key and longest value of a label, and longest note, in bytes.
const LONGEST_LABEL: usize = 128;

/// How long an enrolment token lives unless said otherwise.
pub(crate) const USUAL_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// How long an API token lives unless said otherwise.
pub(crate) const USUAL_API_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What an enrolment token is to be.
#[derive(Clone, Debug)]
pub(crate) struct EnrolmentOrder {
    pub(crate) role: Role,
    pub(crate) uses: u32,
    pub(crate) life: SignedDuration,
    pub(crate) labels: BTreeMap<String, String>,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("a token enrols from 1 to {MOST_USES} hosts")]
    Uses,
    #[error("a token lives from 1 second to 365 days")]
    Life,
    #[error("an API token lives 1 second or longer")]
    ApiLife,
    #[error(
        "a token has at most {MOST_LABELS} labels, each `key=value` of at most {LONGEST_LABEL} bytes without control characters"
    )]
    Labels,
    #[error("a note is at most {LONGEST_LABEL} bytes without control characters")]
    Note,
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// A new enrolment token, and what of it is stored.
pub(crate) fn enrolment(
    order: EnrolmentOrder,
    now: Timestamp,
) -> Result<(Token, EnrolmentToken), OrderError> {
    if !(1..=MOST_USES).contains(&order.uses) {
        return Err(OrderError::Uses);
    }
    if order.life < SignedDuration::from_secs(1) || order.life > LONGEST_LIFE {
        return Err(OrderError::Life);
    }
    let sound = |(key, value): (&String, &String)| !key.is_empty() && is_plain(key) && is_plain(value);
    if order.labels.len() > MOST_LABELS || !order.labels.iter().all(sound) {
        return Err(OrderError::Labels);
    }
    let token = Token::new(Kind::Enrolment)?;
    let stored = EnrolmentToken {
        id: new_token_id()?,
        sha256: token.sha256(),
        role: order.role,
        labels: order.labels,
        uses: order.uses,
        used: 0,
        created_at: now,
        expires_at: now.saturating_add(order.life).unwrap_or(Timestamp::MAX),
    };
    Ok((token, stored))
}

/// What an API token is to be.
#[derive(Clone, Debug)]
pub(crate) struct ApiOrder {
    pub(crate) access: Access,
    /// Empty: wherever the role may.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) note: String,
    /// `None`: until it is revoked.
    pub(crate) life: Option<SignedDuration>,
}

/// A new API token, and what of it is stored.
pub(crate) fn api(order: ApiOrder, now: Timestamp) -> Result<(Token, ApiToken), OrderError> {
    let ApiOrder {
        access,
        mut scopes,
        note,
        life,
    } = order;
    if !is_plain(&note) {
        return Err(OrderError::Note);
    }
    if life.is_some_and(|life| life < SignedDuration::from_secs(1)) {
        return Err(OrderError::ApiLife);
    }
    scopes.sort();
    scopes.dedup();
    let token = Token::new(Kind::Api)?;
    let stored = ApiToken {
        id: new_token_id()?,
        sha256: token.sha256(),
        access,
        scopes,
        note,
        created_at: now,
        expires_at: life.map(|life| now.saturating_add(life).unwrap_or(Timestamp::MAX)),
        revoked_at: None,
        used_at: None,
    };
    Ok((token, stored))
}

/// An API token as people and programs are shown it: without its secret.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ApiTokenView {
    pub(crate) id: String,
    pub(crate) role: Access,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) note: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    /// To the hour.
    pub(crate) used_at: Option<Timestamp>,
}

impl From<ApiToken> for ApiTokenView {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            role: token.access,
            scopes: token.scopes,
            note: token.note,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            used_at: token.used_at,
        }
    }
}

fn is_plain(text: &str) -> bool {
    text.len() <= LONGEST_LABEL && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> EnrolmentOrder {
        EnrolmentOrder {
            role: Role::Service,
            uses: 1,
            life: USUAL_LIFE,
            labels: BTreeMap::from([("site".to_owned(), "taipei".to_owned())]),
        }
    }

    #[test]
    fn a_token_is_stored_by_its_hash_alone() {
        let now: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
        let (token, stored) = enrolment(order(), now).unwrap();
        assert_eq!(stored.sha256, token.sha256());
        assert!(!format!("{stored:?}").contains(token.reveal()));
        assert_eq!(stored.expires_at.to_string(), "2026-10-02T00:00:00Z");
    }

    #[test]
    fn an_order_that_can_not_be_meant_is_refused() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(matches!(
            enrolment(EnrolmentOrder { uses: 0, ..order() }, now),
            Err(OrderError::Uses)
        ));
        let life = SignedDuration::from_hours(366 * 24);
        assert!(matches!(
            enrolment(EnrolmentOrder { life, ..order() }, now),
            Err(OrderError::Life)
        ));
        let labels = BTreeMap::from([("a\n".to_owned(), String::new())]);
        assert!(matches!(
            enrolment(EnrolmentOrder { labels, ..order() }, now),
            Err(OrderError::Labels)
        ));
    }
}
