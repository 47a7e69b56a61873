//! Where a store is: `sqlite:FILE` or `postgres://USER@HOST/DATABASE`.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of a store. It may hold a password, which neither `Debug` nor `Display` shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreAddress(String);

impl StoreAddress {
    /// The address as it was written, with its password.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for StoreAddress {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for StoreAddress {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&without_password(&self.0), f)
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

/// The address of a store without what may be a password: between the user's name and the host, and after `password=`.
#[must_use]
pub fn without_password(address: &str) -> String {
    let mut shown = address.to_owned();
    if let Some((scheme, rest)) = address.split_once("://") {
        // A password may hold any of these characters unescaped, by mistake: the last `@` before the query ends it.
        let (place, query) = match rest.find('?') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        shown = match place.rsplit_once('@') {
            Some((login, server)) => {
                let (user, _) = login.split_once(':').unwrap_or((login, ""));
                format!("{scheme}://{user}@{server}{query}")
            }
            None => address.to_owned(),
        };
    }
    match shown.find("password") {
        Some(at) => {
            shown.truncate(at);
            shown.push('…');
            shown
        }
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (address, shown) in [
            (
                "postgres://u:p@h:5432/d?sslmode=require",
                "postgres://u@h:5432/d?sslmode=require",
            ),
            ("postgres://u:p@ss@h/d", "postgres://u@h/d"),
            ("postgres://h/d?user=u&password=p", "postgres://h/d?user=u&…"),
            ("host=h password=p dbname=d", "host=h …"),
            ("sqlite:/var/lib/x.db", "sqlite:/var/lib/x.db"),
        ] {
            assert_eq!(without_password(address), shown);
            assert_eq!(StoreAddress(address.to_owned()).to_string(), shown);
            assert!(!format!("{:?}", StoreAddress(address.to_owned())).contains("p@"));
        }
    }
}
