//! The company's own certificate for the people's listener, read from files and read again when they change.
//!
//! A pair that can't be used never replaces one that can: who renews a certificate writes two files, and for a moment
//! they do not belong together.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::{ServerIdentity, provider};

/// Largest certificate chain or key taken, in bytes.
const LARGEST_FILE: u64 = 256 * 1024;

/// Certificates in a chain.
const LONGEST_CHAIN: usize = 16;

/// Mode bits that let everybody at a file.
const EVERYBODY: u32 = 0o007;

/// The name by which a command on this machine asks whether the collector is well: it trusts the collector's own CA.
const LOCAL: &str = "localhost";

/// Why a certificate of files can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file that can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A key that everybody may read.
    #[error("{} may be read by everybody (mode {mode:o}); run `chmod o= {}`", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// Something that is not what it should be.
    #[error("{}: {why}", path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// A certificate and its key in two files.
#[derive(Debug)]
pub(crate) struct FileIdentity {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<Loaded>,
    /// What the files were like when they were last tried, good or bad.
    tried: Mutex<Option<Stamp>>,
    /// For who asks for this machine by its local name.
    own: Arc<ServerIdentity>,
}

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

/// Tells whether a file is still the one it was: device, inode, size, and time of its last change in nanoseconds. Of the
/// status too, which every change of contents or mode brings forward.
type FileStamp = (u64, u64, u64, i64, i64);

type Stamp = (FileStamp, FileStamp);

impl FileIdentity {
    /// Reads both files.
    pub(crate) fn load(certificate: &Path, key: &Path, own: Arc<ServerIdentity>) -> Result<Self, FilesError> {
        let stamp = stamp(certificate, key);
        Ok(Self {
            current: ArcSwap::from_pointee(read(certificate, key)?),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            tried: Mutex::new(stamp.ok()),
            own,
        })
    }

    /// Reads the files again if they changed since they were last tried, or if `anyway`; tells whether they are in use now.
    pub(crate) fn reload(&self, anyway: bool) -> Result<bool, FilesError> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken before reading: what is written meanwhile is found at the next look.
        let now = stamp(&self.certificate, &self.key);
        if !anyway && now.is_ok() && *tried == now.as_ref().ok().copied() {
            return Ok(false);
        }
        // Files that are gone are told of once, too.
        let told_before = now.is_err() && tried.is_none() && !anyway;
        *tried = now.ok();
        match read(&self.certificate, &self.key) {
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                Ok(true)
            }
            Err(_) if told_before => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// When the certificate in use ends.
    pub(crate) fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }
}

impl ResolvesServerCert for FileIdentity {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.server_name() == Some(LOCAL) {
            return self.own.resolve(hello);
        }
        Some(Arc::clone(&self.current.load().key))
    }
}

fn stamp(certificate: &Path, key: &Path) -> std::io::Result<Stamp> {
    let of = |path: &Path| {
        fs::metadata(path).map(|file| {
            (
                file.dev(),
                file.ino(),
                file.size(),
                file.mtime_nsec() + file.mtime() * 1_000_000_000,
                file.ctime_nsec() + file.ctime() * 1_000_000_000,
            )
        })
    };
    Ok((of(certificate)?, of(key)?))
}

fn read(certificate: &Path, key: &Path) -> Result<Loaded, FilesError> {
    let unsound = |path: &Path, why: String| FilesError::Unsound {
        path: path.to_owned(),
        why,
    };
    let text = read_file(certificate, false)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| unsound(certificate, format!("not a PEM certificate: {error:?}")))?;
    if !(1..=LONGEST_CHAIN).contains(&chain.len()) {
        let why = format!(
            "holds {} certificates; from 1 to {LONGEST_CHAIN} make a chain",
            chain.len()
        );
        return Err(unsound(certificate, why));
    }
    let not_after = not_after(&chain).map_err(|why| unsound(certificate, why))?;
    let secret = read_file(key, true)?;
    let der = PrivateKeyDer::from_pem_slice(&secret).map_err(|error| {
        unsound(
            key,
            format!("not a PEM private key without a passphrase: {error:?}"),
        )
    })?;
    // Refuses a key that is not the certificate's.
    let certified = CertifiedKey::from_der(chain, der, &provider()).map_err(|error| {
        unsound(
            key,
            format!("does not go with {}: {error}", certificate.display()),
        )
    })?;
    Ok(Loaded {
        key: Arc::new(certified),
        not_after,
    })
}

fn not_after(chain: &[CertificateDer<'static>]) -> Result<Timestamp, String> {
    let leaf = chain.first().ok_or("holds no certificate")?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|error| error.to_string())?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).map_err(|error| error.to_string())
}

fn read_file(path: &Path, secret: bool) -> Result<Zeroizing<Vec<u8>>, FilesError> {
    let failed = |source| FilesError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode();
    if secret && mode & EVERYBODY != 0 {
        return Err(FilesError::Exposed {
            path: path.to_owned(),
            mode: mode & 0o7777,
        });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::home::Home;
    use crate::pki::Authority;

    struct Files {
        dir: tempfile::TempDir,
        identity: FileIdentity,
    }

    fn own(dir: &Path) -> Arc<ServerIdentity> {
        let home = Home::new(dir.join("data"));
        home.create().unwrap();
        let now = Timestamp::now();
        let authority = Authority::create(&home, now).unwrap();
        Arc::new(ServerIdentity::new(&authority, vec!["localhost".to_owned()], now).unwrap())
    }

    fn write(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    }

    /// A certificate that ends in a year of its own, and its key.
    fn pair(year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["plumbline.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn files() -> Files {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = pair(2030);
        write(dir.path(), "tls.pem", &certificate);
        write(dir.path(), "tls.key", &key);
        let identity = FileIdentity::load(
            &dir.path().join("tls.pem"),
            &dir.path().join("tls.key"),
            own(dir.path()),
        )
        .unwrap();
        Files { dir, identity }
    }

    impl Files {
        fn ends(&self) -> i16 {
            self.identity.not_after().to_zoned(jiff::tz::TimeZone::UTC).year()
        }
    }

    #[test]
    fn a_new_pair_is_taken_and_half_of_one_is_not() {
        let files = files();
        assert_eq!(files.ends(), 2030);
        assert!(!files.identity.reload(false).unwrap(), "nothing changed");
        let (certificate, key) = pair(2031);
        write(files.dir.path(), "tls.pem", &certificate);
        let error = files.identity.reload(false).unwrap_err().to_string();
        assert!(error.contains("does not go with"), "{error}");
        assert_eq!(files.ends(), 2030, "the old one stays");
        assert!(!files.identity.reload(false).unwrap(), "told of once");
        assert!(files.identity.reload(true).is_err(), "and when asked");
        write(files.dir.path(), "tls.key", &key);
        assert!(files.identity.reload(false).unwrap());
        assert_eq!(files.ends(), 2031);
    }

    #[test]
    fn what_is_gone_exposed_or_rubbish_changes_nothing() {
        let files = files();
        let key = files.dir.path().join("tls.key");
        fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            files.identity.reload(false),
            Err(FilesError::Exposed { mode: 0o644, .. })
        ));
        fs::remove_file(&key).unwrap();
        assert!(matches!(
            files.identity.reload(false),
            Err(FilesError::Read { .. })
        ));
        assert!(!files.identity.reload(false).unwrap(), "told of once");
        for rubbish in ["", "-----BEGIN PRIVATE KEY-----\n", "\u{0}"] {
            write(files.dir.path(), "tls.key", rubbish);
            assert!(files.identity.reload(true).is_err(), "{rubbish:?}");
        }
        assert_eq!(files.ends(), 2030);
    }
}
