//! Who speaks at the agents' door.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tracing::warn;

use super::REPORTS;
use crate::pki::{ClientCertificate, Presented, Refusal as Refused};
use crate::store::CertificateRecord;
use crate::web::Shared;
use crate::web::listener::Peer;
use crate::web::problem::{
    EXPIRED_CERTIFICATE, Kind, MALFORMED_CERTIFICATE, MISSING_CERTIFICATE, NOT_ON_RECORD, NOT_YET_VALID,
    REVOKED, Refusal, RefusedAs, SUPERSEDED, UNKNOWN_CA,
};

/// Paths that want no certificate.
const OPEN: [&str; 2] = ["/agent/v1/enroll", "/healthz"];

/// The host that a request came from, proved by its certificate.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    /// Host, incarnation and role.
    pub(crate) record: Arc<CertificateRecord>,
    /// Uncompressed P-256 point of the certificate's key.
    pub(crate) public_key: Arc<[u8]>,
}

/// Lets a request through that came under a good certificate, and leaves [`Verified`] with it.
pub(crate) async fn identify(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
    match verify(&app, peer.as_deref()).await {
        Ok(verified) => {
            request.extensions_mut().insert(verified);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Counts what became of every report, whoever refused it.
pub(crate) async fn count_reports(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let is_report = request.uri().path() == REPORTS;
    let response = next.run(request).await;
    if is_report && let Some(RefusedAs(kind)) = response.extensions().get() {
        app.metrics.report(kind);
    }
    response
}

async fn verify(app: &Shared, peer: Option<&Peer>) -> Result<Verified, Refusal> {
    let certificate = match peer.map(|peer| &peer.presented) {
        Some(Presented::Certificate(certificate)) => certificate,
        Some(Presented::Refused(refused)) => return Err(refusal(*refused)),
        Some(Presented::Missing) | None => {
            return Err(MISSING_CERTIFICATE.because(
                "the agents' listener wants the client certificate that enrolment gave; run `plumbline-agent enroll`",
            ));
        }
    };
    // The connection may be older than the certificate's last day, or its revocation.
    if certificate.not_after < Timestamp::now() {
        return Err(refusal(Refused::Expired));
    }
    let serial = certificate.serial.clone();
    let record = app.blocking(move |store| store.certificate(&serial)).await?;
    let record = standing(certificate, record).map_err(refusal);
    match record {
        Ok(record) => Ok(Verified {
            record: Arc::new(record),
            public_key: certificate.public_key.as_slice().into(),
        }),
        Err(refusal) => {
            if refusal.is(SUPERSEDED) {
                let host = certificate.host.clone();
                warn!(%host, "a superseded identity still speaks");
                app.blocking(move |store| store.note_conflict(&host, Timestamp::now()))
                    .await?;
            }
            Err(refusal)
        }
    }
}

/// Whether a certificate of our CA still opens anything, by the records.
fn standing(
    certificate: &ClientCertificate,
    record: Option<CertificateRecord>,
) -> Result<CertificateRecord, Refused> {
    let record = record
        .filter(|record| record.host == certificate.host)
        .ok_or(Refused::NotOnRecord)?;
    if record.host_revoked_at.is_some() {
        Err(Refused::Revoked)
    } else if record.incarnation != record.current_incarnation {
        Err(Refused::Superseded)
    } else if record.revoked_at.is_some() {
        Err(Refused::Revoked)
    } else {
        Ok(record)
    }
}

fn refusal(refused: Refused) -> Refusal {
    let (kind, detail): (Kind, _) = match refused {
        Refused::UnknownCa => (
            UNKNOWN_CA,
            "the client certificate was not issued by this collector's CA; enrol the host with this collector",
        ),
        Refused::Expired => (
            EXPIRED_CERTIFICATE,
            "the client certificate's time is over; enrol the host again",
        ),
        Refused::NotYetValid => (
            NOT_YET_VALID,
            "the client certificate's time has not begun; compare the clocks of host and collector",
        ),
        Refused::Revoked => (
            REVOKED,
            "an operator revoked this host; enrol it again if it is to come back",
        ),
        Refused::Superseded => (
            SUPERSEDED,
            "the host has enrolled again since and has a newer certificate; if two machines share one machine-id and \
             host name, give each its own and enrol this one again",
        ),
        Refused::NotOnRecord => (
            NOT_ON_RECORD,
            "the client certificate is of this collector's CA but not in its records, as after a restored backup; \
             enrol the host again",
        ),
        Refused::Malformed => (
            MALFORMED_CERTIFICATE,
            "the client certificate is not one that enrolment gave; enrol the host again",
        ),
    };
    kind.because(detail)
}
