//! Signing in with a password, and the sessions that come of it.
//!
//! An attempt takes as long on a user that does not exist, or can't sign in, as on one that does: there is always one
//! hash to verify. At most two run at a time, which bounds the memory at two times 19 MiB, and few wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use plumbline_config::seal::sha256_hex;
use tokio::sync::Semaphore;
use tracing::{error, warn};

use crate::access::Access;
use crate::secret::{Kind, Token};
use crate::store::{Act, NewSession, PasswordHash, Session, User};
use crate::users::{Password, UserError, UserName};
use crate::web::problem::{BUSY, FAILED, RETRY_AFTER_SECONDS, Refusal, TOO_MANY_FAILURES, WRONG_PASSWORD};
use crate::web::{Shared, cookie};

/// Passwords verified at a time.
const AT_ONCE: usize = 2;

/// Attempts that wait for that; more are told to come back.
const WAITING: usize = 32;

/// A session that is not used for so long is over.
pub(super) const IDLE: SignedDuration = SignedDuration::from_mins(30);

/// A session is over after so long, however it is used.
const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);

/// How exactly it is kept when a session was last used.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Sessions of one user; the oldest gives way.
const SESSIONS: usize = 20;

/// Verifies passwords.
pub(crate) struct Verifier {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// What is verified where there is nothing to verify. Nobody knows its password.
    decoy: PasswordHash,
}

impl Verifier {
    /// Makes the decoy.
    pub(crate) fn new() -> Result<Self, UserError> {
        let nobodys = Token::new(Kind::Session)?;
        Ok(Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            decoy: Password::typed(nobodys.reveal()).hash()?,
        })
    }

    /// Runs `work`, which hashes a password, when its turn comes.
    pub(super) async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = || {
            BUSY.because("too many passwords are being verified at the moment; try again")
                .retry_after(RETRY_AFTER_SECONDS)
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| busy())?;
        // The permits go along: a request that is given up leaves its hash running.
        let done = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop((place, turn));
            answer
        });
        done.await
            .map_err(|_| FAILED.because("the collector failed at this request"))
    }

    async fn is_right(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Refusal> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let right = self.turn(move || password.is(&hash)).await?;
        Ok(right && known)
    }
}

/// A person who has just signed in.
pub(super) struct SignedIn {
    pub(super) user: String,
    pub(super) role: Access,
    /// The cookie's value.
    pub(super) token: Token,
    pub(super) expires_at: Timestamp,
}

impl SignedIn {
    /// The header that gives the browser its cookie, for as long as the session lasts.
    pub(super) fn cookie(&self) -> Option<HeaderValue> {
        cookie::set(cookie::SESSION, self.token.reveal(), ABSOLUTE.as_secs())
    }
}

/// Signs a person in who has typed a name and a password.
pub(super) async fn with_password(
    app: &Shared,
    source: IpAddr,
    name: &str,
    password: Password,
) -> Result<SignedIn, Refusal> {
    // What can't be a name belongs to nobody, and all of it counts as one.
    let name = UserName::new(name).ok();
    let key = name.as_ref().map_or("", UserName::as_str).to_owned();
    app.throttle
        .may_sign_in(source, &key, Instant::now())
        .map_err(|seconds| {
            TOO_MANY_FAILURES
                .because(format!("wait {seconds} seconds, then try again"))
                .retry_after(seconds)
        })?;
    let user = match name {
        Some(name) => app.blocking(move |store| store.user(name.as_str())).await?,
        None => None,
    };
    let may = user.as_ref().filter(|user| user.disabled_at.is_none());
    let hash = may.and_then(|user| user.password.clone());
    let right = app.verifier.is_right(password, hash).await?;
    let signed_in = match user.as_ref().filter(|_| right) {
        Some(user) => begin(app, user, source).await?,
        None => None,
    };
    match signed_in {
        Some(signed_in) => {
            app.throttle.signed_in(source, &key);
            Ok(signed_in)
        }
        None => {
            if let Some(user) = user {
                note_refused(app, &user.name, source);
            }
            Err(WRONG_PASSWORD.because("the user name or the password is wrong, or the user is disabled"))
        }
    }
}

/// Begins a session of a user; `None`: the user is gone or disabled.
pub(super) async fn begin(app: &Shared, user: &User, source: IpAddr) -> Result<Option<SignedIn>, Refusal> {
    let token = Token::new(Kind::Session).map_err(|error| FAILED.because(error.to_string()))?;
    let now = Timestamp::now();
    let session = NewSession {
        sha256: token.sha256(),
        user: user.name.clone(),
        at: now,
        expires_at: now.saturating_add(ABSOLUTE).unwrap_or(Timestamp::MAX),
    };
    let act = Act {
        at: now,
        who: format!("user:{}", user.name),
        what: "session.create".to_owned(),
        on: from(source),
    };
    let expires_at = session.expires_at;
    let begun = app
        .blocking(move |store| store.add_session(&session, SESSIONS, &act))
        .await?;
    Ok(begun.then(|| SignedIn {
        user: user.name.clone(),
        role: user.role,
        token,
        expires_at,
    }))
}

/// Records that somebody could not sign in as a user that exists. The answer does not wait for it: it would come later
/// than where there is no such user.
pub(super) fn note_refused(app: &Shared, user: &str, source: IpAddr) {
    let act = Act {
        at: Timestamp::now(),
        who: from(source),
        what: "session.refuse".to_owned(),
        on: format!("user:{user}"),
    };
    let app = Arc::clone(app);
    drop(tokio::task::spawn_blocking(move || {
        if let Err(error) = app.store.record_act(&act) {
            error!(%error, "cannot record a sign-in that failed");
        }
    }));
}

/// An address as acts name it.
fn from(source: IpAddr) -> String {
    format!("address:{}", source.to_canonical())
}

/// The session that a cookie stands for, if it is not over.
pub(super) async fn session(app: &Shared, cookie: &str) -> Result<Option<(Session, String)>, Refusal> {
    let sha256 = sha256_hex(cookie.as_bytes());
    let key = sha256.clone();
    let found = app.blocking(move |store| store.session(&key)).await?;
    let now = Timestamp::now();
    let Some(session) = found.filter(|session| stands(session, now)) else {
        return Ok(None);
    };
    if now.duration_since(session.seen_at) >= SEEN_EVERY {
        let key = sha256.clone();
        let noted = app
            .blocking(move |store| Ok(store.touch_session(&key, now)))
            .await?;
        // A disk that is full must not sign everybody out.
        if let Err(error) = noted {
            warn!(%error, "cannot note that a session was used");
        }
    }
    Ok(Some((session, sha256)))
}

fn stands(session: &Session, now: Timestamp) -> bool {
    session.user_disabled_at.is_none()
        && session.expires_at > now
        && now.duration_since(session.seen_at) < IDLE
}

/// Ends a session.
pub(super) async fn end(app: &Shared, user: &str, sha256: String) -> Result<bool, Refusal> {
    let act = Act {
        at: Timestamp::now(),
        who: format!("user:{user}"),
        what: "session.end".to_owned(),
        on: format!("user:{user}"),
    };
    app.blocking(move |store| store.end_session(&sha256, &act)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stands_while_it_is_used_and_no_longer_than_its_end() {
        let begun: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
        let minutes = |n: i64| begun + SignedDuration::from_mins(n);
        let session = Session {
            user: "alice".to_owned(),
            role: Access::Viewer,
            user_disabled_at: None,
            created_at: begun,
            seen_at: minutes(60),
            expires_at: minutes(80),
        };
        assert!(stands(&session, minutes(79)));
        assert!(!stands(&session, minutes(80)), "its end");
        let long = Session {
            expires_at: minutes(600),
            ..session.clone()
        };
        assert!(stands(&long, minutes(89)));
        assert!(!stands(&long, minutes(90)), "idle");
        let disabled = Session {
            user_disabled_at: Some(begun),
            ..session
        };
        assert!(!stands(&disabled, minutes(61)));
    }
}
