//! What sshd says, and what is made of it.

use super::*;

/// Kind, method, user (`?` in front: unknown), source.
fn told(message: &str) -> (Kind, Method, String, String) {
    let said = read(message.as_bytes()).unwrap_or_else(|| panic!("{message}"));
    let user = String::from_utf8_lossy(said.user.unwrap_or_default()).into_owned();
    let mark = if said.unknown_user { "?" } else { "" };
    let source = said.source.map(|source| source.to_string()).unwrap_or_default();
    (said.kind, said.method, format!("{mark}{user}"), source)
}

#[test]
fn every_message_of_an_attempt_is_understood() {
    use Kind::*;
    use Method as M;
    for (message, kind, method, user, source) in [
        (
            "drop connection #3 from [203.0.113.7]:5022 on [192.0.2.1]:22 penalty: failed authentication",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "fatal: Access denied for user ann by PAM account configuration [preauth]",
            Refused,
            M::Unknown,
            "ann",
            "",
        ),
        (
            "Failed password for root from 203.0.113.7 port 4022 ssh2",
            Failed,
            M::Password,
            "root",
            "203.0.113.7",
        ),
        (
            "Failed password for invalid user a b from 2001:db8::7 port 1 ssh2",
            Failed,
            M::Password,
            "?a b",
            "2001:db8::7",
        ),
        (
            "Failed password for invalid user  from 203.0.113.7 port 1 ssh2",
            Failed,
            M::Password,
            "?",
            "203.0.113.7",
        ),
        (
            "Failed password for illegal user x from ::ffff:203.0.113.7 port 1 ssh2",
            Failed,
            M::Password,
            "?x",
            "203.0.113.7",
        ),
        (
            "Failed password for root from 203.0.113.7",
            Failed,
            M::Password,
            "root",
            "203.0.113.7",
        ),
        (
            "Failed password for root from host.example.com port 22 ssh2",
            Failed,
            M::Password,
            "root",
            "host.example.com",
        ),
        (
            "Failed keyboard-interactive/pam for ann from 203.0.113.7 port 9 ssh2",
            Failed,
            M::KeyboardInteractive,
            "ann",
            "203.0.113.7",
        ),
        (
            "error: Failed keyboard-interactive for ann from 203.0.113.7 port 9 ssh2",
            Failed,
            M::KeyboardInteractive,
            "ann",
            "203.0.113.7",
        ),
        (
            "Failed none for invalid user x from 203.0.113.7 port 9 ssh2",
            Offer,
            M::None,
            "?x",
            "203.0.113.7",
        ),
        (
            "Failed publickey for ann from 203.0.113.7 port 9 ssh2: RSA SHA256:1M4RzhM",
            Key,
            M::Publickey,
            "ann",
            "203.0.113.7",
        ),
        (
            "Failed publickey for invalid user x from 203.0.113.7 port 9 ssh2: ED25519 SHA256:x",
            Offer,
            M::Publickey,
            "?x",
            "203.0.113.7",
        ),
        (
            "Accepted publickey for ann from 203.0.113.7 port 9 ssh2: ED25519 SHA256:x",
            Accepted,
            M::Publickey,
            "ann",
            "203.0.113.7",
        ),
        (
            "Accepted publickey for ann from 203.0.113.7 port 9 ssh2: RSA-CERT SHA256:x ID ann@work (serial 0) CA RSA SHA256:y",
            Accepted,
            M::Publickey,
            "ann",
            "203.0.113.7",
        ),
        (
            "Accepted password for root from 203.0.113.7 port 9 ssh2",
            Accepted,
            M::Password,
            "root",
            "203.0.113.7",
        ),
        (
            "Accepted gssapi-with-mic for ann from 203.0.113.7 port 9 ssh2",
            Accepted,
            M::Gssapi,
            "ann",
            "203.0.113.7",
        ),
        (
            "Invalid user pascal from 203.0.113.7 port 53502",
            Refused,
            M::Unknown,
            "?pascal",
            "203.0.113.7",
        ),
        (
            "Invalid user pascal from 203.0.113.7",
            Refused,
            M::Unknown,
            "?pascal",
            "203.0.113.7",
        ),
        (
            "Invalid user  from 203.0.113.7 port 5",
            Refused,
            M::Unknown,
            "?",
            "203.0.113.7",
        ),
        (
            "User root from 203.0.113.7 not allowed because not listed in AllowUsers",
            Refused,
            M::Unknown,
            "root",
            "203.0.113.7",
        ),
        (
            "User ann not allowed because account is locked",
            Refused,
            M::Unknown,
            "ann",
            "",
        ),
        (
            "ROOT LOGIN REFUSED FROM 203.0.113.7 port 5",
            Refused,
            M::Unknown,
            "root",
            "203.0.113.7",
        ),
        (
            "error: PAM: Authentication failure for root from 203.0.113.7",
            PamOther,
            M::Unknown,
            "root",
            "203.0.113.7",
        ),
        (
            "error: PAM: User not known to the underlying authentication module for illegal user x from host.example.com",
            PamOther,
            M::Unknown,
            "?x",
            "host.example.com",
        ),
        (
            "error: maximum authentication attempts exceeded for invalid user x from 203.0.113.7 port 5 ssh2 [preauth]",
            TooMany,
            M::Unknown,
            "?x",
            "203.0.113.7",
        ),
        (
            "Disconnecting: Too many authentication failures for root [preauth]",
            TooMany,
            M::Unknown,
            "root",
            "",
        ),
        (
            "Disconnecting authenticating user root 203.0.113.7 port 5: Too many authentication failures [preauth]",
            Ended,
            M::Unknown,
            "root",
            "203.0.113.7",
        ),
        (
            "Connection closed by authenticating user root 203.0.113.7 port 5 [preauth]",
            Ended,
            M::Unknown,
            "root",
            "203.0.113.7",
        ),
        (
            "Connection reset by invalid user a b 203.0.113.7 port 5 [preauth]",
            Ended,
            M::Unknown,
            "?a b",
            "203.0.113.7",
        ),
        (
            "Disconnected from invalid user ftp 203.0.113.7 port 5 [preauth]",
            Ended,
            M::Unknown,
            "?ftp",
            "203.0.113.7",
        ),
        (
            "Connection closed by 203.0.113.7 port 5 [preauth]",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "Did not receive identification string from 203.0.113.7 port 5",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "Bad protocol version identification 'x from 192.0.2.250 port 9' from 203.0.113.7 port 5",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "banner exchange: Connection from 203.0.113.7 port 5: invalid format",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "ssh_dispatch_run_fatal: Connection from 203.0.113.7 port 5: message authentication code incorrect [preauth]",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "fatal: Timeout before authentication for 203.0.113.7 port 5",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "Unable to negotiate with 203.0.113.7 port 5: no matching MAC found. Their offer: x from 192.0.2.250 port 9 [preauth]",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
        (
            "refused connect from _x_@::ffff:203.0.113.7 (::ffff:203.0.113.7)",
            Probe,
            M::Probe,
            "",
            "203.0.113.7",
        ),
    ] {
        let expected = (kind, method, user.to_owned(), source.to_owned());
        assert_eq!(told(message), expected, "{message}");
    }
}

#[test]
fn a_planted_address_is_never_taken() {
    for (message, source) in [
        (
            "Invalid user root from 192.0.2.250 port 22 ssh2 from 203.0.113.10 port 5",
            "203.0.113.10",
        ),
        (
            "Failed password for invalid user root from 192.0.2.250 port 22 ssh2 from 203.0.113.10 port 5 ssh2",
            "203.0.113.10",
        ),
        (
            "Failed password for invalid user x from 192.0.2.250 port 22 ssh2: RSA SHA256:y from 203.0.113.10 port 5 ssh2",
            "203.0.113.10",
        ),
        (
            "Failed publickey for invalid user x from 192.0.2.250 port 22 ssh2: RSA SHA256:y from 203.0.113.10 port 5 ssh2: RSA SHA256:z",
            "203.0.113.10",
        ),
        (
            "Connection closed by invalid user x 192.0.2.250 port 22 203.0.113.10 port 5 [preauth]",
            "203.0.113.10",
        ),
        (
            "User x from 192.0.2.250 not allowed because y from 203.0.113.10 not allowed because not listed in AllowUsers",
            "203.0.113.10",
        ),
        (
            "error: PAM: Authentication failure for illegal user x from 192.0.2.250 from 203.0.113.10",
            "203.0.113.10",
        ),
        // In the key id of a certificate, or in a user name made to look like one: it can't be told.
        (
            "Failed publickey for root from 203.0.113.10 port 5 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.250 port 22 ssh2: RSA-CERT SHA256:k ID y (serial 0) CA RSA SHA256:z",
            "",
        ),
    ] {
        assert_eq!(told(message).3, source, "{message}");
    }
    let planted = "Failed publickey for root from 203.0.113.10 port 5 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.250 port 22 ssh2 (serial 0) CA RSA SHA256:z";
    assert_eq!(told(planted).3, "203.0.113.10");
    let planted = "Accepted publickey for root from 203.0.113.10 port 5 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.250 port 22 ssh2: RSA SHA256:q (serial 0) CA RSA SHA256:z";
    assert_eq!(told(planted).3, "");
}

#[test]
fn what_is_no_attempt_is_passed_over() {
    for message in [
        "",
        "Server listening on 0.0.0.0 port 22.",
        "Close session: user ansible from 203.0.113.7 port 34928 id 0",
        "Starting session: shell on pts/0 for ann from 203.0.113.7 port 5 id 0",
        "Connection from 203.0.113.7 port 5 on 192.0.2.1 port 22 rdomain \"\"",
        "Connection closed by 203.0.113.7 port 5",
        "Disconnected from user ann 203.0.113.7 port 5",
        "Disconnected from totobad user ftp 203.0.113.7 port 5 [preauth]",
        "Received disconnect from 203.0.113.7 port 5:11: Bye from 192.0.2.250 port 22 [preauth]",
        "Postponed keyboard-interactive for ann from 203.0.113.7 port 5 ssh2 [preauth]",
        "Partial publickey for ann from 203.0.113.7 port 5 ssh2: RSA SHA256:x",
        "reverse mapping checking getaddrinfo for x.example [203.0.113.7] failed - POSSIBLE BREAK-IN ATTEMPT!",
        "Failed password for root from 203.0.113.700 port 5 ssh2",
        "Failed password for root from 203.0.113.7 port x ssh2",
    ] {
        assert_eq!(read(message.as_bytes()), None, "{message}");
    }
}
