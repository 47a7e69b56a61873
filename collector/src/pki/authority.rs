//! The CA: one ECDSA P-256 key that signs host certificates and the collector's own.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::HostId;
use plumbline_config::seal::sha256_hex;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::csr::ClientKey;
use crate::home::{Home, HomeError, read_private, write_private};
use crate::secret::{NoRandom, random};

/// How long the CA certificate lasts.
const CA_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// Certificates begin this long before they are signed, for hosts whose clocks are behind.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

/// Why keys or certificates could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file of the data directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A key or certificate that is damaged, or could not be made.
    #[error("cannot use the {what}: {source}")]
    Key {
        /// Which.
        what: &'static str,
        /// What the library said.
        source: rcgen::Error,
    },
    /// The CA certificate file holds no certificate.
    #[error("{0} holds no PEM certificate; restore it from a backup")]
    NoCertificate(String),
    /// The operating system gave no random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// From when to when a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Validity {
    /// From a little before `now` until `lifetime` after it, in whole seconds as certificates have them.
    pub(crate) fn new(now: Timestamp, lifetime: SignedDuration) -> Self {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self {
            not_before: now.saturating_sub(BACKDATED).unwrap_or(now),
            not_after: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        }
    }

    /// The same, ending no later than `limit`.
    fn within(mut self, limit: Timestamp) -> Self {
        self.not_after = self.not_after.min(limit);
        self
    }
}

/// A new serial number: 16 random bytes that DER writes as they are (positive, no leading zero).
pub(crate) fn new_serial() -> Result<[u8; 16], NoRandom> {
    let mut serial = random::<16>()?;
    serial[0] = (serial[0] & 0x7f) | 0x40;
    Ok(serial)
}

/// The CA.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    not_after: Timestamp,
}

impl Authority {
    /// Makes a new CA and writes it to the data directory.
    pub(crate) fn create(home: &Home, now: Timestamp) -> Result<Self, PkiError> {
        let failed = |source| PkiError::Key {
            what: "new CA key",
            source,
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::default();
        // Two collectors' CAs differ by name, so that clients and people can tell them apart.
        params.distinguished_name = common_name(&format!("Plumbline CA {}", hex::encode(random::<4>()?)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, new_serial()?, Validity::new(now, CA_LIFETIME));
        let certificate = params.self_signed(&key).map_err(failed)?;
        write_private(&home.ca_key(), key.serialize_pem().as_bytes())?;
        write_private(&home.ca_certificate(), certificate.pem().as_bytes())?;
        Self::load(home)
    }

    /// Reads the CA from the data directory.
    pub(crate) fn load(home: &Home) -> Result<Self, PkiError> {
        let failed = |source| PkiError::Key {
            what: "CA key",
            source,
        };
        let pem = read_private(&home.ca_certificate())?.to_string();
        let none = || PkiError::NoCertificate(home.ca_certificate().display().to_string());
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| none())?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| none())?;
        let not_after =
            Timestamp::from_second(parsed.validity().not_after.timestamp()).map_err(|_| none())?;
        let key = KeyPair::from_pem(&read_private(&home.ca_key())?).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(failed)?;
        Ok(Self {
            issuer,
            certificate,
            pem,
            not_after,
        })
    }

    /// The CA certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The CA certificate, DER.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the CA certificate's DER, in hexadecimal: what agents pin.
    pub(crate) fn fingerprint(&self) -> String {
        sha256_hex(&self.certificate)
    }

    /// Name of the ledger: the CA's own, in the form of a key's name (no spaces), such as `plumbline-ca-1a2b3c4d`.
    pub(crate) fn origin(&self) -> String {
        let name = x509_parser::parse_x509_certificate(&self.certificate)
            .ok()
            .and_then(|(_, certificate)| {
                let name = certificate.subject().iter_common_name().next()?;
                name.as_str().ok().map(str::to_owned)
            });
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        // A CA without a name is not one that this program made; its certificate still tells it apart.
        name.filter(|name| !name.is_empty())
            .map_or_else(|| self.fingerprint(), |name| name.chars().map(plain).collect())
    }

    /// How long a certificate made now lasts; never longer than the CA.
    pub(crate) fn validity(&self, now: Timestamp, lifetime: SignedDuration) -> Validity {
        Validity::new(now, lifetime).within(self.not_after)
    }

    /// A client certificate for `host`, PEM.
    pub(crate) fn sign_client(
        &self,
        host: &HostId,
        key: &ClientKey,
        serial: [u8; 16],
        validity: Validity,
    ) -> Result<String, PkiError> {
        let mut params = leaf(host.as_str(), ExtendedKeyUsagePurpose::ClientAuth);
        set_validity(&mut params, serial, validity);
        let certificate = params
            .signed_by(key.public_key(), &self.issuer)
            .map_err(|source| PkiError::Key {
                what: "host's key",
                source,
            })?;
        Ok(certificate.pem())
    }

    /// A server certificate for `names` (DNS names and addresses) over `key`.
    pub(crate) fn sign_server(
        &self,
        names: &[String],
        key: &KeyPair,
        validity: Validity,
    ) -> Result<Certificate, PkiError> {
        let failed = |source| PkiError::Key {
            what: "server's names",
            source,
        };
        let mut params = leaf("Plumbline collector", ExtendedKeyUsagePurpose::ServerAuth);
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into().map_err(failed)?),
            });
        }
        set_validity(&mut params, new_serial()?, validity);
        params.signed_by(key, &self.issuer).map_err(failed)
    }
}

fn leaf(name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn set_validity(params: &mut CertificateParams, serial: [u8; 16], validity: Validity) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since = |at: Timestamp| Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0));
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = epoch + since(validity.not_before);
    params.not_after = epoch + since(validity.not_after);
}
