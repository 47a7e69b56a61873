//! Messages of PAM modules (pam_unix, pam_sss, pam_winbind, pam_ldap, pam_faillock, pam_tally2) and of libpam itself.

use super::event::{Method, Service, Source, peer, terminal};
use super::line::{between, number, split_once, word};
use super::said::{Kind, Program, Said};

/// Reads `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=… user=…`,
/// `PAM 2 more authentication failures; …` and the like.
pub(super) fn read(program: Program, message: &[u8]) -> Option<Said<'_>> {
    if let Some(rest) = message.strip_prefix(b"PAM ") {
        let (count, rest) = more_failures(rest)?;
        return failure(program.service(), Kind::PamUnix, count, rest);
    }
    // Old Red Hat has the module in the tag: `sshd(pam_unix)[1]: authentication failure; …`.
    let (module, rest) = match message.strip_prefix(b"pam_") {
        Some(_) => split_once(message, b": ")?,
        None => (&b"pam_unix"[..], message),
    };
    let kind = if module.starts_with(b"pam_unix") {
        Kind::PamUnix
    } else {
        Kind::PamOther
    };
    let service = match between(module, b"(", b":") {
        Some(b"cron" | b"crond" | b"atd") => return None,
        Some(name) => match Program::of(name).map(Program::service) {
            // `pam_unix(auth:auth)` and the like: the tag knows better.
            Some(Service::Pam) | None => program.service(),
            Some(service) => service,
        },
        None => program.service(),
    };
    let phase = between(module, b":", b")").unwrap_or(b"auth");
    if phase == b"session" {
        return session(service, rest);
    }
    if rest.starts_with(b"authentication success") {
        let (source, user) = origin(rest);
        let said = Said::new(Kind::PamAccepted, service, Method::Unknown).from(source);
        return Some(user.map_or(said.clone(), |user| said.user(user)));
    }
    if let Some(rest) = rest.strip_prefix(b"authentication failure;") {
        return failure(service, kind, 1, rest);
    }
    if let Some((count, rest)) = more_failures(rest) {
        return failure(service, kind, count, rest);
    }
    // pam_tally2(sudo:auth): user ann (1001) tally 6, deny 5
    let user = rest.strip_prefix(b"user ")?;
    let (user, behind) = word(user);
    let counted = memchr::memmem::find(behind, b" tally ").is_some()
        && memchr::memmem::find(behind, b"deny ").is_some();
    counted.then(|| Said::new(Kind::TooMany, service, Method::Unknown).user(user))
}

/// `3 more authentication failure[s]; …`: how many, and the rest.
fn more_failures(text: &[u8]) -> Option<(u32, &[u8])> {
    let (count, rest) = word(text);
    let rest = rest.strip_prefix(b"more authentication failure")?;
    let rest = rest.strip_prefix(b"s").unwrap_or(rest).strip_prefix(b";")?;
    Some((number(count)?.min(super::said::MOST_REPEATS), rest))
}

fn failure(service: Service, kind: Kind, count: u32, fields: &[u8]) -> Option<Said<'_>> {
    let (source, user) = origin(fields);
    let mut said = Said::new(kind, service, Method::Unknown).from(source);
    said.count = count;
    // pam_unix names no user that it does not know.
    Some(match user {
        Some(user) => said.user(user),
        None => said,
    })
}

/// Where from and who, of `logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root`.
///
/// `ruser=` may hold what the peer typed, and stands before `rhost=`; `user=` stands last. Where more than one rhost
/// stands there and they differ, none is taken.
fn origin(fields: &[u8]) -> (Option<Source>, Option<&[u8]>) {
    let mut hosts = memchr::memmem::find_iter(fields, b" rhost=").map(|at| {
        let value = fields.get(at + b" rhost=".len()..).unwrap_or_default();
        word(value).0
    });
    let first = hosts.next();
    let host = first.filter(|first| hosts.all(|other| other == *first));
    let user = first.and_then(|_| {
        let (_, behind) = split_once(fields, b" rhost=")?;
        let (_, user) = split_once(behind, b" user=")?;
        let user = user.trim_ascii_end();
        (!user.is_empty()).then_some(user)
    });
    let source = match host {
        Some(host) if !host.is_empty() => peer(host),
        Some(_) => between(fields, b" tty=", b" ").and_then(terminal),
        None => None,
    };
    (source, user)
}

/// `session opened for user ann(uid=1000) by (uid=0)`, where the service has no message of its own.
fn session(service: Service, rest: &[u8]) -> Option<Said<'_>> {
    if !matches!(
        service,
        Service::Greeter | Service::Login | Service::Xrdp | Service::Cockpit
    ) {
        return None;
    }
    let rest = rest.strip_prefix(b"session opened for user ")?;
    let (user, _) = word(rest);
    let user = user.split(|b| *b == b'(').next()?;
    // A greeter opens a session for itself to be shown in.
    let greeters: [&[u8]; 3] = [b"gdm", b"sddm", b"lightdm"];
    (!greeters.contains(&user)).then(|| Said::new(Kind::Accepted, service, Method::Unknown).user(user))
}

#[cfg(test)]
mod tests {
    use super::super::said::tests::read;
    use super::*;

    fn told(tag: &str, message: &str) -> (Kind, Service, u32, String, String) {
        let said = read(tag.as_bytes(), message.as_bytes()).unwrap_or_else(|| panic!("{message}"));
        (
            said.kind,
            said.service,
            said.count,
            String::from_utf8_lossy(said.user.unwrap_or_default()).into_owned(),
            said.source.map(|source| source.to_string()).unwrap_or_default(),
        )
    }

    #[test]
    fn failures_are_understood() {
        for (tag, message, kind, service, count, user, source) in [
            (
                "sshd",
                "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root",
                Kind::PamUnix,
                Service::Sshd,
                1,
                "root",
                "203.0.113.7",
            ),
            (
                "sshd",
                "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7",
                Kind::PamUnix,
                Service::Sshd,
                1,
                "",
                "203.0.113.7",
            ),
            (
                "sshd(pam_unix)",
                "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=mail.example.com  user=root",
                Kind::PamUnix,
                Service::Sshd,
                1,
                "root",
                "mail.example.com",
            ),
            (
                "sshd",
                "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root",
                Kind::PamUnix,
                Service::Sshd,
                2,
                "root",
                "203.0.113.7",
            ),
            (
                "sshd",
                "PAM 1 more authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7",
                Kind::PamUnix,
                Service::Sshd,
                1,
                "",
                "203.0.113.7",
            ),
            (
                "sshd",
                "pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7 user=ann",
                Kind::PamOther,
                Service::Sshd,
                1,
                "ann",
                "203.0.113.7",
            ),
            (
                "sudo",
                "pam_unix(sudo:auth): authentication failure; logname=ann uid=1000 euid=0 tty=/dev/pts/12 ruser=ann rhost=  user=ann",
                Kind::PamUnix,
                Service::Sudo,
                1,
                "ann",
                "pts/12",
            ),
            (
                "sudo",
                "pam_tally2(sudo:auth): user ann (1001) tally 6, deny 5",
                Kind::TooMany,
                Service::Sudo,
                1,
                "ann",
                "",
            ),
            (
                "gdm-password]",
                "pam_unix(gdm-password:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  user=ann",
                Kind::PamUnix,
                Service::Greeter,
                1,
                "ann",
                "tty1",
            ),
            (
                "sddm-helper",
                "pam_unix(sddm:auth): authentication failure; logname= uid=0 euid=0 tty=:0 ruser= rhost=  user=ann",
                Kind::PamUnix,
                Service::Greeter,
                1,
                "ann",
                ":0",
            ),
            (
                "lightdm",
                "pam_unix(lightdm:auth): authentication failure; logname= uid=0 euid=0 tty=:0 ruser= rhost=  user=ann",
                Kind::PamUnix,
                Service::Greeter,
                1,
                "ann",
                ":0",
            ),
            (
                "cockpit-session",
                "pam_unix(cockpit:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=203.0.113.7  user=ann",
                Kind::PamUnix,
                Service::Cockpit,
                1,
                "ann",
                "203.0.113.7",
            ),
            (
                "auth",
                "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=ann rhost=203.0.113.7  user=ann",
                Kind::PamUnix,
                Service::Dovecot,
                1,
                "ann",
                "203.0.113.7",
            ),
            (
                "login",
                "pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  user=ann",
                Kind::PamUnix,
                Service::Login,
                1,
                "ann",
                "tty1",
            ),
            (
                "vsftpd",
                "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=bob rhost=203.0.113.7",
                Kind::PamUnix,
                Service::Vsftpd,
                1,
                "",
                "203.0.113.7",
            ),
        ] {
            assert_eq!(
                told(tag, message),
                (kind, service, count, user.into(), source.into()),
                "{message}"
            );
        }
    }

    #[test]
    fn an_address_planted_in_ruser_is_not_taken() {
        let message = "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=x rhost=192.0.2.250 user=y rhost=203.0.113.7";
        assert_eq!(told("vsftpd", message).4, "");
    }

    #[test]
    fn sessions_count_where_nothing_else_tells_of_success() {
        let opened = |tag: &str, service: &str, user: &str| {
            let message =
                format!("pam_unix({service}:session): session opened for user {user}(uid=1000) by (uid=0)");
            read(tag.as_bytes(), message.as_bytes()).map(|said| said.kind)
        };
        assert_eq!(
            opened("gdm-password]", "gdm-password", "ann"),
            Some(Kind::Accepted)
        );
        for (tag, service) in [
            ("sddm-helper", "sddm"),
            ("lightdm", "lightdm"),
            ("login", "login"),
            ("cockpit-session", "cockpit"),
        ] {
            assert_eq!(opened(tag, service, "ann"), Some(Kind::Accepted), "{tag}");
        }
        assert_eq!(opened("lightdm", "lightdm-greeter", "lightdm"), None);
        assert_eq!(
            opened("gdm-launch-environment]", "gdm-launch-environment", "gdm"),
            None
        );
        assert_eq!(opened("sshd", "sshd", "ann"), None);
        assert_eq!(opened("sudo", "sudo", "root"), None);
    }
}
