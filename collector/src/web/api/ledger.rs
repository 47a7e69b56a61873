//! The ledger: its newest checkpoint, its leaves, and proofs over them.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::error;

use super::{JSON, Operation, Parameter, Params};
use crate::access::Access;
use crate::ledger::proof::ProofError;
use crate::ledger::prove::{self, Consistency, Inclusion};
use crate::ledger::tree::Hash;
use crate::store::StoreError;
use crate::web::Shared;
use crate::web::openapi::object;
use crate::web::problem::{BAD_REQUEST, FAILED, NOT_FOUND, Refusal};

/// Media type of notes and keys.
const TEXT: &str = "text/plain; charset=utf-8";

/// Leaves on a page unless said otherwise, and at most.
const PAGE: (usize, usize) = (100, 1_000);

const fn query(name: &'static str, description: &'static str) -> Parameter {
    Parameter {
        place: "query",
        name,
        description,
    }
}

fn hash() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})
}

fn number() -> Value {
    json!({"type": "integer"})
}

fn hashes() -> Value {
    json!({"type": "array", "items": hash()})
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/ledger/checkpoint",
        access: Access::Auditor,
        summary: "The newest checkpoint of the ledger: a signed note (C2SP tlog-checkpoint).",
        parameters: &[],
        body: None,
        answer: (TEXT, || json!({"type": "string"})),
        route: || get(checkpoint),
    },
    Operation {
        method: "get",
        path: "/api/v1/ledger/key",
        access: Access::Auditor,
        summary: "The key that checkpoints are checked with (C2SP signed-note verifier key).",
        parameters: &[],
        body: None,
        answer: (TEXT, || json!({"type": "string"})),
        route: || get(key),
    },
    Operation {
        method: "get",
        path: "/api/v1/ledger/leaves",
        access: Access::Auditor,
        summary: "Leaves of the ledger in order, with the text that each is the hash of; null where what it stands \
                  for is not on record any more.",
        parameters: &[
            query("from", "Number of the first leaf; 0 unless said otherwise."),
            query("limit", "Leaves on a page: 1 to 1000, 100 unless said otherwise."),
        ],
        body: None,
        answer: (JSON, || {
            let leaf = object(&[
                ("index", number()),
                ("hash", hash()),
                ("entry", json!({"type": ["string", "null"]})),
            ]);
            object(&[
                ("size", number()),
                ("leaves", json!({"type": "array", "items": leaf})),
                ("next", json!({"type": ["integer", "null"]})),
            ])
        }),
        route: || get(leaves),
    },
    Operation {
        method: "get",
        path: "/api/v1/ledger/proof/inclusion",
        access: Access::Auditor,
        summary: "Proof that a leaf is in the tree of a size (RFC 9162, 2.1.3).",
        parameters: &[
            query("index", "Number of the leaf."),
            query(
                "size",
                "Size of the tree; that of the newest checkpoint unless said otherwise.",
            ),
        ],
        body: None,
        answer: (JSON, || {
            object(&[
                ("index", number()),
                ("size", number()),
                ("leaf", hash()),
                ("root", hash()),
                ("proof", hashes()),
            ])
        }),
        route: || get(inclusion),
    },
    Operation {
        method: "get",
        path: "/api/v1/ledger/proof/consistency",
        access: Access::Auditor,
        summary: "Proof that the tree of one size begins with that of another (RFC 9162, 2.1.4).",
        parameters: &[
            query("first", "Size of the smaller tree."),
            query(
                "second",
                "Size of the larger tree; that of the newest checkpoint unless said otherwise.",
            ),
        ],
        body: None,
        answer: (JSON, || {
            object(&[
                ("first", number()),
                ("second", number()),
                ("first_root", hash()),
                ("second_root", hash()),
                ("proof", hashes()),
            ])
        }),
        route: || get(consistency),
    },
];

async fn checkpoint(State(app): State<Shared>) -> Result<Response, Refusal> {
    let latest = app.blocking(|store| store.latest_checkpoint()).await?;
    let latest = latest.ok_or_else(|| NOT_FOUND.because("no checkpoint has been signed yet"))?;
    Ok(([(CONTENT_TYPE, TEXT)], latest.note).into_response())
}

async fn key(State(app): State<Shared>) -> Result<Response, Refusal> {
    let key = app
        .signer
        .verifier_key(&app.authority.origin())
        .map_err(|fault| {
            error!(%fault, "the ledger has no name");
            FAILED.because("the ledger's key can't be told; see the collector's log")
        })?;
    Ok(([(CONTENT_TYPE, TEXT)], format!("{key}\n")).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeavesParams {
    #[serde(default)]
    from: u64,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct LeafList {
    size: u64,
    leaves: Vec<LeafView>,
    next: Option<u64>,
}

#[derive(Serialize)]
struct LeafView {
    index: u64,
    hash: Hash,
    entry: Option<String>,
}

async fn leaves(
    State(app): State<Shared>,
    Params(params): Params<LeavesParams>,
) -> Result<Json<LeafList>, Refusal> {
    let limit = params.limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&limit) {
        return Err(BAD_REQUEST.because(format!("limit is from 1 to {}", PAGE.1)));
    }
    let (leaves, head) = app
        .blocking(move |store| Ok((store.ledger_leaves(params.from, limit)?, store.ledger_frontier()?)))
        .await?;
    let next = leaves.last().map(|leaf| leaf.index + 1);
    Ok(Json(LeafList {
        size: head.size(),
        next: next.filter(|next| *next < head.size()),
        leaves: leaves
            .into_iter()
            .map(|leaf| LeafView {
                index: leaf.index,
                hash: leaf.hash,
                entry: leaf.entry.and_then(|entry| String::from_utf8(entry.bytes()).ok()),
            })
            .collect(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InclusionParams {
    index: u64,
    size: Option<u64>,
}

async fn inclusion(
    State(app): State<Shared>,
    Params(params): Params<InclusionParams>,
) -> Result<Json<Inclusion>, Refusal> {
    let made = app
        .blocking(move |store| Ok(prove::inclusion(store, params.index, params.size)))
        .await?;
    made.map(Json).map_err(refuse)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsistencyParams {
    first: u64,
    second: Option<u64>,
}

async fn consistency(
    State(app): State<Shared>,
    Params(params): Params<ConsistencyParams>,
) -> Result<Json<Consistency>, Refusal> {
    let made = app
        .blocking(move |store| Ok(prove::consistency(store, params.first, params.second)))
        .await?;
    made.map(Json).map_err(refuse)
}

fn refuse(fault: ProofError<StoreError>) -> Refusal {
    match fault {
        ProofError::Nodes(error) => error.into(),
        ProofError::OutOfRange { .. } => BAD_REQUEST.because(fault.to_string()),
        ProofError::Missing { .. } => {
            error!(%fault, "the ledger is damaged");
            FAILED.because("the ledger is damaged; `plumbline-collector verify` says where")
        }
    }
}
