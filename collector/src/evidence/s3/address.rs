//! Which server and bucket the settings name, and what objects are called there.

use std::net::IpAddr;

use plumbline_config::settings::S3Settings;
use reqwest::Url;
use rusty_s3::{Bucket, UrlStyle};

use super::super::digest::Digest;
use super::super::error::EvidenceError;

/// Longest prefix of keys, in bytes: a key has 1,024.
const LONGEST_PREFIX: usize = 512;

/// Longest region and shortest and longest name of a bucket, in bytes.
const LONGEST_REGION: usize = 64;
const BUCKET_NAMES: std::ops::RangeInclusive<usize> = 3..=63;

/// The bucket of the settings; nothing is asked of it yet.
pub(super) fn bucket(settings: &S3Settings) -> Result<Bucket, EvidenceError> {
    let bad = |key, value: &str, mend| EvidenceError::Setting {
        table: ".s3",
        key,
        value: value.to_owned(),
        mend,
    };
    let endpoint = endpoint(&settings.endpoint).ok_or_else(|| {
        let mend =
            "the address of the server, https://HOST or https://HOST:PORT (http:// on this machine alone)";
        bad("endpoint", &settings.endpoint, mend)
    })?;
    if !BUCKET_NAMES.contains(&settings.bucket.len())
        || !settings
            .bucket
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
    {
        let mend = "3 to 63 lower-case letters, digits, dots and hyphens";
        return Err(bad("bucket", &settings.bucket, mend));
    }
    if settings.region.is_empty()
        || settings.region.len() > LONGEST_REGION
        || !settings
            .region
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        return Err(bad(
            "region",
            &settings.region,
            "the server's region, such as us-east-1",
        ));
    }
    if !is_prefix(&settings.prefix) {
        let mend = "letters, digits, `-`, `_`, `.` and `/`, such as evidence/";
        return Err(bad("prefix", &settings.prefix, mend));
    }
    let style = if settings.path_style {
        UrlStyle::Path
    } else {
        UrlStyle::VirtualHost
    };
    Bucket::new(endpoint, style, settings.bucket.clone(), settings.region.clone()).map_err(|_| {
        let mend = "an address with a host name, or set path_style = true";
        bad("endpoint", &settings.endpoint, mend)
    })
}

/// The key of a file.
pub(super) fn key(prefix: &str, digest: Digest) -> String {
    format!("{prefix}{digest}")
}

/// The file of a key; `None` of a key that this program does not write.
pub(super) fn digest(prefix: &str, key: &str) -> Option<Digest> {
    key.strip_prefix(prefix)?.parse().ok()
}

fn endpoint(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    (bare && (url.scheme() == "https" || url.scheme() == "http" && here)).then_some(url)
}

fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= LONGEST_PREFIX
        && !prefix.starts_with('/')
        && !prefix.contains("//")
        && prefix.split('/').all(|part| part != "." && part != "..")
        && prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

#[cfg(test)]
mod tests {
    use plumbline_config::settings::ObjectLock;

    use super::*;

    fn settings() -> S3Settings {
        S3Settings {
            endpoint: "https://s3.example.com:9000".to_owned(),
            bucket: "evidence".to_owned(),
            region: "us-east-1".to_owned(),
            prefix: "plumbline/".to_owned(),
            path_style: true,
            mode: ObjectLock::Compliance,
            retention: None,
            access_key_file: None,
            secret_key_file: None,
            ca_file: None,
        }
    }

    #[test]
    fn a_bucket_is_in_the_path_or_in_the_host() {
        let at = |path_style| {
            let settings = S3Settings {
                path_style,
                ..settings()
            };
            bucket(&settings).unwrap().object_url("a/b").to_string()
        };
        assert_eq!(at(true), "https://s3.example.com:9000/evidence/a/b");
        assert_eq!(at(false), "https://evidence.s3.example.com:9000/a/b");
        let digest_of_a_file = Digest::new([3; 32]);
        assert_eq!(digest("p/", &key("p/", digest_of_a_file)), Some(digest_of_a_file));
        assert_eq!(digest("p/", "p/readme"), None);
    }

    #[test]
    fn what_can_not_be_followed_is_named_with_its_mend() {
        let fault = |change: fn(&mut S3Settings)| {
            let mut settings = settings();
            change(&mut settings);
            bucket(&settings).map(|_| ()).unwrap_err().to_string()
        };
        for endpoint in [
            "http://s3.example.com",
            "https://user:secret@s3.example.com",
            "https://s3.example.com/path",
            "s3.example.com",
            "file:///etc",
        ] {
            let settings = S3Settings {
                endpoint: endpoint.to_owned(),
                ..settings()
            };
            let fault = bucket(&settings).map(|_| ()).unwrap_err().to_string();
            assert!(
                fault.contains("`endpoint` of [evidence.s3]") && fault.contains("https://"),
                "{fault}"
            );
        }
        assert!(fault(|settings| settings.bucket = "A_b".to_owned()).contains("`bucket`"));
        assert!(fault(|settings| settings.region = "us east".to_owned()).contains("`region`"));
        assert!(fault(|settings| settings.prefix = "../x".to_owned()).contains("`prefix`"));
        let mut here = settings();
        here.endpoint = "http://127.0.0.1:9000".to_owned();
        assert!(bucket(&here).is_ok());
    }
}
