//! Whether a browser's request was made by this collector's own pages.
//!
//! A browser sends the session's cookie by itself, also with a request that another site made up. The cookie is
//! `SameSite=Lax`, which keeps it from other sites' posts, but not from those of other hosts of the same site
//! (`other.example.com` beside `plumbline.example.com`). So whatever changes something under a cookie must also come
//! from this very origin, as the browser says itself and no page can forge: `Sec-Fetch-Site: same-origin`, sent by every
//! browser since 2023, and `Origin` with our own address, sent with every POST long before. Either one that is there
//! must be right, and one must be there. No hidden token is needed then, and no script to send one
//! (OWASP Cross-Site Request Forgery Prevention, "Fetch Metadata").
//!
//! `Lax` and not `Strict`: a browser that comes back from an identity provider, or by a link in a mail, would arrive
//! signed out.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Says where the request was made, in the browser's view (W3C Fetch Metadata).
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// What the headers say of where a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// By a page of this collector.
    Own,
    /// By something else.
    Foreign,
    /// They don't say: no browser of the last years.
    Untold,
}

/// Where a request was made.
pub(super) fn origin(headers: &HeaderMap) -> Origin {
    let mut told = false;
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        told = true;
        if site != "same-origin" {
            return Origin::Foreign;
        }
    }
    if let Some(origin) = headers.get(ORIGIN) {
        told = true;
        let own = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .map(|host| format!("https://{host}"));
        let origin = origin.to_str().ok();
        if !own
            .zip(origin)
            .is_some_and(|(own, origin)| own.eq_ignore_ascii_case(origin))
        {
            return Origin::Foreign;
        }
    }
    if told { Origin::Own } else { Origin::Untold }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Origin {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        origin(&map)
    }

    #[test]
    fn what_a_browser_says_decides() {
        let host = ("host", "plumbline.example:9443");
        assert_eq!(of(&[host]), Origin::Untold);
        assert_eq!(of(&[host, ("sec-fetch-site", "same-origin")]), Origin::Own);
        assert_eq!(
            of(&[host, ("origin", "https://Plumbline.example:9443")]),
            Origin::Own
        );
        for site in ["same-site", "cross-site", "none", ""] {
            assert_eq!(of(&[host, ("sec-fetch-site", site)]), Origin::Foreign, "{site}");
        }
        for origin in [
            "null",
            "https://plumbline.example",
            "http://plumbline.example:9443",
            "https://evil.example",
            "https://plumbline.example:9443.evil.example",
        ] {
            let both = [host, ("sec-fetch-site", "same-origin"), ("origin", origin)];
            assert_eq!(of(&both), Origin::Foreign, "{origin}");
        }
        assert_eq!(
            of(&[("origin", "https://plumbline.example")]),
            Origin::Foreign,
            "no Host"
        );
    }
}
