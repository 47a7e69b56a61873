//! The collector's own certificate: short-lived, made in memory at start, and made anew well before it ends.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Authority, PkiError, provider};

/// How long a server certificate lasts.
const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A certificate with less than this left is made anew.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// The certificate that both listeners show, replaced without a restart.
#[derive(Debug)]
pub(crate) struct ServerIdentity {
    names: Vec<String>,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

impl ServerIdentity {
    /// Makes the first certificate. `names` are those people and agents reach the collector by.
    pub(crate) fn new(authority: &Authority, names: Vec<String>, now: Timestamp) -> Result<Self, PkiError> {
        let current = ArcSwap::from_pointee(issue(authority, &names, now)?);
        Ok(Self { names, current })
    }

    /// Every name in the certificate.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// When the current certificate ends.
    pub(crate) fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }

    /// Makes a new certificate if the current one is near its end; tells whether it did.
    pub(crate) fn renew_if_due(&self, authority: &Authority, now: Timestamp) -> Result<bool, PkiError> {
        let left = self.current.load().not_after.duration_since(now);
        if left > RENEW_BEFORE {
            return Ok(false);
        }
        self.current.store(Arc::new(issue(authority, &self.names, now)?));
        Ok(true)
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

fn issue(authority: &Authority, names: &[String], now: Timestamp) -> Result<Current, PkiError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|source| PkiError::Key {
        what: "new server key",
        source,
    })?;
    let validity = authority.validity(now, LIFETIME);
    let certificate = authority.sign_server(names, &key, validity)?;
    // The CA goes along: an agent that enrols knows only its fingerprint, and finds it in the chain.
    let chain = vec![certificate.der().clone(), authority.certificate().clone()];
    let der = PrivatePkcs8KeyDer::from(key.serialized_der().to_vec());
    let key = CertifiedKey::from_der(chain, der.into(), &provider())?;
    Ok(Current {
        key: Arc::new(key),
        not_after: validity.not_after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;

    #[test]
    fn a_certificate_near_its_end_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("data"));
        home.create().unwrap();
        let now: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
        let authority = Authority::create(&home, now).unwrap();
        let names = vec!["localhost".to_owned(), "::1".to_owned()];
        let identity = ServerIdentity::new(&authority, names, now).unwrap();
        let first = Arc::clone(&identity.current.load().key);
        assert_eq!(first.cert.last(), Some(authority.certificate()));
        let days = |n: i64| now + SignedDuration::from_hours(24 * n);
        assert!(!identity.renew_if_due(&authority, days(19)).unwrap());
        assert!(identity.renew_if_due(&authority, days(21)).unwrap());
        assert_ne!(identity.current.load().key.cert.first(), first.cert.first());
        assert!(!identity.renew_if_due(&authority, days(22)).unwrap());
    }
}
