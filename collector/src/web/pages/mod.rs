//! Pages on which people sign in and out: no scripts, nothing from elsewhere, readable on a phone.

mod page;
mod provider;
mod request;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};

use crate::oidc::CALLBACK;
use crate::users::{LONGEST_NAME, Password};
use crate::web::auth::source;
use crate::web::problem::{
    INVALID_SESSION, MISSING_TOKEN, Refusal, TOO_MANY_FAILURES, UNSUPPORTED, WRONG_PASSWORD,
};
use crate::web::same_origin::{Origin, origin};
use crate::web::{Shared, body, cookie, signin};
use page::{Content, Page};
use request::{Fields, language, local};

/// Paths of the pages: they want no credential.
pub(super) const PATHS: [&str; 4] = ["/login", "/logout", "/oidc/start", CALLBACK];

/// Largest form, in bytes.
const LARGEST_FORM: usize = 8 * 1024;

/// Where a person goes who did not come for anything: to see how things stand.
const HOME: &str = "/";

/// Where a person goes who has signed out.
const SIGNED_OUT: &str = "/login";

/// The pages.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/login", get(show).post(sign_in))
        .route("/logout", post(sign_out))
        .route("/oidc/start", get(provider::start))
        .route(CALLBACK, get(provider::callback))
}

/// What a browser gets in place of a refusal: the way to the page for signing in, once there is anybody who could. Until
/// then it asks for an API token itself.
pub(super) async fn instead_of(app: &Shared, request: &Parts, refusal: &Refusal) -> Option<Response> {
    let accepts = request.headers.get(ACCEPT)?.to_str().ok()?;
    let wants_page = request.method == Method::GET && accepts.contains("text/html");
    if !wants_page || !(refusal.is(MISSING_TOKEN) || refusal.is(INVALID_SESSION)) {
        return None;
    }
    let somebody = app.oidc.is_some() || app.blocking(|store| store.has_users()).await.ok()?;
    let asked = request.uri.path_and_query()?.as_str();
    let next = local(asked).unwrap_or(HOME);
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    somebody.then(|| see_other(&format!("/login?{query}")))
}

/// The language that a browser prefers.
pub(super) fn preferred(headers: &HeaderMap) -> Lang {
    language(&Fields::new(b""), headers)
}

/// `GET /login`: the form, or who is signed in.
async fn show(State(app): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let fields = Fields::of_query(&uri);
    let lang = language(&fields, &headers);
    let signed_in = match cookie::value(&headers, cookie::SESSION) {
        Some(cookie) => signin::session(&app, &cookie).await,
        None => Ok(None),
    };
    let content = match signed_in {
        Ok(Some((session, _))) => Content::SignedIn {
            user: session.user,
            role: session.role,
        },
        Ok(None) => form(&app, &fields, None),
        Err(_) => form(&app, &fields, Some(text(lang, "people-busy"))),
    };
    Page::new(lang, content).respond(StatusCode::OK)
}

/// `POST /login`: the form, filled in.
async fn sign_in(State(app): State<Shared>, request: Request) -> Response {
    let began = origin(request.headers());
    let headers = request.headers().clone();
    let source = source(request.extensions());
    let fields = match read_form(request).await {
        Ok(fields) => fields,
        Err(refusal) => return refusal.into_response(),
    };
    let lang = language(&fields, &headers);
    // A browser says where a form was filled in; who does not is no browser, and has the API.
    if began != Origin::Own {
        let fault = text(lang, "people-cross-site");
        return Page::new(lang, form(&app, &fields, Some(fault))).respond(StatusCode::FORBIDDEN);
    }
    let password = Password::typed(fields.get("password"));
    let signed_in = signin::with_password(&app, source, fields.get("user"), password).await;
    match signed_in {
        Ok(signed_in) => {
            end_before(&app, &headers).await;
            let next = local(fields.get("next")).unwrap_or(HOME);
            let cookie = signed_in.cookie().map(|cookie| (SET_COOKIE, cookie));
            (AppendHeaders(cookie), see_other(next)).into_response()
        }
        Err(refusal) => {
            let (status, fault) = if refusal.is(WRONG_PASSWORD) {
                // Not 401: that would ask the browser for another way to sign in.
                (StatusCode::FORBIDDEN, Message::new("people-wrong"))
            } else if refusal.is(TOO_MANY_FAILURES) {
                let seconds = refusal.retry_after_seconds().unwrap_or(1);
                let fault = Message::new("people-wait").arg("seconds", seconds);
                (StatusCode::TOO_MANY_REQUESTS, fault)
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, Message::new("people-busy"))
            };
            let content = form(&app, &fields, Some(fault.render_in(lang)));
            let mut response = Page::new(lang, content).respond(status);
            if let Some(seconds) = refusal.retry_after_seconds() {
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// `POST /logout`.
async fn sign_out(State(app): State<Shared>, headers: HeaderMap) -> Response {
    if origin(&headers) != Origin::Own {
        return see_other(SIGNED_OUT);
    }
    end_before(&app, &headers).await;
    let gone = cookie::unset(cookie::SESSION).map(|cookie| (SET_COOKIE, cookie));
    (AppendHeaders(gone), see_other(SIGNED_OUT)).into_response()
}

/// Ends the session that the browser has so far.
async fn end_before(app: &Shared, headers: &HeaderMap) {
    let Some(cookie) = cookie::value(headers, cookie::SESSION) else {
        return;
    };
    if let Ok(Some((session, sha256))) = signin::session(app, &cookie).await {
        // It ends by itself where the store fails now, and what failed is in the log.
        let _ended = signin::end(app, &session.user, sha256).await;
    }
}

fn form(app: &Shared, fields: &Fields, fault: Option<String>) -> Content {
    Content::SignIn {
        user: fields.get("user").chars().take(LONGEST_NAME).collect(),
        next: local(fields.get("next")).unwrap_or(HOME).to_owned(),
        fault,
        provider: app.oidc.is_some(),
    }
}

async fn read_form(request: Request) -> Result<Fields, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE);
    let essence = kind.and_then(|kind| kind.to_str().ok()?.split(';').next());
    if !essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }) {
        return Err(UNSUPPORTED.because("send the form as application/x-www-form-urlencoded"));
    }
    let bytes = body::read(request, LARGEST_FORM).await?;
    Ok(Fields::new(&bytes))
}

/// Sends a browser on to a path of our own.
fn see_other(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static(HOME));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}
