//! Sending a file to the bucket: at once, or a large one in parts, so that what fails is sent again without the rest. The
//! bytes are read from the disk while they are sent.

use jiff::Timestamp;
use quick_xml::escape::escape;
use rusty_s3::Method;
use tracing::warn;

use super::super::error::EvidenceError;
use super::super::staging::Staged;
use super::client::{Payload, Request};
use super::part::{Part, Sums};
use super::{Bucket, CHECKSUM, LOCK_MODE, LOCK_UNTIL, address, request, whole_seconds, xml};

/// Largest file that is sent at once, in bytes.
const AT_ONCE: u64 = 32 * 1024 * 1024;

/// Size of a part, in bytes; S3 takes parts of 5 MiB and more, but for the last.
const PART: u64 = 16 * 1024 * 1024;

/// Most parts of an object.
const MOST_PARTS: u64 = 10_000;

/// Objects are bytes whatever they hold: who comes by an address of one can't have a browser run it.
const OCTETS: &str = "application/octet-stream";

/// A part that the server has.
struct Sent {
    tag: String,
    sums: Sums,
}

impl Bucket {
    /// Sends a file; `false` where there is one of its key by now.
    pub(super) async fn upload(&self, staged: &Staged, until: Timestamp) -> Result<bool, EvidenceError> {
        let until = whole_seconds(until).to_string();
        if staged.size <= AT_ONCE {
            self.put(staged, &until).await
        } else {
            self.put_in_parts(staged, &until).await
        }
    }

    async fn put(&self, staged: &Staged, until: &str) -> Result<bool, EvidenceError> {
        let key = address::key(&self.prefix, staged.sha256);
        let part = Part {
            path: staged.temporary.path().to_owned(),
            offset: 0,
            length: staged.size,
        };
        let sums = part.sums().await?;
        let mut headers = vec![
            ("content-md5", sums.md5.as_str()),
            ("content-type", OCTETS),
            ("if-none-match", "*"),
            (CHECKSUM, &sums.sha256),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ];
        headers.extend(self.lock(until));
        let asked = Request {
            headers: &headers,
            body: Payload::Part(&part),
            ..request("keep a file", Method::Put, Some(&key))
        };
        match self.client.send(&asked).await? {
            Ok(_) => Ok(true),
            Err(rejection) if rejection.status == 412 => Ok(false),
            Err(rejection) => Err(self.client.refused("keep a file", rejection)),
        }
    }

    async fn put_in_parts(&self, staged: &Staged, until: &str) -> Result<bool, EvidenceError> {
        let action = "begin to keep a large file";
        let key = address::key(&self.prefix, staged.sha256);
        let mut headers = vec![("content-type", OCTETS), ("x-amz-checksum-algorithm", "SHA256")];
        headers.extend(self.lock(until));
        let asked = Request {
            query: &[("uploads", "")],
            headers: &headers,
            ..request(action, Method::Post, Some(&key))
        };
        let answer = self.client.text(action, self.client.done(&asked).await?).await?;
        let id = xml::text(&answer, "InitiateMultipartUploadResult", "UploadId")
            .ok_or_else(|| self.client.unsound(action, "no id of the upload"))?;
        let sent = self.parts(staged, &key, &id).await;
        let done = match sent {
            Ok(sent) => self.complete(&key, &id, &sent).await,
            Err(error) => Err(error),
        };
        if !matches!(done, Ok(true)) {
            let asked = Request {
                query: &[("uploadId", &id)],
                ..request("give up a large file", Method::Delete, Some(&key))
            };
            if let Err(error) = self.client.done(&asked).await {
                // Parts that nobody asks for cost room until the bucket's own rule removes them.
                warn!(%error, "the parts of a file that was not kept stay in the bucket");
            }
        }
        done
    }

    async fn parts(&self, staged: &Staged, key: &str, id: &str) -> Result<Vec<Sent>, EvidenceError> {
        let action = "keep a part of a file";
        let length = PART.max(staged.size.div_ceil(MOST_PARTS));
        let mut sent = Vec::new();
        let mut offset = 0;
        while offset < staged.size {
            let part = Part {
                path: staged.temporary.path().to_owned(),
                offset,
                length: length.min(staged.size - offset),
            };
            let sums = part.sums().await?;
            let number = (sent.len() + 1).to_string();
            let asked = Request {
                query: &[("partNumber", &number), ("uploadId", id)],
                headers: &[
                    ("content-md5", &sums.md5),
                    (CHECKSUM, &sums.sha256),
                    ("x-amz-sdk-checksum-algorithm", "SHA256"),
                ],
                body: Payload::Part(&part),
                ..request(action, Method::Put, Some(key))
            };
            let response = self.client.done(&asked).await?;
            let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
            let tag = tag.ok_or_else(|| self.client.unsound(action, "no tag of the part"))?;
            sent.push(Sent {
                tag: tag.to_owned(),
                sums,
            });
            offset += part.length;
        }
        Ok(sent)
    }

    async fn complete(&self, key: &str, id: &str, sent: &[Sent]) -> Result<bool, EvidenceError> {
        let action = "put the parts of a file together";
        let mut body =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
        for (number, Sent { tag, sums }) in (1..).zip(sent) {
            body.push_str(&format!(
                "<Part><ChecksumSHA256>{}</ChecksumSHA256><ETag>{}</ETag><PartNumber>{number}</PartNumber></Part>",
                sums.sha256,
                escape(tag.as_str()),
            ));
        }
        body.push_str("</CompleteMultipartUpload>");
        let asked = Request {
            query: &[("uploadId", id)],
            headers: &[("content-type", "application/xml"), ("if-none-match", "*")],
            body: Payload::Text(&body),
            ..request(action, Method::Post, Some(key))
        };
        let response = match self.client.send(&asked).await? {
            Ok(response) => response,
            // Where the answer to an earlier try was lost, the upload is over and the file is there.
            Err(rejection) if rejection.status == 412 || rejection.code == "NoSuchUpload" => {
                return Ok(false);
            }
            Err(rejection) => return Err(self.client.refused(action, rejection)),
        };
        // It may say yes first and fail then.
        let answer = self.client.text(action, response).await?;
        if xml::records(&answer, "CompleteMultipartUploadResult").is_some_and(|results| !results.is_empty()) {
            return Ok(true);
        }
        let said =
            xml::text(&answer, "Error", "Code").unwrap_or_else(|| "nothing that makes sense".to_owned());
        Err(self
            .client
            .unsound(action, format!("it says yes and then {}", said.escape_debug())))
    }

    /// The headers that lock an object as it is made.
    fn lock<'a>(&self, until: &'a str) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.mode
            .into_iter()
            .flat_map(move |mode| [(LOCK_MODE, mode), (LOCK_UNTIL, until)])
    }
}
