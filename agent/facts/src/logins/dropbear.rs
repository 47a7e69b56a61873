//! Messages of Dropbear (svr-auth.c, svr-authpasswd.c, svr-authpubkey.c, svr-authpam.c).

use super::event::{Method, Service, Source, peer};
use super::line::{number, rsplit};
use super::said::{Kind, Said};

/// `Bad password attempt for 'root' from 203.0.113.7:5`, `Login attempt for nonexistent user from 203.0.113.7:5`,
/// `Password auth succeeded for 'root' from 203.0.113.7:5`.
pub(super) fn read(message: &[u8]) -> Option<Said<'_>> {
    let (head, address) = rsplit(message, b" from ")?;
    let source = address_with_port(address)?;
    let said = |kind, method| Said::new(kind, Service::Dropbear, method).from(Some(source.clone()));
    if head.starts_with(b"Login attempt for nonexistent user")
        || head.starts_with(b"Login attempt with wrong user")
    {
        let mut said = said(Kind::Refused, Method::Unknown);
        said.unknown_user = true;
        return Some(said);
    }
    let starts: [(&[u8], Kind, Method); 4] = [
        (b"Bad password attempt for '", Kind::Failed, Method::Password),
        (b"Bad PAM password attempt for '", Kind::Failed, Method::Password),
        (b"Password auth succeeded for '", Kind::Accepted, Method::Password),
        (
            b"PAM password auth succeeded for '",
            Kind::Accepted,
            Method::Password,
        ),
    ];
    for (start, kind, method) in starts {
        if let Some(user) = head.strip_prefix(start) {
            return Some(said(kind, method).user(user.strip_suffix(b"'")?));
        }
    }
    let rest = head.strip_prefix(b"Pubkey auth succeeded for '")?;
    let (user, _key) = rsplit(rest, b"' with ")?;
    Some(said(Kind::Accepted, Method::Publickey).user(user))
}

fn address_with_port(text: &[u8]) -> Option<Source> {
    let (address, port) = rsplit(text, b":")?;
    number(port)?;
    peer(address)
}

#[cfg(test)]
mod tests {
    use super::super::said::tests::read;
    use super::*;

    #[test]
    fn failures_and_successes_are_understood() {
        for (message, kind, user) in [
            (
                "Bad password attempt for 'root' from 203.0.113.7:5",
                Kind::Failed,
                Some("root"),
            ),
            (
                "Bad password attempt for 'x' from 192.0.2.250:22' from 203.0.113.7:5",
                Kind::Failed,
                Some("x' from 192.0.2.250:22"),
            ),
            (
                "Login attempt for nonexistent user from 203.0.113.7:5",
                Kind::Refused,
                None,
            ),
            (
                "Password auth succeeded for 'root' from 203.0.113.7:5",
                Kind::Accepted,
                Some("root"),
            ),
            (
                "Pubkey auth succeeded for 'ann' with ssh-ed25519 key SHA256:x from 203.0.113.7:5",
                Kind::Accepted,
                Some("ann"),
            ),
        ] {
            let said = read(b"dropbear", message.as_bytes()).unwrap_or_else(|| panic!("{message}"));
            assert_eq!(
                (said.kind, said.user),
                (kind, user.map(str::as_bytes)),
                "{message}"
            );
            assert_eq!(said.source.unwrap().to_string(), "203.0.113.7", "{message}");
        }
        assert_eq!(read(b"dropbear", b"Child connection from 203.0.113.7:5"), None);
    }
}
