//! `POST /agent/v1/reports`: a report in, an answer once it is on durable storage.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use jiff::Timestamp;
use plumbline_config::seal;
use plumbline_config::wire::{Ack, LARGEST_REPORT, SIGNATURE_HEADER};
use tokio::sync::SemaphorePermit;
use tracing::warn;

use super::Verified;
use crate::ingest::{self, NotKept};
use crate::store::{Fork, Incoming, Keep, PackedBody, Store};
use crate::web::problem::{
    BAD_SIGNATURE, BUSY, FAILED, FORK, GAP, Kind, RETRY_AFTER_SECONDS, Refusal, SUPERSEDED, UNSOUND_REPORT,
};
use crate::web::{App, BODY_BUDGET_KIB, Shared, body};

/// Longest signature header, in bytes: an ASN.1 ECDSA P-256 signature has at most 72 bytes.
const LONGEST_SIGNATURE: usize = 2 * 80;

/// Most keys of a host that a signature is tried with.
const MOST_KEYS: usize = 4;

pub(super) async fn take(
    State(app): State<Shared>,
    Extension(verified): Extension<Verified>,
    request: Request,
) -> Result<Json<Ack>, Refusal> {
    body::require_json(request.headers())?;
    let signature = signature(request.headers())?;
    let _room = room(&app, request.headers())?;
    let bytes = body::read(request, LARGEST_REPORT).await?;
    let received_at = Timestamp::now();
    let record = verified.record.clone();
    let incoming = app
        .blocking(move |store| Ok(examine(store, &verified, bytes, signature, received_at)))
        .await??;
    let sequence = incoming.report.sequence;
    match app.ingest.keep(incoming).await {
        Ok(answer) => {
            let ack = |sequence, duplicate| {
                Json(Ack {
                    sequence,
                    duplicate,
                    plan_sha256: answer.plan_sha256.clone(),
                    resync: false,
                })
            };
            match answer.keep {
                Keep::Kept { sequence, .. } => {
                    app.metrics.report("kept");
                    Ok(ack(sequence, false))
                }
                Keep::Duplicate { sequence } => {
                    app.metrics.report("duplicate");
                    Ok(ack(sequence, true))
                }
                Keep::Fork { fork, last } => {
                    warn!(host = %record.host, sequence, ?fork, "refused a report that contradicts a kept one");
                    let detail = match fork {
                        Fork::Body => format!("another body was kept as report {sequence} of this host"),
                        Fork::Previous => {
                            format!("`previous` is not the hash of report {last} as it was kept")
                        }
                    };
                    Err(FORK.because(detail).last_sequence(last))
                }
                Keep::Gap { last } => Err(GAP
                    .because(format!(
                        "report {} is expected; a host that lost reports says how many in `dropped_reports`",
                        last + 1
                    ))
                    .last_sequence(last)),
                Keep::Superseded => Err(SUPERSEDED
                    .because("the host was revoked or enrolled again while this report was on its way")),
            }
        }
        Err(NotKept::Busy) => Err(BUSY
            .because("too many reports wait to be written; send this one again")
            .retry_after(RETRY_AFTER_SECONDS)),
        Err(NotKept::Failed) => Err(FAILED
            .because("the report could not be written; send it again")
            .retry_after(RETRY_AFTER_SECONDS)),
    }
}

fn signature(headers: &HeaderMap) -> Result<String, Refusal> {
    headers
        .get(SIGNATURE_HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|value| value.len() <= LONGEST_SIGNATURE)
        // Kept in the one form that the ledger has for it.
        .map(str::to_ascii_lowercase)
        .ok_or_else(|| BAD_SIGNATURE.because(format!("the header {SIGNATURE_HEADER} is missing or too long")))
}

/// Memory for the body, taken before it is read, so that many large bodies at once can't exhaust it.
fn room<'a>(app: &'a App, headers: &HeaderMap) -> Result<SemaphorePermit<'a>, Refusal> {
    let length = body::length(headers).map_or(LARGEST_REPORT, |length| length.min(LARGEST_REPORT));
    let kib = u32::try_from(length / 1024 + 1).unwrap_or(u32::MAX);
    app.bodies.try_acquire_many(kib).map_err(|_| {
        BUSY.because(format!(
            "reports of {BODY_BUDGET_KIB} KiB are being read already; send this one again"
        ))
        .retry_after(RETRY_AFTER_SECONDS)
    })
}

/// Everything that can be said of a report without its place in the chain.
fn examine(
    store: &dyn Store,
    verified: &Verified,
    bytes: Vec<u8>,
    signature: String,
    received_at: Timestamp,
) -> Result<Incoming, Refusal> {
    require_signed(store, verified, &bytes, &signature)?;
    let report = ingest::read(&bytes, &verified.record).map_err(|flaw| {
        Kind::named(flaw.kind)
            .unwrap_or(UNSOUND_REPORT)
            .because(flaw.detail)
    })?;
    let body = PackedBody::pack(&bytes)
        .map_err(|_| FAILED.because("the report could not be packed; send it again"))?;
    Ok(Incoming {
        host: verified.record.host.clone(),
        incarnation: verified.record.incarnation,
        report,
        body,
        signature,
        received_at,
    })
}

/// The signature is by the key of the connection's certificate, or by another that the same enrolment of the host has
/// a certificate for: a report may have been sealed before the key was renewed.
fn require_signed(
    store: &dyn Store,
    verified: &Verified,
    bytes: &[u8],
    signature: &str,
) -> Result<(), Refusal> {
    if seal::verify(&verified.public_key, bytes, signature).is_ok() {
        return Ok(());
    }
    let record = &verified.record;
    let keys = store.public_keys(&record.host, record.incarnation, MOST_KEYS)?;
    if keys.iter().any(|key| seal::verify(key, bytes, signature).is_ok()) {
        return Ok(());
    }
    Err(BAD_SIGNATURE.because("the signature is not by the host's key over the exact body"))
}
