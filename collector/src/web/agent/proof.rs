//! `/agent/v1/proof`: connections to a host that asks for them, and what provers and proved hosts need of each other.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::HostId;
use plumbline_config::outside::{
    Attempt, CHECK, COLLECTOR, Consent, Declined, MOST_PORTS_AT_ONCE, ProofReply, ProofRequest, Testimony,
};
use plumbline_config::plan::OutsideProof;
use serde::de::DeserializeOwned;

use super::{LARGEST_REQUEST, Verified};
use crate::prover::{Wait, declined};
use crate::report::{BuildError, published_plan};
use crate::store::{Act, LatestFinding, Store, StoreError};
use crate::web::listener::Peer;
use crate::web::problem::{BUSY, RETRY_AFTER_SECONDS, Refusal, TOO_MANY_REQUESTS, UNSOUND_REQUEST};
use crate::web::{Shared, body};

/// Connects to the ports of the host that asks.
pub(super) async fn prove(
    State(app): State<Shared>,
    Extension(verified): Extension<Verified>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Result<Json<ProofReply>, Refusal> {
    let asked: ProofRequest = body::json(request, LARGEST_REQUEST).await?;
    let ports = &asked.ports;
    if ports.is_empty() || ports.len() > MOST_PORTS_AT_ONCE || ports.contains(&0) {
        return Err(UNSOUND_REQUEST.because(format!(
            "`ports` holds 1 to {MOST_PORTS_AT_ONCE} TCP ports, none of them 0"
        )));
    }
    let host = verified.record.host.clone();
    let plan = plan_of(&app, &verified).await?;
    let no = |why| {
        Json(ProofReply {
            attempts: Vec::new(),
            declined: Some(why),
        })
    };
    if let Some(why) = declined(plan.as_ref(), &host, peer.address.ip(), asked.address) {
        return Ok(no(why));
    }
    let attempts = match app.prover.prove(&host, asked.address, ports).await {
        Ok(Some(attempts)) => attempts,
        Ok(None) => return Ok(no(Declined::NotOutside)),
        Err(Wait::Busy) => {
            return Err(BUSY
                .because("other hosts, or another request of this one, are being connected to")
                .retry_after(RETRY_AFTER_SECONDS));
        }
        Err(Wait::Tried(seconds)) => {
            return Err(TOO_MANY_REQUESTS
                .because("this host was connected to often enough for now")
                .retry_after(seconds));
        }
    };
    let act = act(&host, &attempts);
    app.blocking(move |store| store.record_act(&act)).await?;
    Ok(Json(ProofReply {
        attempts,
        declined: None,
    }))
}

/// What the collector did, for the ledger: its own word beside the host's.
fn act(host: &HostId, attempts: &[Attempt]) -> Act {
    let one = |attempt: &Attempt| {
        let outcome = serde_json::to_value(attempt.outcome).unwrap_or_default();
        let from = attempt
            .from
            .map_or_else(|| "?".to_owned(), |from| from.to_string());
        let to = std::net::SocketAddr::new(attempt.to, attempt.port);
        format!("{from} to tcp/{to} {}", outcome.as_str().unwrap_or("?"))
    };
    let attempts: Vec<String> = attempts.iter().map(one).collect();
    Act {
        at: Timestamp::now(),
        who: COLLECTOR.to_owned(),
        what: "firewall.prove".to_owned(),
        on: format!("{host}: {}", attempts.join(", ")),
    }
}

/// The hosts that the one that asks may connect to as a prover, as far as they consent.
pub(super) async fn consents(
    State(app): State<Shared>,
    Extension(verified): Extension<Verified>,
) -> Result<Json<Vec<Consent>>, Refusal> {
    let prover = &verified.record.host;
    let Some(plan) = plan_of(&app, &verified)
        .await?
        .filter(|plan| plan.by_host(prover))
    else {
        return Ok(Json(Vec::new()));
    };
    let (prover, role, cutoff) = (prover.clone(), verified.record.role, app.cutoff());
    app.blocking(move |store| {
        let mut hosts: Vec<&HostId> = plan.targets.iter().map(|target| &target.host).collect();
        hosts.sort();
        hosts.dedup();
        let mut consents = Vec::new();
        for host in hosts.into_iter().filter(|host| **host != prover) {
            let said = latest(store, host, "host")?.filter(|said| {
                said.role == role && said.finding.status == Status::Pass && said.shown(cutoff) == Status::Pass
            });
            let in_question = said.and_then(|said| evidence(&said.finding, "in_question"));
            consents.extend(in_question.map(|in_question| Consent {
                host: host.clone(),
                in_question,
            }));
        }
        Ok(consents)
    })
    .await
    .map(Json)
}

/// What other hosts found as provers of the one that asks.
pub(super) async fn found(
    State(app): State<Shared>,
    Extension(verified): Extension<Verified>,
) -> Result<Json<Vec<Testimony>>, Refusal> {
    let Some(plan) = plan_of(&app, &verified).await? else {
        return Ok(Json(Vec::new()));
    };
    let subject = format!("to:{}", verified.record.host);
    app.blocking(move |store| {
        let provers = plan.provers.iter().filter(|prover| *prover != COLLECTOR);
        let mut testimonies = Vec::new();
        for prover in provers.filter_map(|prover| prover.parse::<HostId>().ok()) {
            let Some(said) = latest(store, &prover, &subject)?.filter(|said| !said.host_revoked) else {
                continue;
            };
            let (at, attempts) = (evidence(&said.finding, "at"), evidence(&said.finding, "attempts"));
            testimonies.extend(at.zip(attempts).map(|(at, attempts)| Testimony {
                prover: prover.clone(),
                at,
                attempts,
            }));
        }
        Ok(testimonies)
    })
    .await
    .map(Json)
}

/// What the published plan says of proofs for hosts of the asking one's role.
async fn plan_of(app: &Shared, verified: &Verified) -> Result<Option<OutsideProof>, Refusal> {
    let role = verified.record.role;
    app.blocking(move |store| {
        let plan = match published_plan(store) {
            Ok(plan) => plan,
            Err(BuildError::Store(error)) => return Err(error),
            // A published plan that this version can't read asks for nothing.
            Err(_) => None,
        };
        Ok(plan.and_then(|plan| {
            let firewall = &plan.plan.measures(role).intrusion.firewall;
            let applies = firewall.not_applicable.is_none();
            applies.then(|| firewall.outside_proof.clone())
        }))
    })
    .await
}

/// What a host last said on one subject of the check.
fn latest(store: &dyn Store, host: &HostId, subject: &str) -> Result<Option<LatestFinding>, StoreError> {
    let found = store.latest_findings(host)?;
    let is_it = |found: &LatestFinding| found.finding.check == CHECK && found.finding.subject == subject;
    Ok(found.into_iter().find(is_it))
}

/// A member of a finding's evidence; `None` where it is not what it should be.
fn evidence<T: DeserializeOwned>(finding: &Finding, member: &str) -> Option<T> {
    let value = finding.evidence.get(member).cloned()?;
    serde_json::from_value(value).ok()
}
