//! `POST /agent/v1/renew`: a fresh certificate before the old one ends. The old one stands until then, so a host that
//! loses the answer asks again.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use plumbline_config::wire::{RenewReply, RenewRequest};
use tracing::{error, info};

use super::{LARGEST_REQUEST, Verified};
use crate::pki::{ClientKey, new_serial};
use crate::store::NewCertificate;
use crate::web::problem::{FAILED, Refusal, UNSOUND_REQUEST};
use crate::web::{Shared, body};

pub(super) async fn renew(
    State(app): State<Shared>,
    Extension(verified): Extension<Verified>,
    request: Request,
) -> Result<Json<RenewReply>, Refusal> {
    let request: RenewRequest = body::json(request, LARGEST_REQUEST).await?;
    let key =
        ClientKey::from_csr(&request.csr_pem).map_err(|error| UNSOUND_REQUEST.because(error.to_string()))?;
    let now = Timestamp::now();
    let validity = app
        .authority
        .validity(now, app.settings.certificate_lifetime.nominal());
    let serial = new_serial().map_err(|_| FAILED.because("the collector could not make a certificate"))?;
    let record = NewCertificate {
        serial: hex::encode(serial),
        host: verified.record.host.clone(),
        incarnation: verified.record.incarnation,
        public_key: key.point().to_vec(),
        issued_at: now,
        not_after: validity.not_after,
    };
    app.blocking(move |store| store.add_certificate(&record)).await?;
    let certificate_pem = app
        .authority
        .sign_client(&verified.record.host, &key, serial, validity)
        .map_err(|error| {
            error!(%error, "cannot sign a certificate");
            FAILED.because("the collector could not make a certificate; see its log")
        })?;
    info!(host = %verified.record.host, "renewed a certificate");
    Ok(Json(RenewReply { certificate_pem }))
}
