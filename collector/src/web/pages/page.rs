//! The page itself.

use std::sync::LazyLock;

use askama::Template;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};
use ring::digest::{SHA256, digest};
use tracing::error;

use crate::access::Access;
use crate::web::problem::FAILED;

const STYLE: &str = include_str!("../../../templates/people.css");

/// Nothing may be loaded or run, forms go to this collector alone, and nobody frames the page; the one style sheet is
/// known by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(digest(&SHA256, STYLE.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// What a page holds.
pub(super) enum Content {
    /// The form, with what went wrong before.
    SignIn {
        user: String,
        next: String,
        fault: Option<String>,
        /// Whether there is an identity provider.
        provider: bool,
    },
    /// Who is signed in.
    SignedIn { user: String, role: Access },
    /// The identity provider did not help.
    Failed { reason: String },
}

/// One page.
#[derive(Template)]
#[template(path = "people.html")]
pub(super) struct Page {
    lang: Lang,
    content: Content,
    style: &'static str,
}

impl Page {
    /// A page in a language.
    pub(super) const fn new(lang: Lang, content: Content) -> Self {
        Self {
            lang,
            content,
            style: STYLE,
        }
    }

    /// The answer.
    pub(super) fn respond(&self, status: StatusCode) -> Response {
        match self.render() {
            Ok(html) => {
                let headers = [
                    (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                    (CONTENT_SECURITY_POLICY, POLICY.clone()),
                    // Not `no-referrer`: then forms would not say where they come from.
                    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
                ];
                (status, headers, html).into_response()
            }
            Err(fault) => {
                error!(%fault, "cannot render a page");
                FAILED
                    .because("the page could not be rendered; see the collector's log")
                    .into_response()
            }
        }
    }

    fn t(&self, key: &'static str) -> String {
        text(self.lang, key)
    }

    /// Where to go on to, and in which language, as a query.
    fn query(&self, next: &str, lang: &Lang) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next)
            .append_pair("lang", lang.tag())
            .finish()
    }

    /// The query of the same page in another language.
    fn in_language(&self, lang: &Lang) -> String {
        match &self.content {
            Content::SignIn { next, .. } => self.query(next, lang),
            Content::SignedIn { .. } | Content::Failed { .. } => format!("lang={lang}"),
        }
    }

    fn signed_in(&self, user: &str) -> String {
        Message::new("people-signed-in")
            .arg("user", user)
            .render_in(self.lang)
    }

    fn role(&self, role: &Access) -> String {
        Message::new("people-role-is")
            .arg("role", self.t(role.key()))
            .render_in(self.lang)
    }

    fn may_report(&self, role: &Access) -> bool {
        *role >= Access::Auditor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_typed_is_text_and_no_markup() {
        let content = Content::SignIn {
            user: "\"><script>alert(1)</script>".to_owned(),
            next: "/report?a=1&b=%22".to_owned(),
            fault: None,
            provider: true,
        };
        let html = Page::new(Lang::En, content).render().unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(
            html.contains("name=\"next\" value=\"/report?a=1&#38;b=%22\""),
            "{html}"
        );
        assert!(
            html.contains("href=\"/oidc/start?next=%2Freport%3Fa%3D1%26b%3D%2522&#38;lang=en\""),
            "{html}"
        );
    }

    #[test]
    fn every_page_is_in_both_languages() {
        for lang in Lang::ALL {
            for content in [
                Content::SignedIn {
                    user: "王小明".to_owned(),
                    role: Access::Viewer,
                },
                Content::Failed {
                    reason: "x".to_owned(),
                },
            ] {
                let html = Page::new(lang, content).render().unwrap();
                assert!(
                    html.contains(&format!("<html lang=\"{lang}\">")) && !html.contains("people-"),
                    "{html}"
                );
            }
        }
    }
}
