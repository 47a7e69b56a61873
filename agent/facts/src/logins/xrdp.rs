//! Messages of xrdp's session manager.

use super::event::{Method, Service, peer};
use super::line::{rsplit, split_once};
use super::said::{Kind, Said};

/// `[INFO ] AUTHFAIL: user=ann ip=::ffff:203.0.113.7 time=1700000000`.
pub(super) fn read(message: &[u8]) -> Option<Said<'_>> {
    let (_, rest) = split_once(message, b"AUTHFAIL: user=")?;
    let (user, tail) = rsplit(rest, b" ip=")?;
    let address = tail.split(|b| *b == b' ').next()?;
    Some(
        Said::new(Kind::Failed, Service::Xrdp, Method::Password)
            .unknown_user(user)
            .from(peer(address)),
    )
}

#[cfg(test)]
mod tests {
    use super::super::said::tests::read;

    #[test]
    fn a_failure_is_understood() {
        let message = b"[INFO ] AUTHFAIL: user=x ip=192.0.2.250 y ip=::ffff:203.0.113.7 time=1700000000";
        let said = read(b"xrdp-sesman", message).unwrap();
        assert_eq!(said.user, Some(&b"x ip=192.0.2.250 y"[..]));
        assert_eq!(said.source.unwrap().to_string(), "203.0.113.7");
    }
}
