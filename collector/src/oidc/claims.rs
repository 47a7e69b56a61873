//! What an ID token says, and whether it is meant for this sign-in (OpenID Connect Core 1.0, 3.1.3.7).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::shown;

/// By how much the provider's clock may differ from ours, in seconds.
const SKEW: f64 = 60.0;

/// How long ago a token may have been made, in seconds: it is asked for at this very moment, but some providers write the
/// time a few minutes back.
const OLDEST: f64 = 600.0;

/// Longest subject, in ASCII characters.
const LONGEST_SUBJECT: usize = 255;

/// Texts looked at in one claim.
const MOST_TEXTS: usize = 1_000;

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// The claims of a person who has signed in at the provider.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    /// Who it is; never another person's at this issuer.
    pub(crate) subject: String,
    all: Map<String, Value>,
}

/// Takes the claims of a token whose signature is good.
pub(super) fn check(all: Map<String, Value>, expected: &Expected<'_>) -> Result<Claims, String> {
    let text = |name: &str| all.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err("it is of another issuer (iss)".to_owned());
    }
    let audience = texts(all.get("aud"));
    if !audience.contains(&expected.client_id) {
        return Err("it is for another client (aud)".to_owned());
    }
    match all.get("azp") {
        Some(party) if party.as_str() != Some(expected.client_id) => {
            return Err("it was made for another party (azp)".to_owned());
        }
        None if audience.len() > 1 => {
            return Err("it is for several clients and does not say who asked (azp)".to_owned());
        }
        _ => {}
    }
    if text("nonce") != Some(expected.nonce) {
        return Err("it belongs to another sign-in (nonce)".to_owned());
    }
    check_times(&all, expected.now)?;
    let subject = text("sub").unwrap_or_default();
    let sound = (1..=LONGEST_SUBJECT).contains(&subject.len())
        && subject.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if !sound {
        return Err(format!("its subject `{}` is none (sub)", shown(subject)));
    }
    Ok(Claims {
        subject: subject.to_owned(),
        all,
    })
}

/// The times of a token, in seconds since 1970, whole or not (RFC 7519, 2).
#[expect(
    clippy::cast_precision_loss,
    reason = "a double is exact to the microsecond for centuries to come"
)]
fn check_times(all: &Map<String, Value>, now: Timestamp) -> Result<(), String> {
    let now = now.as_microsecond() as f64 / 1e6;
    let time = |name: &str| match all.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|time| time.is_finite())
            .map(Some)
            .ok_or_else(|| format!("its {name} is no time")),
    };
    let wanted = |name: &str| time(name)?.ok_or_else(|| format!("it has no {name}"));
    if wanted("exp")? <= now - SKEW {
        return Err("its time is over (exp)".to_owned());
    }
    if time("nbf")?.is_some_and(|from| from > now + SKEW) {
        return Err("its time has not come (nbf); compare the clocks".to_owned());
    }
    let made = wanted("iat")?;
    if made > now + SKEW {
        return Err("it was made in the future (iat); compare the clocks".to_owned());
    }
    if made < now - OLDEST {
        return Err("it was made too long ago (iat)".to_owned());
    }
    Ok(())
}

impl Claims {
    /// The texts of a claim: one, or those of a list. A name with dots leads into objects where there is no claim of that
    /// very name (`realm_access.roles`).
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.all.get(name).or_else(|| {
            let mut parts = name.split('.');
            let first = self.all.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        });
        texts(found)
    }

    /// The e-mail address, if the provider has verified that it is the person's.
    pub(crate) fn verified_email(&self) -> Option<&str> {
        // Some providers write the word.
        let verified = match self.all.get("email_verified")? {
            Value::Bool(verified) => *verified,
            Value::String(word) => word == "true",
            _ => false,
        };
        self.all.get("email")?.as_str().filter(|_| verified)
    }

    /// The name that the person goes by at the provider.
    pub(crate) fn preferred_username(&self) -> Option<&str> {
        self.all.get("preferred_username")?.as_str()
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().take(MOST_TEXTS).filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-10-01T00:00:00Z.
    const NOW: i64 = 1_790_812_800;

    fn claims() -> Value {
        json!({"iss": "https://id.example", "aud": "plumbline", "azp": "plumbline", "sub": "1", "nonce": "n",
            "iat": NOW, "nbf": NOW, "exp": NOW + 300})
    }

    fn checked(claims: &Value) -> Result<Claims, String> {
        check(
            claims.as_object().unwrap().clone(),
            &Expected {
                issuer: "https://id.example",
                client_id: "plumbline",
                nonce: "n",
                now: Timestamp::from_second(NOW).unwrap(),
            },
        )
    }

    fn with(member: &str, value: Value) -> Result<Claims, String> {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(member);
        } else {
            claims[member] = value;
        }
        checked(&claims)
    }

    #[test]
    fn a_token_for_this_sign_in_is_taken() {
        assert_eq!(checked(&claims()).unwrap().subject, "1");
        for (member, value) in [
            ("aud", json!(["plumbline"])),
            ("aud", json!(["other", "plumbline"])),
            ("azp", Value::Null),
            ("nbf", Value::Null),
            ("exp", json!(NOW - 59)),
            ("iat", json!(NOW + 59)),
            ("iat", json!(NOW - 599)),
            ("exp", json!(1_790_812_900.5)),
        ] {
            assert!(with(member, value.clone()).is_ok(), "{member} {value}");
        }
    }

    #[test]
    fn any_other_is_refused() {
        for (member, value) in [
            ("iss", json!("https://id.example/")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", json!({"plumbline": 1})),
            ("aud", Value::Null),
            ("azp", json!("other")),
            ("azp", json!(["plumbline"])),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
            ("sub", json!("")),
            ("sub", json!(1)),
            ("sub", json!("x".repeat(256))),
            ("sub", json!("a\nb")),
            ("exp", json!(NOW - 60)),
            ("exp", json!("never")),
            ("exp", Value::Null),
            ("nbf", json!(NOW + 61)),
            ("iat", json!(NOW + 61)),
            ("iat", json!(NOW - 601)),
            ("iat", Value::Null),
        ] {
            assert!(with(member, value.clone()).is_err(), "{member} {value}");
        }
        let mut several = claims();
        several["aud"] = json!(["plumbline", "other"]);
        several.as_object_mut().unwrap().remove("azp");
        assert!(checked(&several).is_err());
    }

    #[test]
    fn roles_are_found_in_texts_lists_and_objects() {
        let mut all = claims();
        all["groups"] = json!(["a", 1, "b"]);
        all["role"] = json!("c");
        all["realm_access"] = json!({"roles": ["d"]});
        all["https://example/roles"] = json!(["e"]);
        let claims = checked(&all).unwrap();
        assert_eq!(claims.texts("groups"), ["a", "b"]);
        assert_eq!(claims.texts("role"), ["c"]);
        assert_eq!(claims.texts("realm_access.roles"), ["d"]);
        assert_eq!(claims.texts("https://example/roles"), ["e"]);
        for none in ["", ".", "role.x", "nothing", "realm_access"] {
            assert!(claims.texts(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn an_address_counts_when_it_is_verified() {
        let of = |verified: Value| {
            let mut all = claims();
            all["email"] = json!("a@b.example");
            all["email_verified"] = verified;
            checked(&all).unwrap().verified_email().map(str::to_owned)
        };
        assert!(of(json!(true)).is_some() && of(json!("true")).is_some());
        assert!(of(json!(false)).is_none() && of(json!(1)).is_none() && of(Value::Null).is_none());
    }
}
