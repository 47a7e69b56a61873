//! `POST /agent/v1/reports`: a report in, an answer once it is on durable storage.

use std::sync::atomic::Ordering;

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
use crate::store::{Fork, Incoming, Keep, PackedBody, Presence, Store, looked_at};
use crate::web::problem::{
    BAD_SIGNATURE, BUSY, FAILED, FORK, GAP, Kind, RETRY_AFTER_SECONDS, Refusal, SUPERSEDED, UNSOUND_REPORT,
};
use crate::web::{App, BODY_BUDGET_KIB, Shared, body};

/// Longest signature header, in bytes: an ASN.1 ECDSA P-256 signature has at most 72 bytes.
const LONGEST_SIGNATURE: usize = 2 * 80;

/// Most keys of a host that a signature is tried with.
const MOST_KEYS: usize = 4;

/// What a compressed body usually unpacks to, of each byte.
const USUAL_DENSITY: usize = 16;

pub(super) async fn take(
    State(app): State<Shared>,
    Extension(verified): Extension<Verified>,
    request: Request,
) -> Result<Json<Ack>, Refusal> {
    body::require_json(request.headers())?;
    let signature = signature(request.headers())?;
    let zstd = body::is_zstd(request.headers())?;
    // Before anything is read or verified: in a storm, refusing must cost next to nothing.
    if !app.ingest.is_ready() {
        return Err(busy());
    }
    let _room = room(&app, request.headers(), zstd)?;
    let bytes = body::read_packed(request, LARGEST_REPORT).await?;
    let received_at = Timestamp::now();
    let record = verified.record.clone();
    let crowded = app.ingest.is_crowded();
    let mut incoming = app
        .blocking(move |store| {
            let incoming = examine(store, &verified, bytes, zstd, signature, received_at);
            if let (true, Ok(incoming)) = (crowded, &incoming) {
                store.read_ahead(incoming)?;
            }
            Ok(incoming)
        })
        .await??;
    // A look that is stale itself makes nothing fresh.
    let is_stale = |age: &u64| app.cutoff().is_stale(looked_at(received_at, *age));
    incoming.report.looked_age_seconds = incoming.report.looked_age_seconds.filter(|age| !is_stale(age));
    let sequence = incoming.report.sequence;
    match app.ingest.keep(incoming).await {
        Ok(answer) => {
            let ack = |sequence, duplicate, resync, state| {
                let presence = Presence {
                    incarnation: record.incarnation,
                    sequence,
                    state,
                };
                app.pulses.kept(&record.host, presence);
                Json(Ack {
                    sequence,
                    duplicate,
                    plan_sha256: answer.plan_sha256.clone(),
                    resync,
                })
            };
            match answer.keep {
                Keep::Kept {
                    sequence,
                    resync,
                    state,
                    ..
                } => {
                    app.metrics.report("kept");
                    Ok(ack(sequence, false, resync, state))
                }
                Keep::Duplicate { sequence, state } => {
                    app.metrics.report("duplicate");
                    Ok(ack(sequence, true, false, state))
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
        Err(NotKept::Busy) => Err(busy()),
        Err(NotKept::Failed) => {
            app.writable.store(false, Ordering::Relaxed);
            Err(FAILED
                .because("the report could not be written; send it again")
                .retry_after(RETRY_AFTER_SECONDS))
        }
    }
}

fn busy() -> Refusal {
    BUSY.because("too many reports wait to be written; send this one again")
        .retry_after(RETRY_AFTER_SECONDS)
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
fn room<'a>(app: &'a App, headers: &HeaderMap, zstd: bool) -> Result<SemaphorePermit<'a>, Refusal> {
    let length = body::length(headers).unwrap_or(LARGEST_REPORT);
    let length = length
        .saturating_mul(if zstd { USUAL_DENSITY } else { 1 })
        .min(LARGEST_REPORT);
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
    received: Vec<u8>,
    zstd: bool,
    signature: String,
    received_at: Timestamp,
) -> Result<Incoming, Refusal> {
    let (body, bytes) = if zstd {
        PackedBody::packed_by_host(received).ok_or_else(|| {
            UNSOUND_REPORT.because(format!(
                "the body is not sound zstd, or more than {LARGEST_REPORT} bytes unpacked"
            ))
        })?
    } else {
        let body = PackedBody::pack(&received)
            .map_err(|_| FAILED.because("the report could not be packed; send it again"))?;
        (body, received)
    };
    require_signed(store, verified, &bytes, &signature)?;
    let report = ingest::read(&bytes, &verified.record).map_err(|flaw| {
        Kind::named(flaw.kind)
            .unwrap_or(UNSOUND_REPORT)
            .because(flaw.detail)
    })?;
    let from = (verified.record.host.clone(), verified.record.incarnation);
    Ok(Incoming::new(from, report, body, signature, received_at))
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
