//! What can go wrong between this host and the collector, sorted by what to do about it.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::AlertDescription;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client could not be made from the identity or the settings.
    #[error("cannot make a connection to the collector: {0}")]
    Setup(String),
    /// No answer: the network, name resolution, TLS, or the server went away. Try again.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why there was no answer.
        why: String,
    },
    /// The collector cannot take it now (429, 503). Try again, not before it says.
    #[error("{url} is busy (HTTP {status}): {detail}")]
    Busy {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        detail: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The collector does not take this host's identity (401, 403, or a TLS alert on the certificate): nothing this
    /// host sends will be taken until a person mends it.
    #[error(
        "{url} does not take this host's certificate: {detail}; enrol again with `plumbline-agent enroll --force`"
    )]
    Identity {
        /// What was asked.
        url: String,
        /// What it said.
        detail: String,
    },
    /// The body will never be taken, however often it is sent.
    #[error("{url} refused the report for good (HTTP {}): {}", refusal.status, refusal.detail)]
    Refused {
        /// What was asked.
        url: String,
        /// Why.
        refusal: Refusal,
    },
    /// Any other answer. Try again: a later version, another route or a mended collector may answer otherwise.
    #[error("{url} gave an answer of no use (HTTP {status}): {detail}")]
    Unexpected {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        detail: String,
    },
}

/// A refusal of one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Kind of refusal, the last part of the problem's type.
    pub kind: String,
    /// What was wrong.
    pub detail: String,
    /// The highest sequence the collector holds of this enrolment, where it says so.
    pub last_sequence: Option<u64>,
}

/// TLS alerts that say: I know what you showed me, and will not have it.
const CERTIFICATE_ALERTS: [AlertDescription; 8] = [
    AlertDescription::AccessDenied,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRequired,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::UnsupportedCertificate,
];

impl ClientError {
    /// Sorts a request that got no answer.
    pub(super) fn no_answer(url: &str, error: &reqwest::Error) -> Self {
        let url = url.to_owned();
        match tls_error(error) {
            Some(rustls::Error::AlertReceived(alert)) if CERTIFICATE_ALERTS.contains(alert) => {
                Self::Identity {
                    url,
                    detail: format!("TLS alert {alert:?}"),
                }
            }
            _ => Self::Unreachable {
                url,
                why: innermost(error),
            },
        }
    }
}

/// The TLS error beneath, if one is.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    // The source of an io::Error that wraps an error is that error's source, not the error.
    if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return tls_error(wrapped);
    }
    error.source().and_then(tls_error)
}

/// The cause of causes, which is the one a person can mend.
fn innermost(error: &(dyn Error + 'static)) -> String {
    if let Some(tls) = tls_error(error) {
        return tls.to_string();
    }
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
