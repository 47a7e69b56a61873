//! What attestations, waivers, corrective actions and incidents have in common.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::MethodRouter;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{Content, JSON, Operation, Parameter, evidence};
use crate::access::Access;
use crate::desk::{Desk, DeskError};
use crate::evidence::Evidence;
use crate::records::EvidenceFile;
use crate::records::Refusal as Refused;
use crate::report::Source;
use crate::view::RecordView;
use crate::web::Shared;
use crate::web::auth::Caller;
use crate::web::openapi::object;
use crate::web::problem::{
    ALREADY_OPEN, BAD_REQUEST, CHANGED, CLOSED, DECIDED, FAILED, GONE, NOT_FOUND, OUT_OF_ORDER, OWN_REQUEST,
    Refusal, UNSOUND_RECORD,
};

/// Largest body, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;

/// Records on a page unless said otherwise, and at most.
const PAGE: (usize, usize) = (100, 500);

pub(super) const LIMIT: Parameter = Parameter {
    place: "query",
    name: "limit",
    description: "How many on a page: 1 to 500, 100 unless said otherwise.",
};

pub(super) const CURSOR: Parameter = Parameter {
    place: "query",
    name: "cursor",
    description: "`next` of the page before.",
};

pub(super) const ID: Parameter = Parameter {
    place: "path",
    name: "id",
    description: "Its id, as the list has it.",
};

/// The operation that lists records of a kind.
pub(super) const fn listed(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    answer: Content,
    route: fn() -> MethodRouter<Shared>,
) -> Operation {
    Operation {
        method: "get",
        path,
        access: Access::Viewer,
        summary,
        parameters,
        body: None,
        answer,
        route,
    }
}

/// The operation that shows one record.
pub(super) const fn shown(
    path: &'static str,
    summary: &'static str,
    answer: Content,
    route: fn() -> MethodRouter<Shared>,
) -> Operation {
    listed(path, summary, &[ID], answer, route)
}

/// The operation that begins a record.
pub(super) const fn begun(
    path: &'static str,
    summary: &'static str,
    body: fn() -> Value,
    answer: Content,
    route: fn() -> MethodRouter<Shared>,
) -> Operation {
    Operation {
        method: "post",
        path,
        access: Access::Operator,
        summary,
        parameters: &[],
        body: Some((JSON, body)),
        answer,
        route,
    }
}

/// The operation that adds a step to a record.
pub(super) const fn taken(
    path: &'static str,
    access: Access,
    summary: &'static str,
    body: fn() -> Value,
    answer: Content,
    route: fn() -> MethodRouter<Shared>,
) -> Operation {
    Operation {
        access,
        parameters: &[ID],
        ..begun(path, summary, body, answer, route)
    }
}

/// Works at the desk as the caller, where it may block.
pub(super) async fn at_desk<T: Send + 'static>(
    app: &Shared,
    caller: &Caller,
    work: impl FnOnce(&Desk<'_>) -> Result<T, DeskError> + Send + 'static,
) -> Result<T, Refusal> {
    let people = Arc::clone(&app.people);
    let stale_after = app.settings.stale_after;
    let who = caller.name();
    let (evidence, runtime) = (Arc::clone(&app.evidence), Handle::current());
    let done = app
        .blocking(move |store| {
            let source = Source {
                store,
                people: &people,
                stale_after,
                now: Timestamp::now(),
            };
            let desk = Desk {
                source: &source,
                who: &who,
                require: &|files| runtime.block_on(kept(&evidence, files)),
            };
            Ok(work(&desk))
        })
        .await?;
    done.map_err(refused)
}

/// Whether every one of these files is kept.
async fn kept(evidence: &Evidence, files: &[EvidenceFile]) -> Result<(), DeskError> {
    for file in files {
        let held = match file.sha256.parse() {
            Ok(digest) => evidence.holds(digest).await?,
            Err(_) => false,
        };
        if !held {
            return Err(Refused::NotKept(file.name.clone()).into());
        }
    }
    Ok(())
}

fn refused(error: DeskError) -> Refusal {
    let said = error.to_string();
    let kind = match error {
        DeskError::Store(error) => return error.into(),
        DeskError::Evidence(error) => return evidence::refused(error),
        DeskError::Build(_) | DeskError::NoRandom(_) | DeskError::Document(_) => FAILED,
        DeskError::Refused(refused) => match refused {
            Refused::Unknown { .. } => NOT_FOUND,
            Refused::Gone(_) => GONE,
            Refused::Decided(_) => DECIDED,
            Refused::Closed(_) | Refused::CaseEnded(_) => CLOSED,
            Refused::AlreadyOpen { .. } | Refused::CaseOpen(_) => ALREADY_OPEN,
            Refused::Order { .. } => OUT_OF_ORDER,
            Refused::Conflict(_) => CHANGED,
            Refused::OwnRequest(_) | Refused::OwnAssessment(_) => OWN_REQUEST,
            _ => UNSOUND_RECORD,
        },
    };
    kind.because(said)
}

/// A page of records, newest first.
#[derive(Serialize)]
pub(super) struct Page<T> {
    records: Vec<RecordView<T>>,
    next: Option<String>,
}

/// What is asked of a page.
pub(super) struct Asked {
    limit: usize,
    cursor: Option<String>,
}

impl Asked {
    pub(super) fn new(limit: Option<usize>, cursor: Option<String>) -> Result<Self, Refusal> {
        let limit = limit.unwrap_or(PAGE.0);
        if !(1..=PAGE.1).contains(&limit) {
            return Err(BAD_REQUEST.because(format!("limit is from 1 to {}", PAGE.1)));
        }
        Ok(Self { limit, cursor })
    }

    /// The page of those that are wanted; `at` says when one was begun.
    pub(super) fn page<T: Clone>(
        &self,
        all: &BTreeMap<String, T>,
        at: impl Fn(&T) -> Timestamp,
        wanted: impl Fn(&T) -> bool,
    ) -> Page<T> {
        let place = |(id, record): &(&String, &T)| (Reverse(at(record)), (*id).clone());
        // What is on record stays, so the last of the page before is there to go on from.
        let after = self.cursor.as_ref().map(|cursor| {
            all.get_key_value(cursor)
                .map_or((Reverse(Timestamp::MIN), String::new()), |found| place(&found))
        });
        let mut found: Vec<(&String, &T)> = all
            .iter()
            .filter(|entry| wanted(entry.1) && after.as_ref().is_none_or(|after| place(entry) > *after))
            .collect();
        found.sort_by_cached_key(place);
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| more).map(|(id, _)| (*id).clone());
        let view = |(id, record): (&String, &T)| RecordView {
            id: id.clone(),
            record: record.clone(),
        };
        Page {
            records: found.into_iter().map(view).collect(),
            next,
        }
    }
}

impl<T> Page<T> {
    /// The page with something else of each record.
    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Page<U> {
        let changed = |view: RecordView<T>| RecordView {
            id: view.id,
            record: change(view.record),
        };
        Page {
            records: self.records.into_iter().map(changed).collect(),
            next: self.next,
        }
    }

    /// The page as JSON, with the records under this name.
    pub(super) fn named(self, name: &str) -> Value
    where
        T: Serialize,
    {
        json!({name: self.records, "next": self.next})
    }
}

/// Schema of a page.
pub(super) fn page_of(name: &str, record: Value) -> Value {
    object(&[
        (name, json!({"type": "array", "items": record})),
        ("next", json!({"type": ["string", "null"]})),
    ])
}

/// Schema of a day.
pub(super) fn day() -> Value {
    json!({"type": "string", "format": "date"})
}

/// Schema of a text of one or more lines.
pub(super) fn prose() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 4000})
}

/// Schema of evidence files.
pub(super) fn files() -> Value {
    json!({"type": "array", "maxItems": 50, "items": {
        "type": "object",
        "required": ["name", "media_type", "size", "sha256"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 255},
            "media_type": {"type": "string", "minLength": 1, "maxLength": 127},
            "size": {"type": "integer", "minimum": 1},
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        }
    }})
}

/// Schema of a body with one text.
pub(super) fn one_text(name: &str) -> Value {
    json!({"type": "object", "required": [name], "additionalProperties": false, "properties": {name: prose()}})
}
