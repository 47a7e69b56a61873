//! Cookies: the one that keeps a person signed in, and how any of ours is set and read (RFC 6265).
//!
//! All bear the prefix `__Host-`: a browser takes such a cookie only from this host, over TLS, for the path `/`, so no
//! other host of the domain can plant one.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::secret::LONGEST_TOKEN;

/// Keeps a person signed in.
pub(super) const SESSION: &str = "__Host-plumbline-session";

/// Pairs looked at in the cookies of a request; the head as a whole is bounded by the listener.
const MOST_PAIRS: usize = 64;

/// The value of a cookie that holds a token, the first of its name.
pub(super) fn value(headers: &HeaderMap, name: &str) -> Option<Zeroizing<String>> {
    value_up_to(headers, name, LONGEST_TOKEN)
}

/// The value of a cookie of at most `most` bytes, the first of its name.
pub(super) fn value_up_to(headers: &HeaderMap, name: &str, most: usize) -> Option<Zeroizing<String>> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .take(MOST_PAIRS)
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && value.len() <= most)
        .map(|(_, value)| Zeroizing::new(value.to_owned()))
}

/// The header that sets a cookie for so many seconds. The value must be of characters that a cookie may have; ours are
/// letters, digits and a few marks.
pub(super) fn set(name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!(
        "{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax"
    ))
    .ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The header that takes a cookie away.
pub(super) fn unset(name: &str) -> Option<HeaderValue> {
    set(name, "", 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(header: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(header).ok()?);
        value(&headers, SESSION).map(|value| value.to_string())
    }

    #[test]
    fn the_first_of_the_name_counts() {
        assert_eq!(
            of("a=b; __Host-plumbline-session=x; __Host-plumbline-session=y").as_deref(),
            Some("x")
        );
        for none in [
            "",
            "=",
            "__Host-plumbline-session",
            "plumbline-session=x",
            "x__Host-plumbline-session=x",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
        let long = format!("{SESSION}={}", "x".repeat(LONGEST_TOKEN + 1));
        assert_eq!(of(&long), None);
        let many = format!("{}{SESSION}=x", "a=b;".repeat(MOST_PAIRS));
        assert_eq!(of(&many), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in ".*") {
            let _read = of(&header);
        }
    }
}
