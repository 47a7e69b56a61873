//! What one message says about an attempt, before messages on the same attempt are brought together.

use super::event::{Method, Service, Source};
use super::line::{number, word};
use super::panels::Panels;
use super::{console, dropbear, mail_ftp, pam, sshd, sudo_su, xrdp};

/// Most attempts that one line may claim to stand for; more is a broken or hostile line.
pub(super) const MOST_REPEATS: u32 = 1_000;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) kind: Kind,
    pub(super) service: Service,
    pub(super) method: Method,
    pub(super) user: Option<&'a [u8]>,
    pub(super) unknown_user: bool,
    /// Who asked to become `user`.
    pub(super) by: Option<&'a [u8]>,
    pub(super) source: Option<Source>,
    pub(super) port: Option<u32>,
    /// Attempts that one message stands for.
    pub(super) count: u32,
    /// How many times the message was said.
    pub(super) repeats: u32,
}

/// The kinds of message, by what they prove. One attempt causes at most one message of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Let in.
    Accepted,
    /// A secret was offered and refused.
    Failed,
    /// The user does not exist or may not log in.
    Refused,
    /// `pam_unix` refused. Another module may yet accept.
    PamUnix,
    /// Another module refused. Yet another may accept.
    PamOther,
    /// A PAM module accepted, whatever those before it said.
    PamAccepted,
    /// A key of an existing user was refused, as happens when a client offers all it has.
    Key,
    /// The connection ended before authentication did.
    Ended,
    /// Something that is no secret was offered for an account that does not exist, or nothing was, as clients do first.
    Offer,
    /// Several attempts were refused, each of which has told of itself.
    TooMany,
    /// The peer never came to name a user.
    Probe,
}

impl Kind {
    /// How many kinds there are.
    pub(super) const COUNT: usize = 11;
}

impl<'a> Said<'a> {
    pub(super) const fn new(kind: Kind, service: Service, method: Method) -> Self {
        Self {
            kind,
            service,
            method,
            user: None,
            unknown_user: false,
            by: None,
            source: None,
            port: None,
            count: 1,
            repeats: 1,
        }
    }

    pub(super) const fn user(mut self, user: &'a [u8]) -> Self {
        self.user = Some(user);
        self
    }

    /// A user whose existence the message does not vouch for.
    pub(super) const fn unknown_user(mut self, user: &'a [u8]) -> Self {
        self.user = Some(user);
        self.unknown_user = true;
        self
    }

    pub(super) const fn by(mut self, by: &'a [u8]) -> Self {
        self.by = Some(by);
        self
    }

    pub(super) fn from(mut self, source: Option<Source>) -> Self {
        self.source = source;
        self
    }
}

/// Which program a line comes from, if it is one that tells of logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Cockpit,
    Dovecot,
    Dropbear,
    Greeter,
    Login,
    Other,
    Postfix,
    Sshd,
    Su,
    Sudo,
    Vsftpd,
    Xrdp,
}

impl Program {
    /// The program that writes under `tag`; `None` where a line can be passed over unread.
    pub(super) fn of(tag: &[u8]) -> Option<Self> {
        // Old Red Hat: `sshd(pam_unix)[123]: authentication failure; …`.
        let name = match memchr::memchr(b'(', tag) {
            Some(end) => tag.get(..end)?,
            None => tag,
        };
        let name = name.strip_suffix(b"]").unwrap_or(name);
        Some(match name {
            b"sshd" | b"sshd-session" | b"sshd-auth" => Self::Sshd,
            b"dropbear" => Self::Dropbear,
            b"sudo" | b"sudo-i" => Self::Sudo,
            b"su" | b"su-l" => Self::Su,
            b"login" | b"remote" => Self::Login,
            b"vsftpd" => Self::Vsftpd,
            b"dovecot" | b"auth" | b"imap-login" | b"pop3-login" => Self::Dovecot,
            b"xrdp" | b"xrdp-sesman" => Self::Xrdp,
            b"CRON" | b"cron" | b"crond" | b"systemd" | b"kernel" | b"systemd-logind" => return None,
            _ if name.starts_with(b"postfix") && name.ends_with(b"smtpd") => Self::Postfix,
            _ if name.starts_with(b"gdm") || name.starts_with(b"sddm") || name.starts_with(b"lightdm") => {
                Self::Greeter
            }
            _ if name.starts_with(b"cockpit") => Self::Cockpit,
            _ => Self::Other,
        })
    }

    /// What is logged in to through it.
    pub(super) const fn service(self) -> Service {
        match self {
            Self::Cockpit => Service::Cockpit,
            Self::Dovecot => Service::Dovecot,
            Self::Dropbear => Service::Dropbear,
            Self::Greeter => Service::Greeter,
            Self::Login => Service::Login,
            Self::Other => Service::Pam,
            Self::Postfix => Service::Postfix,
            Self::Sshd => Service::Sshd,
            Self::Su => Service::Su,
            Self::Sudo => Service::Sudo,
            Self::Vsftpd => Service::Vsftpd,
            Self::Xrdp => Service::Xrdp,
        }
    }
}

/// Reads the message of a line under `tag`: `None` where it tells of no attempt.
pub(super) fn read<'a>(tag: &[u8], message: &'a [u8], panels: &Panels) -> Option<Said<'a>> {
    let program = Program::of(tag)?;
    if let Some((repeats, inner)) = repeated(message) {
        let mut said = read_once(program, tag, inner, panels)?;
        said.repeats = repeats;
        return Some(said);
    }
    read_once(program, tag, message, panels)
}

fn read_once<'a>(program: Program, tag: &[u8], message: &'a [u8], panels: &Panels) -> Option<Said<'a>> {
    if message.starts_with(b"pam_") || message.starts_with(b"PAM ") || tag.ends_with(b"(pam_unix)") {
        return pam::read(program, message);
    }
    match program {
        Program::Sshd => sshd::read(message),
        Program::Dropbear => dropbear::read(message),
        Program::Su => sudo_su::read_su(message),
        Program::Sudo => sudo_su::read_sudo(message),
        Program::Login => console::read(message),
        Program::Dovecot => mail_ftp::read_dovecot(message),
        Program::Postfix => mail_ftp::read_postfix(message),
        Program::Vsftpd => mail_ftp::read_vsftpd(message),
        Program::Xrdp => xrdp::read(message),
        // These leave it to PAM to tell.
        Program::Cockpit | Program::Greeter => None,
        Program::Other => panels.message(tag, message),
    }
}

/// rsyslog's `message repeated 3 times: [ … ]`: how often, and what.
pub(super) fn repeated(message: &[u8]) -> Option<(u32, &[u8])> {
    let rest = message.strip_prefix(b"message repeated ")?;
    let (count, rest) = word(rest);
    let inner = rest.strip_prefix(b"times: [")?.strip_suffix(b"]")?;
    Some((number(count)?.min(MOST_REPEATS), inner.trim_ascii()))
}

/// syslogd's `last message repeated 3 times`: how often.
pub(super) fn last_repeated(message: &[u8]) -> Option<u32> {
    let rest = message.strip_prefix(b"last message repeated ")?;
    number(word(rest).0).map(|count| count.min(MOST_REPEATS))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a message with the patterns that are known.
    pub(in super::super) fn read<'a>(tag: &[u8], message: &'a [u8]) -> Option<Said<'a>> {
        super::read(tag, message, &Panels::default())
    }

    #[test]
    fn repeats_are_counted() {
        let message = b"message repeated 9 times: [ Failed password for root from 203.0.113.7 port 22 ssh2]";
        let said = read(b"sshd", message).unwrap();
        assert_eq!((said.repeats, said.user), (9, Some(&b"root"[..])));
        assert_eq!(said.source.unwrap().to_string(), "203.0.113.7");
        assert_eq!(last_repeated(b"last message repeated 4 times"), Some(4));
    }

    #[test]
    fn cron_and_systemd_are_passed_over() {
        let message = b"pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)";
        assert_eq!(read(b"CRON", message), None);
        assert_eq!(read(b"systemd-logind", b"New session 4 of user root."), None);
    }

    proptest! {
        #[test]
        fn any_message_of_any_program_is_read_without_panic(message: Vec<u8>, start in 0usize..16) {
            const STARTS: [&str; 16] = [
                "", "Failed password for ", "Accepted publickey for ", "Invalid user ", "User ", "error: ",
                "Connection closed by ", "Disconnected from invalid user ", "pam_unix(sshd:auth): ",
                "PAM 3 more authentication failures; ", "message repeated 2 times: [ ", "FAILED LOGIN (1) on '",
                "Bad password attempt for '", "(to ", "imap-login: Disconnected ", "warning: ",
            ];
            let mut text = STARTS[start].as_bytes().to_vec();
            text.extend(&message);
            for tag in ["sshd", "su", "sudo", "login", "vsftpd", "dovecot", "postfix/smtpd", "xrdp-sesman",
                "cockpit-session", "dropbear", "gdm-password]", "sshd(pam_unix)"] {
                read(tag.as_bytes(), &text);
            }
        }
    }
}
