//! Logs, and the attempts they come to.

use super::super::duplicate::Seen;
use super::super::event::LoginEvent;
use super::super::panels::Panels;
use super::super::scan::Scan;
use super::super::timestamp::Clock;
use super::*;
use jiff::tz::TimeZone;

/// Events of a log: time of day, user, method, outcome, count.
fn events(log: &str) -> Vec<String> {
    let (mut merger, mut seen) = (Merger::default(), Seen::default());
    let panels = Panels::default();
    let mut clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, Some(2026));
    let mut scan = Scan::new(&mut merger, &mut seen, &mut clock, &panels, Timestamp::MIN);
    scan.feed(log.as_bytes());
    scan.end(true);
    let (events, _) = merger.finish(None);
    let show = |event: LoginEvent| {
        let user = event.user.as_deref().unwrap_or("-");
        let mark = if event.unknown_user { "?" } else { "" };
        let source = event.source.as_ref().map_or("-".to_owned(), ToString::to_string);
        let (outcome, method) = (event.outcome.name(), event.method.name());
        let time = event.at.strftime("%H:%M:%S");
        format!("{time} {outcome} {method} {mark}{user} {source} x{}", event.count)
    };
    events.iter().map(show).collect()
}

#[test]
fn one_wrong_password_is_one_attempt_however_often_it_is_told() {
    let log = "\
Nov 22 08:00:00 web sshd[9]: Invalid user admin from 203.0.113.7 port 4022
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): check pass; user unknown
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7
Nov 22 08:00:03 web sshd[9]: Failed password for invalid user admin from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:04 web sshd[9]: Connection closed by invalid user admin 203.0.113.7 port 4022 [preauth]
";
    assert_eq!(events(log), ["08:00:00 failed password ?admin 203.0.113.7 x1"]);
}

#[test]
fn each_password_of_a_connection_counts_once() {
    let log = "\
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root
Nov 22 08:00:03 web sshd[9]: Failed password for root from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:12 web sshd[9]: message repeated 5 times: [ Failed password for root from 203.0.113.7 port 4022 ssh2]
Nov 22 08:00:12 web sshd[9]: error: maximum authentication attempts exceeded for root from 203.0.113.7 port 4022 ssh2 [preauth]
Nov 22 08:00:12 web sshd[9]: Disconnecting authenticating user root 203.0.113.7 port 4022: Too many authentication failures [preauth]
Nov 22 08:00:12 web sshd[9]: PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root
";
    assert_eq!(
        events(log),
        [
            "08:00:01 failed password root 203.0.113.7 x1",
            "08:00:12 failed password root 203.0.113.7 x5"
        ]
    );
}

#[test]
fn a_second_pam_module_that_accepts_makes_no_failure() {
    let log = "\
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.9  user=ann
Nov 22 08:00:01 web sshd[9]: pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.9 user=ann
Nov 22 08:00:01 web sshd[9]: Accepted password for ann from 192.0.2.9 port 4022 ssh2
";
    assert_eq!(events(log), ["08:00:01 accepted password ann 192.0.2.9 x1"]);
}

#[test]
fn keys_that_a_client_tries_are_told_apart_from_guesses() {
    let log = "\
Nov 22 08:00:01 web sshd[9]: Failed publickey for ann from 192.0.2.9 port 4022 ssh2: RSA SHA256:x
Nov 22 08:00:01 web sshd[9]: Failed publickey for ann from 192.0.2.9 port 4022 ssh2: RSA SHA256:y
Nov 22 08:00:02 web sshd[9]: Accepted publickey for ann from 192.0.2.9 port 4022 ssh2: ED25519 SHA256:z
Nov 22 08:01:02 web sshd[10]: Connection closed by authenticating user ann 192.0.2.9 port 4023 [preauth]
Nov 22 08:02:02 web sshd[11]: Connection closed by 192.0.2.9 port 4024 [preauth]
";
    assert_eq!(
        events(log),
        [
            "08:00:01 failed publickey ann 192.0.2.9 x1",
            "08:00:01 failed publickey ann 192.0.2.9 x1",
            "08:00:02 accepted publickey ann 192.0.2.9 x1",
            "08:01:02 failed unknown ann 192.0.2.9 x1",
            "08:02:02 failed probe ?- 192.0.2.9 x1"
        ]
    );
}

#[test]
fn what_a_client_offers_for_a_stranger_is_one_attempt_with_the_secret() {
    let log = "\
Nov 22 08:00:00 web sshd[9]: Failed none for invalid user x from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:00 web sshd[9]: Failed publickey for invalid user x from 203.0.113.7 port 4022 ssh2: RSA SHA256:x
Nov 22 08:00:01 web sshd[9]: Failed publickey for invalid user x from 203.0.113.7 port 4022 ssh2: RSA SHA256:y
Nov 22 08:00:03 web sshd[9]: Failed password for invalid user x from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:04 web sshd[9]: Connection reset by invalid user x 203.0.113.7 port 4022 [preauth]
";
    assert_eq!(events(log), ["08:00:00 failed password ?x 203.0.113.7 x1"]);
}

#[test]
fn a_connection_goes_on_in_the_next_run_without_its_strangers_name() {
    let run = |connections: &[OpenConnection], line: &str| {
        let (mut merger, mut seen) = (Merger::resume(connections), Seen::default());
        let panels = Panels::default();
        let mut clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, None);
        let mut scan = Scan::new(&mut merger, &mut seen, &mut clock, &panels, Timestamp::MIN);
        scan.feed(line.as_bytes());
        scan.end(true);
        let now: Timestamp = "2026-11-22T08:00:30Z".parse().unwrap();
        merger.finish(Some(now))
    };
    let (first, open) = run(
        &[],
        "2026-11-22T08:00:00Z web sshd[9]: Invalid user hunter2 from 203.0.113.7 port 5\n",
    );
    let kept = serde_json::to_string(&open).unwrap();
    assert!(!kept.contains("hunter2"), "{kept}");
    let (second, _) = run(
        &open,
        "2026-11-22T08:00:02Z web sshd[9]: Failed password for invalid user hunter2 from 203.0.113.7 port 5 ssh2\n",
    );
    assert_eq!((first.len(), second.len()), (1, 0));
}

#[test]
fn a_process_number_used_again_is_another_connection() {
    let log = "\
Nov 22 08:00:00 web sshd[9]: Failed password for root from 203.0.113.7 port 1 ssh2
Nov 22 08:01:00 web sshd[9]: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:00 web sshd[9]: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:01 db sshd[9]: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:02 web sshd: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:02 web last message repeated 2 times
";
    let counted: u64 = events(log)
        .iter()
        .map(|e| e.rsplit('x').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(counted, 7);
}

#[test]
fn sudo_failures_are_one_with_what_pam_said_of_them() {
    let log = "\
Nov 22 08:00:01 web sudo: pam_unix(sudo:auth): authentication failure; logname=ann uid=1000 euid=0 tty=/dev/pts/0 ruser=ann rhost=  user=ann
Nov 22 08:00:09 web sudo: pam_unix(sudo:auth): 2 more authentication failures; logname=ann uid=1000 euid=0 tty=/dev/pts/0 ruser=ann rhost=  user=ann
Nov 22 08:00:09 web sudo:      ann : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls
";
    assert_eq!(events(log), ["08:00:01 failed password ann pts/0 x3"]);
}
