//! Who is who: the collector's own CA, the keys that hosts bring, and the judgement of the certificates they show.

mod authority;
mod csr;
mod files;
mod peer;
mod server;
mod signer;
mod verifier;

pub use authority::PkiError;
pub(crate) use authority::{Authority, new_serial};
pub(crate) use csr::ClientKey;
pub(crate) use files::FileIdentity;
pub use files::FilesError;
pub(crate) use peer::{ClientCertificate, PeerJudge, Presented, Refusal};
pub(crate) use server::ServerIdentity;
pub(crate) use signer::Signer;
pub(crate) use verifier::AskForCertificate;

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The one cryptography provider of the program.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
