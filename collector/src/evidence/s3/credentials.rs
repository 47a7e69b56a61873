//! What requests to the S3 server are signed with.

use std::path::PathBuf;

use plumbline_config::settings::S3Settings;
use rusty_s3::Credentials;

use super::super::error::EvidenceError;
use crate::home::read_private;

/// Where the credentials come from.
pub(super) enum Source {
    /// Two files, read anew for each piece of work: whoever changes the key need not restart the collector.
    Files {
        /// The id of the access key.
        id: PathBuf,
        /// Its secret.
        secret: PathBuf,
    },
    /// The environment.
    Environment(Credentials),
}

impl Source {
    /// The files of the settings, or else the environment. What they name must be there now.
    pub(super) fn new(settings: &S3Settings) -> Result<Self, EvidenceError> {
        let source = match (&settings.access_key_file, &settings.secret_key_file) {
            (Some(id), Some(secret)) => Self::Files {
                id: id.clone(),
                secret: secret.clone(),
            },
            (None, None) => Self::Environment(Credentials::from_env().ok_or(EvidenceError::NoCredentials)?),
            _ => return Err(EvidenceError::NoCredentials),
        };
        source.read()?;
        Ok(source)
    }

    /// The credentials of now.
    pub(super) fn read(&self) -> Result<Credentials, EvidenceError> {
        match self {
            Self::Files { id, secret } => {
                let (id, secret) = (read_private(id)?, read_private(secret)?);
                if id.trim().is_empty() || secret.trim().is_empty() {
                    return Err(EvidenceError::NoCredentials);
                }
                Ok(Credentials::new(id.trim(), secret.trim()))
            }
            Self::Environment(credentials) => Ok(credentials.clone()),
        }
    }
}
