//! What agents ask for; `plumbline_config::wire` is the contract.

mod enroll;
mod heartbeat;
mod identity;
mod plan;
mod proof;
mod renew;
mod reports;

use axum::Router;
use axum::routing::{get, post};

use crate::web::Shared;
pub(crate) use identity::{Verified, count_reports, identify};

/// Largest body but a report's, in bytes.
const LARGEST_REQUEST: usize = 64 * 1024;

/// Where the reports go; [`count_reports`] watches it.
const REPORTS: &str = "/agent/v1/reports";

/// Enrolment, which wants a token and no certificate: at both doors.
pub(crate) fn enrolment_routes() -> Router<Shared> {
    Router::new().route("/agent/v1/enroll", post(enroll::enroll))
}

/// What wants a certificate.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/agent/v1/renew", post(renew::renew))
        .route(REPORTS, post(reports::take))
        .route("/agent/v1/heartbeat", post(heartbeat::take))
        .route("/agent/v1/plan", get(plan::hand_out))
        .route("/agent/v1/proof", post(proof::prove))
        .route("/agent/v1/proof/consents", get(proof::consents))
        .route("/agent/v1/proof/found", get(proof::found))
}
