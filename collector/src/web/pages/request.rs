//! What a browser asks: fields of forms and queries, the language, and where to go on to.

use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::{HeaderMap, Uri};
use plumbline_config::lang::Lang;
use zeroize::Zeroizing;

/// Fields looked at in one form or query.
const MOST_FIELDS: usize = 16;

/// Longest path to go on to, in bytes.
const LONGEST_NEXT: usize = 512;

/// The fields of a form or of a query.
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// The fields of a form; bytes that are no text become U+FFFD.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes).take(MOST_FIELDS);
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())))
                .collect(),
        )
    }

    /// The fields of a query.
    pub(super) fn of_query(uri: &Uri) -> Self {
        Self::new(uri.query().unwrap_or_default().as_bytes())
    }

    /// The first of a name; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value.as_str())
    }
}

/// The language that a person asks for, or their browser prefers; that of the plan otherwise.
pub(super) fn language(fields: &Fields, headers: &HeaderMap) -> Lang {
    if let Ok(lang) = fields.get("lang").parse() {
        return lang;
    }
    let preferred = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    match preferred {
        // Browsers write the languages in the order they are preferred.
        Some(list) => Lang::from_locale(list.trim_start()),
        None => Lang::default(),
    }
}

/// A path of our own to go on to. Anything that a browser might take for another site's address is none.
pub(super) fn local(next: &str) -> Option<&str> {
    let rest = next.strip_prefix('/')?;
    let sound = next.len() <= LONGEST_NEXT
        && !rest.starts_with(['/', '\\'])
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    sound.then_some(next)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_of_our_own_are_gone_on_to() {
        for good in ["/", "/report", "/api/v1/hosts?limit=1&role=service", "/a//b"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "report",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "/a\\b",
            "/ä",
            "/a\r\nb",
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
        assert_eq!(local(&format!("/{}", "x".repeat(LONGEST_NEXT))), None);
    }

    #[test]
    fn the_language_is_asked_for_or_preferred() {
        let of = |query: &[u8], accept: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
            }
            language(&Fields::new(query), &headers)
        };
        assert_eq!(of(b"lang=en", Some("zh-TW,zh;q=0.9")), Lang::En);
        assert_eq!(of(b"lang=xx", Some("zh-TW,zh;q=0.9")), Lang::ZhTw);
        assert_eq!(of(b"", Some("de, en;q=0.9")), Lang::En);
        assert_eq!(of(b"", None), Lang::ZhTw);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_form(bytes: Vec<u8>) {
            let fields = Fields::new(&bytes);
            prop_assert!(fields.0.len() <= MOST_FIELDS);
            let _next = local(fields.get("next"));
        }
    }
}
