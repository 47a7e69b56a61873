//! Whether a chain leads to an anchor. rustls' own verifier (webpki) decides where it can; it refuses weak signatures and
//! odd certificates, which are told apart from trust here, so those are followed by hand. Dates and names are not minded:
//! they are told of each certificate.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};
use x509_parser::prelude::*;

use super::certificate::names;
use super::signature;

/// Longest way from a server's certificate to an anchor.
const LONGEST: usize = 8;
/// Most signatures looked at for one chain.
const MOST_SIGNATURES: u32 = 64;

/// Where a chain leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// To an anchor.
    Trusted,
    /// Nowhere: the server's certificate speaks for itself.
    SelfSigned,
    /// To an authority whose certificate was not shown. Whether an anchor is beyond it is known only where its certificate
    /// is at hand.
    Incomplete,
    /// To a root that is not an anchor, or nowhere by a signature that holds.
    Untrusted,
}

/// A chain held against anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) standing: Standing,
    /// Places of the certificates on the way to the anchor; `None` where there is no way.
    way: Option<Vec<usize>>,
}

impl Chain {
    /// `known`: certificates of authorities that are at hand and neither shown nor trusted.
    pub(super) fn build(chain: &[Vec<u8>], anchors: &[Vec<u8>], known: &[Vec<u8>]) -> Self {
        let read: Vec<(usize, X509Certificate<'_>)> = chain
            .iter()
            .enumerate()
            .filter_map(|(place, der)| Some((place, X509Certificate::from_der(der).ok()?.1)))
            .collect();
        let Some((0, own)) = read.first() else {
            return Self {
                standing: Standing::Untrusted,
                way: None,
            };
        };
        if chain.first().is_some_and(|own| anchors.contains(own)) {
            return Self {
                standing: Standing::Trusted,
                way: Some(vec![0]),
            };
        }
        // Only anchors of the names that the chain speaks of can be reached.
        let named: Vec<X509Certificate<'_>> = anchors
            .iter()
            .filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1))
            .filter(|anchor| {
                let speaks_of = |(_, certificate): &(usize, X509Certificate<'_>)| {
                    certificate.issuer().as_raw() == anchor.subject().as_raw()
                };
                read.iter().any(speaks_of)
            })
            .collect();
        let refused = refused_for_good(chain, own, anchors);
        let mut search = Search {
            read: &read,
            anchors: &named,
            signatures_left: MOST_SIGNATURES,
            way: vec![0],
        };
        if !refused && search.reaches(own) {
            return Self {
                standing: Standing::Trusted,
                way: Some(search.way),
            };
        }
        Self {
            standing: match end(&read, &named) {
                (Standing::Incomplete, Some(last)) => beyond(last, anchors, known),
                (standing, _) => standing,
            },
            way: None,
        }
    }

    /// Whether the certificate at this place counts.
    pub(super) fn uses(&self, place: usize) -> bool {
        self.way.as_ref().is_none_or(|way| way.contains(&place))
    }
}

struct Search<'s> {
    read: &'s [(usize, X509Certificate<'s>)],
    anchors: &'s [X509Certificate<'s>],
    signatures_left: u32,
    way: Vec<usize>,
}

impl Search<'_> {
    /// Whether there is a way from `certificate` to an anchor; it is left in `way`.
    fn reaches(&mut self, certificate: &X509Certificate<'_>) -> bool {
        let anchors = self.anchors;
        let issues =
            |issuer: &&X509Certificate<'_>| issuer.subject().as_raw() == certificate.issuer().as_raw();
        for anchor in anchors.iter().filter(issues) {
            if self.signed(certificate, anchor) {
                return true;
            }
        }
        if self.way.len() >= LONGEST {
            return false;
        }
        let read = self.read;
        for (place, issuer) in read {
            let fits = issues(&issuer) && !self.way.contains(place) && may_issue(issuer);
            if fits && self.signed(certificate, issuer) {
                self.way.push(*place);
                if self.reaches(issuer) {
                    return true;
                }
                self.way.pop();
            }
        }
        false
    }

    fn signed(&mut self, certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
        let Some(left) = self.signatures_left.checked_sub(1) else {
            return false;
        };
        self.signatures_left = left;
        signature::holds(certificate, issuer.public_key())
    }
}

/// Whether a certificate is an authority's (RFC 5280 4.2.1.9 and 4.2.1.3).
fn may_issue(certificate: &X509Certificate<'_>) -> bool {
    let authority = certificate.is_ca();
    let signs = match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Ok(None) => true,
        Err(_) => false,
    };
    authority && signs
}

/// Whether webpki refuses the chain for a reason that no weak signature explains: what the authority may not do.
fn refused_for_good(chain: &[Vec<u8>], own: &X509Certificate<'_>, anchors: &[Vec<u8>]) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(anchors.iter().map(|der| CertificateDer::from(der.as_slice())));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build() else {
        return false;
    };
    let name = names(own)
        .into_iter()
        .find_map(|name| ServerName::try_from(name.replace('*', "any")).ok())
        .or_else(|| ServerName::try_from("localhost").ok());
    let (Some(name), Some((der, others))) = (name, chain.split_first()) else {
        return false;
    };
    let start = u64::try_from(own.validity().not_before.timestamp()).unwrap_or_default();
    let others: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let moment = UnixTime::since_unix_epoch(Duration::from_secs(start));
    let verdict =
        verifier.verify_server_cert(&CertificateDer::from(der.as_slice()), &others, &name, &[], moment);
    match verdict {
        Err(rustls::Error::InvalidCertificate(CertificateError::InvalidPurpose)) => true,
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            other.to_string().contains("NameConstraint")
        }
        _ => false,
    }
}

/// What a chain that reaches no anchor ends in, and the last certificate on the way there.
fn end<'r, 'c>(
    read: &'r [(usize, X509Certificate<'c>)],
    anchors: &[X509Certificate<'_>],
) -> (Standing, Option<&'r X509Certificate<'c>>) {
    let Some((_, own)) = read.first() else {
        return (Standing::Untrusted, None);
    };
    let mut last = own;
    for _ in 0..LONGEST {
        let issuer = last.issuer().as_raw();
        if last.subject().as_raw() == issuer {
            break;
        }
        match read.iter().find(|(_, shown)| shown.subject().as_raw() == issuer) {
            Some((_, shown)) => last = shown,
            None => {
                let faked = anchors.iter().any(|anchor| anchor.subject().as_raw() == issuer);
                let standing = if faked || issuer_is_root(last) {
                    Standing::Untrusted
                } else {
                    Standing::Incomplete
                };
                return (standing, Some(last));
            }
        }
    }
    let standing = if std::ptr::eq(last, own) {
        Standing::SelfSigned
    } else {
        Standing::Untrusted
    };
    (standing, Some(last))
}

/// Where a chain that lacks the issuer of `last` would lead to with what is at hand: to an anchor, so that the server shows
/// too little, or to a root that is none.
fn beyond(last: &X509Certificate<'_>, anchors: &[Vec<u8>], known: &[Vec<u8>]) -> Standing {
    let issuer_among = |list: &'_ [Vec<u8>], of: &X509Certificate<'_>| {
        let mut issuers = list.iter().filter(|der| {
            X509Certificate::from_der(der).is_ok_and(|(_, issuer)| {
                issuer.subject().as_raw() == of.issuer().as_raw()
                    && may_issue(&issuer)
                    && signature::holds(of, issuer.public_key())
            })
        });
        issuers.next().cloned()
    };
    let mut next = issuer_among(known, last);
    for _ in 0..LONGEST {
        let Some(issuer) = next
            .as_deref()
            .and_then(|der| X509Certificate::from_der(der).ok())
        else {
            break;
        };
        let (_, issuer) = issuer;
        if issuer.subject().as_raw() == issuer.issuer().as_raw() {
            return Standing::Untrusted;
        }
        if issuer_among(anchors, &issuer).is_some() {
            break;
        }
        next = issuer_among(known, &issuer);
    }
    Standing::Incomplete
}

/// Whether a certificate says that its issuer issued itself (authorityCertIssuer, RFC 5280 4.2.1.1).
fn issuer_is_root(certificate: &X509Certificate<'_>) -> bool {
    certificate.iter_extensions().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(key) => {
            let names = key.authority_cert_issuer.iter().flatten();
            names.into_iter().any(|name| {
                matches!(name, GeneralName::DirectoryName(name) if name.as_raw() == certificate.issuer().as_raw())
            })
        }
        _ => false,
    })
}
