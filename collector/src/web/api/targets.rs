//! HTTP service discovery for Prometheus (its configuration reference, `http_sd_config`): where agents' own metrics are.
//!
//! An agent listens on loopback unless told otherwise, and the collector does not know where. So a host is listed at
//! its label `metrics_address` (`HOST:PORT`), or at its name and its label `metrics_port`, or at its name and the
//! port that the question gives; a host with none of these is left out. Labels come from the enrolment token.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use plumbline_config::ident::HostId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{JSON, Operation, Parameter, Params};
use crate::access::Access;
use crate::store::{Host, HostQuery};
use crate::web::Shared;
use crate::web::openapi::object;
use crate::web::problem::Refusal;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/prometheus/targets",
    access: Access::Viewer,
    summary: "Agents' metrics listeners, for Prometheus' http_sd_config.",
    parameters: &[Parameter {
        place: "query",
        name: "port",
        description: "Port of hosts that have no label metrics_port or metrics_address; without it they are left out.",
    }],
    body: None,
    answer: (JSON, || {
        let target = object(&[
            ("targets", json!({"type": "array", "items": {"type": "string"}})),
            (
                "labels",
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
            ),
        ]);
        json!({"type": "array", "items": target})
    }),
    route: || get(list),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Target {
    targets: [String; 1],
    labels: Labels,
}

#[derive(Debug, PartialEq, Serialize)]
struct Labels {
    plumbline_host: HostId,
    plumbline_name: String,
    plumbline_role: &'static str,
}

async fn list(
    State(app): State<Shared>,
    Params(params): Params<ListParams>,
) -> Result<Json<Vec<Target>>, Refusal> {
    let hosts = app.blocking(|store| store.hosts(&HostQuery::all())).await?;
    let targets = hosts.into_iter().filter_map(|host| target(host, params.port));
    Ok(Json(targets.collect()))
}

fn target(host: Host, port: Option<u16>) -> Option<Target> {
    if host.revoked_at.is_some() {
        return None;
    }
    let address = match host.labels.get("metrics_address") {
        Some(address) => address.clone(),
        None => {
            let port = match host.labels.get("metrics_port") {
                Some(port) => port.parse().ok()?,
                None => port?,
            };
            let bracket = host.name.contains(':');
            let name = if bracket {
                format!("[{}]", host.name)
            } else {
                host.name.clone()
            };
            format!("{name}:{port}")
        }
    };
    // The name is the host's own word; only what can be an address goes to Prometheus.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    address.bytes().all(plain).then(|| Target {
        targets: [address],
        labels: Labels {
            plumbline_host: host.id,
            plumbline_name: host.name,
            plumbline_role: host.role.name(),
        },
    })
}
