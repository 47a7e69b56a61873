//! `POST /agent/v1/heartbeat`: the host lives, and its state is still the one that is kept.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use plumbline_config::wire::{Heartbeat, HeartbeatReply};

use super::{LARGEST_REQUEST, Verified};
use crate::ledger::tree::Hash;
use crate::web::problem::{Refusal, UNSOUND_REQUEST, WRONG_INCARNATION};
use crate::web::{Shared, body};

pub(super) async fn take(
    State(app): State<Shared>,
    Extension(verified): Extension<Verified>,
    request: Request,
) -> Result<Json<HeartbeatReply>, Refusal> {
    let heartbeat: Heartbeat = body::json(request, LARGEST_REQUEST).await?;
    let record = &verified.record;
    if heartbeat.incarnation != record.incarnation {
        return Err(WRONG_INCARNATION.because(format!(
            "the heartbeat is of incarnation {}, the certificate of {}; restart the agent, and enrol the host again if this goes on",
            heartbeat.incarnation, record.incarnation
        )));
    }
    if Hash::from_hex(&heartbeat.state).is_none() {
        return Err(UNSOUND_REQUEST.because("state is not a SHA-256 in lower-case hexadecimal"));
    }
    let received_at = Timestamp::now();
    let (pulses, record) = (app.pulses.clone(), record.clone());
    let (compared, plan) = app
        .blocking(move |store| {
            let compared = pulses.beat(store, &record, &heartbeat, received_at)?;
            Ok((compared, store.plan_summary()?))
        })
        .await?;
    app.metrics
        .heartbeat(if compared.resync { "resync" } else { "same" });
    Ok(Json(HeartbeatReply {
        sequence: compared.sequence,
        resync: compared.resync,
        plan_sha256: plan.map(|plan| plan.sha256),
    }))
}
