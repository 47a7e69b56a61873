//! Evidence in a bucket with S3 Object Lock: until its time nobody deletes an object, in compliance mode not even the
//! owner of the account.
//!
//! Requests are signed by `rusty-s3` and sent by `reqwest`. A request's headers are signed, among them the lock and the
//! SHA-256 of the body, which the server checks before it says that it has it.

mod address;
mod client;
mod credentials;
mod part;
mod upload;
mod xml;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use plumbline_config::settings::{ObjectLock, S3Settings};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, LAST_MODIFIED};
use rusty_s3::Method;
use tokio::sync::OnceCell;

use super::digest::Digest;
use super::error::EvidenceError;
use super::reading::Reading;
use super::staging::Staged;
use super::vault::{Kept, Opened, Seen, Task, Vault};
use client::{Client, Payload, Request};
use part::Sums;

const LOCK_MODE: &str = "x-amz-object-lock-mode";
const LOCK_UNTIL: &str = "x-amz-object-lock-retain-until-date";
const CHECKSUM: &str = "x-amz-checksum-sha256";
const DELETE: &str = "delete an object";

/// Pages of versions of one object that are deleted at most; a page has a thousand.
const MOST_ROUNDS: usize = 16;

/// A bucket of evidence.
pub(super) struct Bucket {
    client: Arc<Client>,
    prefix: String,
    mode: Option<&'static str>,
    ready: OnceCell<()>,
}

impl Bucket {
    /// The bucket that the settings name. The server is asked later: that it is away must not keep the collector from
    /// starting.
    pub(super) fn new(settings: &S3Settings) -> Result<Self, EvidenceError> {
        Ok(Self {
            client: Arc::new(Client::new(settings)?),
            prefix: settings.prefix.clone(),
            mode: match settings.mode {
                ObjectLock::Compliance => Some("COMPLIANCE"),
                ObjectLock::Governance => Some("GOVERNANCE"),
                ObjectLock::None => None,
            },
            ready: OnceCell::new(),
        })
    }

    /// Refuses a bucket that can't lock where locks are asked for.
    async fn check(&self) -> Result<(), EvidenceError> {
        if self.mode.is_none() {
            let action = "look at the bucket";
            self.client.done(&request(action, Method::Head, None)).await?;
            return Ok(());
        }
        let action = "read the object lock of the bucket";
        let asked = Request {
            query: &[("object-lock", "")],
            ..request(action, Method::Get, None)
        };
        let no_lock = || EvidenceError::NoObjectLock {
            bucket: self.client.bucket().to_owned(),
        };
        match self.client.send(&asked).await? {
            Ok(response) => {
                let answer = self.client.text(action, response).await?;
                let enabled = xml::text(&answer, "ObjectLockConfiguration", "ObjectLockEnabled");
                if enabled.as_deref() == Some("Enabled") {
                    Ok(())
                } else {
                    Err(no_lock())
                }
            }
            Err(rejection) if rejection.code == "ObjectLockConfigurationNotFoundError" => Err(no_lock()),
            Err(rejection) => Err(self.client.refused(action, rejection)),
        }
    }

    async fn head(&self, digest: Digest) -> Result<Option<Seen>, EvidenceError> {
        let action = "look at an object";
        let key = address::key(&self.prefix, digest);
        match self
            .client
            .send(&request(action, Method::Head, Some(&key)))
            .await?
        {
            Ok(response) => Ok(Some(self.told(action, response.headers())?)),
            Err(rejection) if rejection.status == 404 => Ok(None),
            Err(rejection) => Err(self.client.refused(action, rejection)),
        }
    }

    fn told(&self, action: &'static str, headers: &HeaderMap) -> Result<Seen, EvidenceError> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let unsound = |what: &str| self.client.unsound(action, format!("no {what}"));
        let size = header(CONTENT_LENGTH.as_str())
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| unsound("size"))?;
        let kept_at = header(LAST_MODIFIED.as_str())
            .and_then(|time| rfc2822::parse(time).ok())
            .ok_or_else(|| unsound("time"))?
            .timestamp();
        let locked = header(LOCK_MODE).is_some_and(|mode| mode == "COMPLIANCE" || mode == "GOVERNANCE");
        Ok(Seen {
            size,
            kept_at,
            locked_until: header(LOCK_UNTIL)
                .filter(|_| locked)
                .and_then(|until| until.parse().ok()),
        })
    }

    /// Sees to it that what is kept already is still what it was.
    async fn require_intact(&self, staged: &Staged) -> Result<(), EvidenceError> {
        let opened = self.open(staged.sha256).await?;
        let opened = opened.ok_or(EvidenceError::Missing(staged.sha256))?;
        let expected = Kept {
            sha256: staged.sha256,
            size: staged.size,
        };
        Reading::new(opened, expected)?.prove().await
    }

    /// Sees to it that an object is locked at least until then. Some servers do not take the lock along with the parts
    /// of a large file, and one that is kept once more must be kept longer.
    async fn require_lock(&self, digest: Digest, until: Timestamp) -> Result<(), EvidenceError> {
        let Some(mode) = self.mode else {
            return Ok(());
        };
        if self.is_locked(digest, until).await? {
            return Ok(());
        }
        let action = "lock an object";
        let key = address::key(&self.prefix, digest);
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{mode}</Mode>\
             <RetainUntilDate>{}</RetainUntilDate></Retention>",
            whole_seconds(until)
        );
        let sums = Sums::of(body.as_bytes());
        let asked = Request {
            query: &[("retention", "")],
            headers: &[
                ("content-md5", &sums.md5),
                (CHECKSUM, &sums.sha256),
                ("x-amz-sdk-checksum-algorithm", "SHA256"),
            ],
            body: Payload::Text(&body),
            ..request(action, Method::Put, Some(&key))
        };
        self.client.done(&asked).await?;
        if self.is_locked(digest, until).await? {
            return Ok(());
        }
        Err(EvidenceError::Unlocked {
            digest,
            bucket: self.client.bucket().to_owned(),
        })
    }

    async fn is_locked(&self, digest: Digest, until: Timestamp) -> Result<bool, EvidenceError> {
        let seen = self.head(digest).await?.ok_or(EvidenceError::Missing(digest))?;
        Ok(seen
            .locked_until
            .is_some_and(|locked| locked.as_second() >= until.as_second()))
    }

    async fn list(&self, after: &str) -> Result<(Vec<String>, Vec<Kept>), EvidenceError> {
        let action = "list the objects";
        let asked = Request {
            query: &[
                ("list-type", "2"),
                ("prefix", &self.prefix),
                ("start-after", after),
            ],
            ..request(action, Method::Get, None)
        };
        let answer = self.client.text(action, self.client.done(&asked).await?).await?;
        let records =
            xml::records(&answer, "Contents").ok_or_else(|| self.client.unsound(action, "no XML"))?;
        let (mut keys, mut files) = (Vec::new(), Vec::new());
        for record in records {
            let (Some(key), Some(size)) = (record.get("Key"), record.get("Size")) else {
                return Err(self.client.unsound(action, "an object without key or size"));
            };
            if let Some(sha256) = address::digest(&self.prefix, key) {
                let size = size
                    .parse()
                    .map_err(|_| self.client.unsound(action, "a size that is no number"))?;
                files.push(Kept { sha256, size });
            }
            keys.push(key.clone());
        }
        Ok((keys, files))
    }

    /// The ids of all versions of an object, and of the marks that it was deleted.
    async fn versions(&self, key: &str) -> Result<Vec<String>, EvidenceError> {
        let action = "list the versions of an object";
        let asked = Request {
            query: &[("versions", ""), ("prefix", key)],
            ..request(action, Method::Get, None)
        };
        let answer = self.client.text(action, self.client.done(&asked).await?).await?;
        let mut found = Vec::new();
        for kind in ["Version", "DeleteMarker"] {
            let records = xml::records(&answer, kind).ok_or_else(|| self.client.unsound(action, "no XML"))?;
            let versions = records
                .into_iter()
                .filter(|record| record.get("Key").is_some_and(|of| of == key));
            found.extend(versions.filter_map(|mut record| record.remove("VersionId")));
        }
        Ok(found)
    }
}

impl Vault for Bucket {
    fn ready(&self) -> Task<'_, ()> {
        async move {
            self.ready.get_or_try_init(|| self.check()).await?;
            Ok(())
        }
        .boxed()
    }

    fn keep<'a>(&'a self, staged: &'a Staged, until: Timestamp) -> Task<'a, ()> {
        async move {
            // Somebody else may keep the same file between looking and sending: then there is one to look at.
            let stored = match self.head(staged.sha256).await? {
                None => self.upload(staged, until).await?,
                Some(_) => false,
            };
            if !stored {
                self.require_intact(staged).await?;
            }
            self.require_lock(staged.sha256, until).await
        }
        .boxed()
    }

    fn look(&self, digest: Digest) -> Task<'_, Option<Seen>> {
        self.head(digest).boxed()
    }

    fn open(&self, digest: Digest) -> Task<'_, Option<Opened>> {
        async move {
            let action = "read an object";
            let key = address::key(&self.prefix, digest);
            let response = match self
                .client
                .send(&request(action, Method::Get, Some(&key)))
                .await?
            {
                Ok(response) => response,
                // A bucket that is gone says nothing of its objects.
                Err(rejection) if rejection.status == 404 && rejection.code != "NoSuchBucket" => {
                    return Ok(None);
                }
                Err(rejection) => return Err(self.client.refused(action, rejection)),
            };
            let seen = self.told(action, response.headers())?;
            let unlocked = self.mode.is_some() && seen.locked_until.is_none();
            let content = stream::try_unfold(
                (Arc::clone(&self.client), response),
                move |(client, mut response)| async move {
                    let chunk = client.next(action, &mut response).await?;
                    Ok(chunk.map(|chunk| (chunk, (client, response))))
                },
            );
            Ok(Some(Opened {
                size: seen.size,
                unlocked_in: unlocked.then(|| self.client.bucket().to_owned()),
                content: content.boxed(),
            }))
        }
        .boxed()
    }

    fn page(&self, after: Option<Digest>) -> Task<'_, Vec<Kept>> {
        async move {
            let mut after =
                after.map_or_else(|| self.prefix.clone(), |after| address::key(&self.prefix, after));
            loop {
                let (mut keys, files) = self.list(&after).await?;
                match keys.pop() {
                    // A page of nothing but what others put there.
                    Some(last) if files.is_empty() && last > after => after = last,
                    _ => return Ok(files),
                }
            }
        }
        .boxed()
    }

    fn remove(&self, digest: Digest) -> Task<'_, ()> {
        async move {
            let key = address::key(&self.prefix, digest);
            for _ in 0..MOST_ROUNDS {
                let versions = self.versions(&key).await?;
                if versions.is_empty() {
                    return Ok(());
                }
                for version in versions {
                    let asked = Request {
                        query: &[("versionId", &version)],
                        ..request(DELETE, Method::Delete, Some(&key))
                    };
                    self.client.done(&asked).await?;
                }
            }
            Err(self.client.unsound(DELETE, "it says yes, and versions stay"))
        }
        .boxed()
    }
}

/// A request with nothing but its name, method and place.
fn request<'a>(action: &'static str, method: Method, key: Option<&'a str>) -> Request<'a> {
    Request {
        action,
        method,
        key,
        query: &[],
        headers: &[],
        body: Payload::Nothing,
    }
}

/// A time as S3 takes it, without fractions; the next whole second, so that nothing is locked too short.
fn whole_seconds(time: Timestamp) -> Timestamp {
    let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
