//! A file of evidence as the ledger knows it, and how it is handed out.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::media::MediaType;
use super::name::FileName;
use super::vault::Kept;

/// Longest name in `filename=`, in characters; `filename*=` holds all of it.
const LONGEST_PLAIN: usize = 100;

/// What goes into the ledger about a file of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceFile {
    /// The SHA-256 of its bytes, which it is kept under.
    pub sha256: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// What its bytes show it to be; what its sender says where they show nothing.
    pub media_type: MediaType,
    /// The name it came with, made harmless.
    pub name: FileName,
    /// What its sender called it, where its bytes speak against that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_otherwise: Option<MediaType>,
}

impl EvidenceFile {
    /// What is needed to find it again and to tell whether it is what it was.
    #[must_use]
    pub const fn kept(&self) -> Kept {
        Kept {
            sha256: self.sha256,
            size: self.size,
        }
    }

    /// The headers that it is handed out with: for saving, never for looking at in the browser; what a browser could run
    /// goes as bytes; and should a browser open it all the same, it may do nothing.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let media_type = if self.media_type.is_harmless() {
            self.media_type.as_str()
        } else {
            "application/octet-stream"
        };
        let bytes = HeaderValue::from_static("application/octet-stream");
        HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_str(media_type).unwrap_or(bytes)),
            (CONTENT_LENGTH, HeaderValue::from(self.size)),
            (CONTENT_DISPOSITION, disposition(self.name.as_str())),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
            ),
            (CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        ])
    }
}

/// `Content-Disposition` by RFC 6266: the name in ASCII for old programs, and all of it by RFC 8187 (which was 5987).
fn disposition(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .take(LONGEST_PLAIN)
        .map(|character| match character {
            // Some programs undo percent signs here, and quotes end the name.
            '"' | '\\' | '%' => '_',
            usual if usual.is_ascii_graphic() || usual == ' ' => usual,
            _ => '_',
        })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        // `attr-char` of RFC 8187, 3.2.1.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    HeaderValue::from_str(&format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    ))
    .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(name: &str, media_type: &str) -> EvidenceFile {
        EvidenceFile {
            sha256: Digest::new([1; 32]),
            size: 5,
            media_type: MediaType::of(media_type),
            name: FileName::of(name),
            declared_otherwise: None,
        }
    }

    #[test]
    fn a_file_is_handed_out_for_saving_and_nothing_else() {
        let headers = file("簽到表 100%.pdf", "application/pdf").headers();
        assert_eq!(headers[CONTENT_TYPE], "application/pdf");
        assert_eq!(
            headers[CONTENT_DISPOSITION],
            "attachment; filename=\"___ 100_.pdf\"; filename*=UTF-8''%E7%B0%BD%E5%88%B0%E8%A1%A8%20100%25.pdf"
        );
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(
            headers[CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .contains("sandbox")
        );
        for active in [
            "text/html",
            "image/svg+xml",
            "application/xml",
            "text/javascript",
            "video/mp4",
        ] {
            assert_eq!(
                file("x", active).headers()[CONTENT_TYPE],
                "application/octet-stream",
                "{active}"
            );
        }
    }

    #[test]
    fn what_the_ledger_keeps_reads_back_and_stays_harmless() {
        let kept = serde_json::to_string(&file("a.pdf", "application/pdf")).unwrap();
        assert_eq!(
            kept,
            format!(
                "{{\"sha256\":\"{}\",\"size\":5,\"media_type\":\"application/pdf\",\"name\":\"a.pdf\"}}",
                "01".repeat(32)
            )
        );
        let forged = kept.replace("a.pdf", "../../a\\u0000.pdf");
        assert_eq!(
            serde_json::from_str::<EvidenceFile>(&forged).unwrap(),
            file("a.pdf", "application/pdf")
        );
    }

    proptest! {
        #[test]
        fn any_name_gives_one_sound_header(name in any::<String>()) {
            let headers = file(&name, "application/pdf").headers();
            let header = headers[CONTENT_DISPOSITION].to_str().unwrap();
            prop_assert!(header.starts_with("attachment; filename=\""));
            prop_assert_eq!(header.matches('"').count(), 2);
            let encoded = header.split_once("filename*=UTF-8''").unwrap().1;
            // Everything but these two reads as it does in a query.
            let query = format!("n={}", encoded.replace('+', "%2B").replace('&', "%26"));
            let decoded = form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned();
            prop_assert_eq!(String::from(FileName::of(&name)), decoded);
        }
    }
}
