//! Checkpoints posted to a server: `text/plain`, the signed note. Bounded in time, no redirects, no proxy of the
//! environment.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::AnchorSetupError;
use crate::pki::provider;

/// Longest wait for a connection, and for one exchange as a whole.
const CONNECT: Duration = Duration::from_secs(10);
const EXCHANGE: Duration = Duration::from_secs(30);

/// A server that checkpoints are posted to.
pub(super) struct Webhook {
    client: reqwest::Client,
    url: Url,
}

impl Webhook {
    /// The server at `url`, whose certificate must come from those in `ca_file`, or from the system's.
    pub(super) fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, AnchorSetupError> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| url.scheme() == "https" && url.has_host());
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| AnchorSetupError::Client(error.to_string()))?
            .with_root_certificates(roots(ca_file)?)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            .pool_max_idle_per_host(0)
            .no_proxy()
            .user_agent(concat!("plumbline-collector/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            client: client.map_err(|error| AnchorSetupError::Client(error.to_string()))?,
            url: url.ok_or(AnchorSetupError::Address)?,
        })
    }

    /// Posts a note; taken is what the server answers with a status of 200 to 299. Reasons do not tell the address, which
    /// may hold a secret.
    pub(super) async fn post(&self, note: &str) -> Result<(), String> {
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(note.to_owned());
        let response = request.send().await.map_err(|error| told(&error.without_url()))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the server answers {status}")),
        }
    }
}

fn told(error: &reqwest::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    said
}

fn roots(ca_file: Option<&Path>) -> Result<Arc<RootCertStore>, AnchorSetupError> {
    let mut roots = RootCertStore::empty();
    let place = ca_file.map_or_else(|| "the system".to_owned(), |file| file.display().to_string());
    let failed = |why: String| AnchorSetupError::Roots {
        place: place.clone(),
        why,
    };
    match ca_file {
        Some(file) => {
            for certificate in
                CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| failed(error.to_string()))?;
            }
        }
        // One of the many that can't be read is no reason to do without the others.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(failed("there are none".to_owned()));
    }
    Ok(Arc::new(roots))
}
