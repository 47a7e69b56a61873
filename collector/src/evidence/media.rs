//! What kind of file it is: what its bytes show, held against what its sender says.
//!
//! Known by their bytes are the kinds that evidence comes in (PDF, PNG, JPEG, DOCX, XLSX, ZIP, text) and those that a
//! browser would run scripts of (HTML, SVG, XML), by the patterns of the WHATWG standard on MIME sniffing.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::{Deserialize, Serialize};

/// How much of a file's beginning is looked at, in bytes.
pub(crate) const HEAD: usize = 64 * 1024;

/// Longest media type taken, in bytes (RFC 6838, 4.2, with room for neither side to be at its limit).
const LONGEST: usize = 127;

/// What may stand before the signature of a PDF, in bytes: readers look for it so far.
const PDF_LEAD: usize = 1_024;

const OCTETS: &str = "application/octet-stream";
const PDF: &str = "application/pdf";
const PNG: &str = "image/png";
const JPEG: &str = "image/jpeg";
const ZIP: &str = "application/zip";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const TEXT: &str = "text/plain";
const CSV: &str = "text/csv";
const HTML: &str = "text/html";
const SVG: &str = "image/svg+xml";
const XML: &str = "application/xml";

/// Kinds that their bytes tell: a declaration of one of these that the bytes do not bear out is not believed.
const TOLD_BY_BYTES: [&str; 6] = [PDF, PNG, JPEG, ZIP, DOCX, XLSX];

/// Kinds that are handed out as what they are. No browser runs anything of them.
const HARMLESS: [&str; 7] = [PDF, PNG, JPEG, DOCX, XLSX, TEXT, CSV];

/// Tags that a text with one of them at its beginning is HTML by.
const HTML_TAGS: [&[u8]; 17] = [
    b"!doctype html",
    b"html",
    b"head",
    b"script",
    b"iframe",
    b"h1",
    b"div",
    b"font",
    b"table",
    b"a",
    b"style",
    b"title",
    b"b",
    b"body",
    b"br",
    b"p",
    b"!--",
];

/// A media type without parameters: `application/pdf`. Always of the form that RFC 6838 gives it, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct MediaType(Cow<'static, str>);

/// What a file is, and whether its sender says so, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nothing speaks against this.
    Is(MediaType),
    /// It is this, whatever its sender calls it.
    IsRather(MediaType),
    /// It would run in a browser, and its sender calls it something harmless.
    Disguised(MediaType),
}

impl MediaType {
    /// What is left of a declared type: without parameters, in lower case; `application/octet-stream` where it is none.
    #[must_use]
    pub fn of(declared: &str) -> Self {
        let bare = declared.split(';').next().unwrap_or_default().trim();
        let sound = bare.len() <= LONGEST
            && bare
                .split_once('/')
                .is_some_and(|(kind, name)| is_token(kind) && is_token(name));
        if sound {
            Self(Cow::Owned(bare.to_ascii_lowercase()))
        } else {
            Self(Cow::Borrowed(OCTETS))
        }
    }

    /// The type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a browser may be told this type; anything else is handed out as bytes.
    pub(crate) fn is_harmless(&self) -> bool {
        HARMLESS.contains(&self.as_str())
    }

    /// Whether a browser may run scripts of such a file, or hand it to something that does.
    fn is_active(&self) -> bool {
        let text = self.as_str();
        [HTML, SVG, XML, "text/xml"].contains(&text)
            || text.ends_with("+xml")
            || text.contains("html")
            || text.contains("script")
    }

    /// Whether it is made of characters.
    fn is_text(&self) -> bool {
        let text = self.as_str();
        text.starts_with("text/") || text.ends_with("+json") || text == "application/json" || self.is_active()
    }

    const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for MediaType {
    fn from(declared: String) -> Self {
        Self::of(&declared)
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.0.into_owned()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Judges the first [`HEAD`] bytes of a file that its sender calls `declared`.
pub(crate) fn judge(head: &[u8], declared: &MediaType) -> Judgement {
    let rather = |seen| Judgement::IsRather(MediaType::fixed(seen));
    let said_nothing = declared.as_str() == OCTETS;
    match seen(head) {
        Seen::Kind(kind) if kind == declared.as_str() => Judgement::Is(declared.clone()),
        Seen::Kind(kind) if said_nothing => Judgement::Is(MediaType::fixed(kind)),
        // XML under a type of its own, such as XHTML or an office format.
        Seen::Kind(HTML | SVG | XML) if declared.is_active() => Judgement::Is(declared.clone()),
        Seen::Kind(kind @ (HTML | SVG | XML)) => Judgement::Disguised(MediaType::fixed(kind)),
        // Many formats are ZIP archives underneath.
        Seen::Kind(ZIP) if !TOLD_BY_BYTES.contains(&declared.as_str()) && !declared.is_text() => {
            Judgement::Is(declared.clone())
        }
        Seen::Kind(kind) => rather(kind),
        Seen::Text if declared.is_text() => Judgement::Is(declared.clone()),
        Seen::Text if said_nothing => Judgement::Is(MediaType::fixed(TEXT)),
        Seen::Text => rather(TEXT),
        Seen::Bytes if TOLD_BY_BYTES.contains(&declared.as_str()) || declared.is_text() => rather(OCTETS),
        Seen::Bytes => Judgement::Is(declared.clone()),
    }
}

/// What a beginning shows.
enum Seen {
    Kind(&'static str),
    Text,
    Bytes,
}

fn seen(head: &[u8]) -> Seen {
    let head = &head[..head.len().min(HEAD)];
    let lead = &head[..head.len().min(PDF_LEAD)];
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        Seen::Kind(PNG)
    } else if head.starts_with(b"\xff\xd8\xff") {
        Seen::Kind(JPEG)
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Seen::Kind(archive(head))
    } else if let Some(markup) = markup(head) {
        Seen::Kind(markup)
    } else if memmem::find(lead, b"%PDF-").is_some() {
        Seen::Kind(PDF)
    } else if is_text(head) {
        Seen::Text
    } else {
        Seen::Bytes
    }
}

/// What kind of archive it is, by the names of its first members.
fn archive(head: &[u8]) -> &'static str {
    /// Where the length of a member's name and the name stand in its header.
    const LENGTH: usize = 26;
    const NAME: usize = 30;
    let names = memmem::find_iter(head, b"PK\x03\x04").filter_map(|at| {
        let length = head.get(at + LENGTH..at + LENGTH + 2)?;
        let length = usize::from(u16::from_le_bytes(length.try_into().ok()?));
        head.get(at + NAME..at + NAME + length)
    });
    let (mut office, mut kind) = (false, ZIP);
    for name in names {
        office |= name == b"[Content_Types].xml" || name.starts_with(b"_rels/");
        if name.starts_with(b"word/") {
            kind = DOCX;
        } else if name.starts_with(b"xl/") {
            kind = XLSX;
        }
    }
    if office { kind } else { ZIP }
}

/// The kind of markup at the beginning of a text in an encoding that keeps ASCII, or in UTF-16.
fn markup(head: &[u8]) -> Option<&'static str> {
    let narrow: Cow<'_, [u8]> = match head {
        [0xFE, 0xFF, wide @ ..] => wide.iter().skip(1).step_by(2).copied().collect::<Vec<_>>().into(),
        [0xFF, 0xFE, wide @ ..] => wide.iter().step_by(2).copied().collect::<Vec<_>>().into(),
        [0xEF, 0xBB, 0xBF, text @ ..] => text.into(),
        text => text.into(),
    };
    let text = narrow.trim_ascii_start();
    let text = text.strip_prefix(b"\x0c").unwrap_or(text).trim_ascii_start();
    let rest = text.strip_prefix(b"<")?;
    let begins = |tag: &[u8]| {
        rest.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
            && (tag == b"!--"
                || matches!(
                    rest.get(tag.len()),
                    None | Some(b' ' | b'>' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/')
                ))
    };
    let holds = |what: &[u8]| {
        text.windows(what.len())
            .any(|window| window.eq_ignore_ascii_case(what))
    };
    if begins(b"svg") {
        return Some(SVG);
    }
    let is_xml = rest.len() >= 4 && rest[..4].eq_ignore_ascii_case(b"?xml");
    if is_xml || rest.starts_with(b"!") {
        // What stands behind the prologue or a comment tells.
        if holds(b"<html") || holds(b"!doctype html") {
            return Some(HTML);
        } else if holds(b"<svg") || holds(b"!doctype svg") {
            return Some(SVG);
        } else if is_xml {
            return Some(XML);
        }
    }
    HTML_TAGS.iter().any(|tag| begins(tag)).then_some(HTML)
}

/// Whether there is nothing in it but characters: of UTF-8, UTF-16 with its mark, or an encoding such as Big5.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(b"\xFE\xFF") || head.starts_with(b"\xFF\xFE") {
        return true;
    }
    !head
        .iter()
        .any(|byte| matches!(byte, 0..=8 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F))
}

/// Whether a text is one side of a media type (`restricted-name` of RFC 6838).
fn is_token(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The header of a member of an archive, stored and empty.
    fn member(name: &str) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.extend([0; 22]);
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(name.as_bytes());
        bytes
    }

    fn judged(head: &[u8], declared: &str) -> Judgement {
        judge(head, &MediaType::of(declared))
    }

    fn is(kind: &str) -> Judgement {
        Judgement::Is(MediaType::of(kind))
    }

    #[test]
    fn the_usual_kinds_are_known_by_their_bytes() {
        let docx = [
            member("[Content_Types].xml"),
            member("_rels/.rels"),
            member("word/document.xml"),
        ]
        .concat();
        let xlsx = [member("_rels/.rels"), member("xl/workbook.xml")].concat();
        for (head, kind) in [
            (&b"%PDF-1.7\n"[..], PDF),
            (b"\xef\xbb\xbf\n%PDF-1.4", PDF),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", PNG),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", JPEG),
            (&docx, DOCX),
            (&xlsx, XLSX),
            (&member("word/document.xml"), ZIP),
            (b"minutes of 3 October", TEXT),
            ("會議紀錄".as_bytes(), TEXT),
            (b"\xb7|\xc4\xb3\xac\xf6\xbf\xfd", TEXT),
            (b"<!DOCTYPE HTML><p>", HTML),
            (b"\xef\xbb\xbf \r\n<ScRiPt src=x>", HTML),
            (b"<!-- x --><html>", HTML),
            (b"<svg onload=x>", SVG),
            (b"<?xml version=\"1.0\"?><!DOCTYPE svg><svg>", SVG),
            (b"<?xml version=\"1.0\"?><a/>", XML),
            (b"\xff\xfe<\0h\0t\0m\0l\0>\0", HTML),
            (b"\xfe\xff\0<\0s\0v\0g\0>", SVG),
            (b"\x7fELF\x02\x01\x01\0", OCTETS),
        ] {
            assert_eq!(judged(head, OCTETS), is(kind), "{head:?}");
        }
    }

    #[test]
    fn a_declaration_counts_where_the_bytes_do_not_speak_against_it() {
        assert_eq!(judged(b"a,b\r\n1,2\r\n", "text/csv; charset=utf-8"), is(CSV));
        assert_eq!(
            judged(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/vnd.ms-excel"),
            is("application/vnd.ms-excel")
        );
        assert_eq!(
            judged(&member("mimetype"), "application/vnd.oasis.opendocument.text"),
            is("application/vnd.oasis.opendocument.text")
        );
        assert_eq!(
            judged(b"<html>", "application/xhtml+xml"),
            is("application/xhtml+xml")
        );
        let rather = |kind| Judgement::IsRather(MediaType::fixed(kind));
        assert_eq!(judged(b"\x89PNG\r\n\x1a\n", "image/jpeg"), rather(PNG));
        assert_eq!(judged(b"\0\x01\x02", "application/pdf"), rather(OCTETS));
        assert_eq!(judged(b"\0\x01\x02", "text/plain"), rather(OCTETS));
        assert_eq!(judged(b"words", "image/png"), rather(TEXT));
        assert_eq!(judged(&member("a"), DOCX), rather(ZIP));
    }

    #[test]
    fn what_runs_in_a_browser_can_not_pass_for_something_else() {
        for declared in ["image/png", "text/plain", "application/pdf", "text/csv"] {
            assert_eq!(
                judged(b"<html>", declared),
                Judgement::Disguised(MediaType::fixed(HTML))
            );
            assert_eq!(
                judged(b"<svg/>", declared),
                Judgement::Disguised(MediaType::fixed(SVG))
            );
        }
        for active in [
            HTML,
            SVG,
            XML,
            "application/xhtml+xml",
            "text/javascript",
            "application/x-shockwave-flash",
        ] {
            assert!(!MediaType::of(active).is_harmless(), "{active}");
        }
    }

    #[test]
    fn what_is_no_media_type_is_bytes() {
        for bad in [
            "",
            "pdf",
            "/",
            "a/",
            "a/b/c",
            "text/pl ain",
            "text/\r\nSet-Cookie",
            "..",
            &"x/".repeat(99),
        ] {
            assert_eq!(MediaType::of(bad).as_str(), OCTETS, "{bad:?}");
        }
        assert_eq!(MediaType::of(" Text/HTML ; charset=x").as_str(), HTML);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_and_the_verdict_is_a_media_type(
            head in prop::collection::vec(any::<u8>(), 0..300), declared in "[ -~]{0,40}",
        ) {
            let (Judgement::Is(kind) | Judgement::IsRather(kind) | Judgement::Disguised(kind)) =
                judged(&head, &declared);
            prop_assert_eq!(MediaType::of(kind.as_str()), kind);
        }

        #[test]
        fn a_cut_archive_is_judged(cut in 0_usize..200, noise in any::<[u8; 8]>()) {
            let mut head = [member("[Content_Types].xml"), member("word/document.xml")].concat();
            head.splice(26..28, noise);
            head.truncate(cut);
            let _judged = judged(&head, DOCX);
        }
    }
}
