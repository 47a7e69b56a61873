//! Signing in at the identity provider: there and back.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use jiff::Timestamp;
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};
use plumbline_config::settings::UsersBy;
use tracing::{info, warn};

use super::page::{Content, Page};
use super::request::{Fields, language, local};
use super::{HOME, end_before, see_other};
use crate::access::Access;
use crate::oidc::{Answer, Claims, Flow, Oidc, OidcError};
use crate::store::{Act, User, UserChange};
use crate::users::{self, UserName};
use crate::web::auth::source;
use crate::web::problem::{FAILED, NOT_FOUND, Refusal};
use crate::web::{Shared, cookie, signin};

/// Keeps what the browser must remember while it is at the provider.
const COOKIE: &str = "__Host-plumbline-oidc";

/// Longest value of that cookie, in bytes: three random texts and a path of 512 bytes in base64.
const LONGEST_COOKIE: usize = 1024;

/// How long a person may take over it, in seconds.
const PATIENCE: i64 = 600;

/// Why nobody was signed in.
enum Refused {
    /// The provider, or what it said.
    Provider(OidcError),
    /// The person has no role here, or is disabled.
    NoRole,
    /// The person's name belongs to somebody else here.
    NameTaken,
    /// The collector itself; the log says why.
    Here,
}

impl From<OidcError> for Refused {
    fn from(error: OidcError) -> Self {
        Self::Provider(error)
    }
}

impl From<Refusal> for Refused {
    fn from(_: Refusal) -> Self {
        Self::Here
    }
}

/// `GET /oidc/start`: sends the browser to the provider.
pub(super) async fn start(State(app): State<Shared>, request: Request) -> Response {
    let fields = Fields::of_query(request.uri());
    let lang = language(&fields, request.headers());
    let source = source(request.extensions());
    let Some(oidc) = &app.oidc else {
        return NOT_FOUND
            .because("the collector's settings name no identity provider")
            .into_response();
    };
    if let Err(seconds) = app.throttle.may_try(source, Instant::now()) {
        return wait(lang, seconds);
    }
    let next = local(fields.get("next")).unwrap_or(HOME);
    let flow = match Flow::new(next, lang) {
        Ok(flow) => flow,
        Err(error) => return FAILED.because(error.to_string()).into_response(),
    };
    match oidc.begin(&flow).await {
        Ok(url) => {
            let cookie = cookie::set(COOKIE, &flow.encode(), PATIENCE);
            let location = HeaderValue::from_str(&url).unwrap_or(HeaderValue::from_static(HOME));
            let headers = AppendHeaders(cookie.map(|cookie| (SET_COOKIE, cookie)));
            (StatusCode::SEE_OTHER, headers, [(LOCATION, location)]).into_response()
        }
        Err(error) => failed(lang, &error.into()),
    }
}

/// `GET /oidc/callback`: the browser is back.
pub(super) async fn callback(State(app): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let source = source(&parts.extensions);
    let Some(oidc) = &app.oidc else {
        return NOT_FOUND
            .because("the collector's settings name no identity provider")
            .into_response();
    };
    let begun = cookie::value_up_to(&parts.headers, COOKIE, LONGEST_COOKIE);
    let flow = begun.and_then(|value| Flow::decode(&value));
    let lang = flow.as_ref().map_or_else(
        || language(&Fields::of_query(&parts.uri), &parts.headers),
        |flow| flow.lang,
    );
    if let Err(seconds) = app.throttle.may_try(source, Instant::now()) {
        return wait(lang, seconds);
    }
    let mut response = match arrive(&app, oidc, flow.as_ref(), &parts.uri, &parts.headers, source).await {
        Ok(response) => response,
        Err(refused) => {
            app.throttle.failed(source, Instant::now());
            failed(lang, &refused)
        }
    };
    // One flow is good for one arrival.
    if let Some(gone) = cookie::unset(COOKIE) {
        response.headers_mut().append(SET_COOKIE, gone);
    }
    response
}

async fn arrive(
    app: &Shared,
    oidc: &Oidc,
    flow: Option<&Flow>,
    uri: &Uri,
    headers: &HeaderMap,
    source: IpAddr,
) -> Result<Response, Refused> {
    let flow = flow.ok_or(OidcError::Foreign)?;
    let fields = Fields::of_query(uri);
    let told = |name: &str| Some(fields.get(name)).filter(|value| !value.is_empty());
    let answer = Answer {
        state: fields.get("state"),
        code: told("code"),
        error: told("error"),
        issuer: told("iss"),
    };
    let claims = oidc.finish(flow, &answer).await?;
    let user = user(app, oidc, &claims, source).await?;
    let Some(signed_in) = signin::begin(app, &user, source).await? else {
        signin::note_refused(app, &user.name, source);
        return Err(Refused::NoRole);
    };
    end_before(app, headers).await;
    let next = local(&flow.next).unwrap_or(HOME);
    let cookie = signed_in.cookie().map(|cookie| (SET_COOKIE, cookie));
    Ok((AppendHeaders(cookie), see_other(next)).into_response())
}

/// The user that a person is here: made by an administrator, or by the role that the provider's claim gives.
async fn user(app: &Shared, oidc: &Oidc, claims: &Claims, source: IpAddr) -> Result<User, Refused> {
    let subject = users::subject(&oidc.settings().issuer, &claims.subject).map_err(|_| Refused::NoRole)?;
    let key = subject.clone();
    let known = match app.blocking(move |store| store.user_of_subject(&key)).await? {
        Some(user) => Some(user),
        None => named(app, oidc, claims).await?,
    };
    let claimed = oidc.role(claims);
    match (known, claimed) {
        (Some(user), _) if !user.role_claimed => Ok(user),
        (Some(mut user), Some(role)) => {
            if user.role != role {
                claim_role(app, &user.name, role).await?;
                user.role = role;
            }
            Ok(user)
        }
        (Some(user), None) => {
            signin::note_refused(app, &user.name, source);
            Err(Refused::NoRole)
        }
        (None, Some(role)) => {
            let name = name(claims).ok_or(Refused::NameTaken)?;
            let mut user = users::with_subject(&name, role, subject, Timestamp::now());
            user.role_claimed = true;
            let act = Act {
                at: user.created_at,
                who: format!("user:{name}"),
                what: "user.create".to_owned(),
                on: format!("{name} as {role}"),
            };
            let new = user.clone();
            if app.blocking(move |store| store.add_user(&new, &act)).await? {
                Ok(user)
            } else {
                Err(Refused::NameTaken)
            }
        }
        (None, None) => Err(Refused::NoRole),
    }
}

/// The user whose name here is the person's at the provider, where the settings recognise users by that. One who was
/// made with a subject is recognised by that alone: the provider may have given the name to somebody else since.
async fn named(app: &Shared, oidc: &Oidc, claims: &Claims) -> Result<Option<User>, Refusal> {
    let name = match oidc.settings().users_by {
        UsersBy::Subject => None,
        UsersBy::Email => claims.verified_email(),
        UsersBy::PreferredUsername => claims.preferred_username(),
    };
    let Some(name) = name.and_then(|name| UserName::new(name).ok()) else {
        return Ok(None);
    };
    let found = app.blocking(move |store| store.user(name.as_str())).await?;
    Ok(found.filter(|user| user.subject.is_none()))
}

async fn claim_role(app: &Shared, name: &str, role: Access) -> Result<(), Refusal> {
    let change = UserChange::ClaimedRole(role);
    let act = Act {
        at: Timestamp::now(),
        who: format!("user:{name}"),
        what: change.act().to_owned(),
        on: change.on(name),
    };
    let name = name.to_owned();
    app.blocking(move |store| store.change_user(&name, &change, &act))
        .await?;
    Ok(())
}

/// The name that a new user gets: the person's own, their address, or the subject.
fn name(claims: &Claims) -> Option<UserName> {
    let names = [
        claims.preferred_username(),
        claims.verified_email(),
        Some(claims.subject.as_str()),
    ];
    names
        .into_iter()
        .flatten()
        .find_map(|name| UserName::new(name).ok())
}

fn failed(lang: Lang, refused: &Refused) -> Response {
    let (status, key) = match refused {
        Refused::Provider(error) => {
            warn!(%error, "a sign-in at the identity provider failed");
            match error {
                OidcError::Unreachable(_) => (StatusCode::BAD_GATEWAY, "people-provider-unreachable"),
                OidcError::Refused(_) => (StatusCode::FORBIDDEN, "people-provider-refused"),
                OidcError::Foreign => (StatusCode::BAD_REQUEST, "people-provider-state"),
                OidcError::Unsound(_) => (StatusCode::FORBIDDEN, "people-provider-unsound"),
                OidcError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "people-busy"),
            }
        }
        Refused::NoRole => {
            info!("a person whom the identity provider knows has no role here");
            (StatusCode::FORBIDDEN, "people-no-role")
        }
        Refused::NameTaken => (StatusCode::FORBIDDEN, "people-name-taken"),
        Refused::Here => (StatusCode::SERVICE_UNAVAILABLE, "people-busy"),
    };
    let reason = text(lang, key);
    Page::new(lang, Content::Failed { reason }).respond(status)
}

fn wait(lang: Lang, seconds: u64) -> Response {
    let reason = Message::new("people-wait")
        .arg("seconds", seconds)
        .render_in(lang);
    let mut response = Page::new(lang, Content::Failed { reason }).respond(StatusCode::TOO_MANY_REQUESTS);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}
