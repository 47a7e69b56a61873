//! What panels say, and what is made of it.

use proptest::prelude::*;

use super::super::timestamp::Clock;
use super::*;

fn shown(said: &Said<'_>) -> String {
    let user = String::from_utf8_lossy(said.user.unwrap_or_default()).into_owned();
    let source = said.source.as_ref().map_or("-".to_owned(), ToString::to_string);
    format!("{:?} {user} {source}", said.kind)
}

#[test]
fn every_pattern_is_known_by_the_line_that_it_is_for() {
    let panels = Panels::default();
    for (tag, message, expected) in [
        (
            "webmin",
            "Invalid login as root from 203.0.113.7",
            "Failed root 203.0.113.7",
        ),
        (
            "webmin",
            "Non-existent login as x y from 2001:db8::7",
            "Failed x y 2001:db8::7",
        ),
        (
            "webmin",
            "Successful login as root from 203.0.113.7",
            "Accepted root 203.0.113.7",
        ),
        (
            "usermin",
            "Invalid login as ann from 203.0.113.7",
            "Failed ann 203.0.113.7",
        ),
        (
            "usermin",
            "Non-existent login as x from 203.0.113.7",
            "Failed x 203.0.113.7",
        ),
        (
            "usermin",
            "Successful login as ann from 203.0.113.7",
            "Accepted ann 203.0.113.7",
        ),
        (
            "phpMyAdmin",
            "user denied: root (mysql-denied) from 203.0.113.7",
            "Failed root 203.0.113.7",
        ),
        (
            "phpMyAdmin",
            "user denied: root (empty-denied) from 203.0.113.7",
            "Failed root 203.0.113.7",
        ),
        (
            "phpMyAdmin",
            "user authenticated: root from 203.0.113.7",
            "Accepted root 203.0.113.7",
        ),
        (
            "wordpress(www.example.com)",
            "Authentication failure for admin from 203.0.113.7",
            "Failed admin 203.0.113.7",
        ),
        (
            "wordpress",
            "Authentication attempt for unknown user x from 203.0.113.7",
            "Failed x 203.0.113.7",
        ),
        (
            "wordpress",
            "Accepted password for admin from 203.0.113.7",
            "Accepted admin 203.0.113.7",
        ),
        (
            "roundcube",
            "<a1b2> Failed login for ann from 203.0.113.7 in session a1b2 (error: 0)",
            "Failed ann 203.0.113.7",
        ),
        (
            "roundcube",
            "<a1b2> Successful login for ann (ID: 3) from 203.0.113.7 in session a1b2",
            "Accepted ann 203.0.113.7",
        ),
        (
            "Nextcloud",
            "{core} Login failed: ann (Remote IP: 203.0.113.7)",
            "Failed ann 203.0.113.7",
        ),
    ] {
        let said = panels.message(tag.as_bytes(), message.as_bytes());
        assert_eq!(
            said.map(|said| shown(&said)).as_deref(),
            Some(expected),
            "{message}"
        );
    }
    for line in [
        r#"{"reqId":"x1","level":2,"time":"2026-11-22T08:00:00+08:00","remoteAddr":"203.0.113.7","user":"--","app":"core","method":"POST","url":"/login","message":"Login failed: ann (Remote IP: 203.0.113.7)","userAgent":"x"}"#,
        r#"{"severity":"INFO","time":"2026-11-22T00:00:00.000Z","correlation_id":"x","message":"Failed Login: username=ann ip=203.0.113.7"}"#,
        r#"{"severity":"INFO","time":"2026-11-22T00:00:00.000Z","message":"Failed Login: username=ann ip=203.0.113.7","x":"y"}"#,
    ] {
        let (stamp, said) = panels.line(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        let mut clock = Clock::new(jiff::tz::TimeZone::UTC, jiff::Timestamp::UNIX_EPOCH, None);
        assert_eq!(clock.resolve(stamp).unwrap().to_string(), "2026-11-22T00:00:00Z");
        assert_eq!(shown(&said), "Failed ann 203.0.113.7", "{line}");
    }
}

#[test]
fn what_is_typed_as_a_name_moves_no_source() {
    let panels = Panels::default();
    let message = |tag: &str, message: &str| {
        let said = panels.message(tag.as_bytes(), message.as_bytes());
        said.map(|said| shown(&said)).unwrap_or_default()
    };
    let planted = "Invalid login as x from 192.0.2.250 from 203.0.113.7";
    assert_eq!(
        message("webmin", planted),
        "Failed x from 192.0.2.250 203.0.113.7"
    );
    // The name may hold all of what follows it: then nobody is blamed.
    let planted = "Failed login for x from 192.0.2.250 in session y from 203.0.113.7 in session z";
    assert_eq!(
        message("roundcube", planted),
        "Failed x from 192.0.2.250 in session y -"
    );
    // Words that no address follows hide nobody.
    let planted = "Failed login for x from y from 203.0.113.7 in session z";
    assert_eq!(message("roundcube", planted), "Failed x from y 203.0.113.7");
    let planted = "Failed login for x from / from 203.0.113.7 in session z";
    assert_eq!(message("roundcube", planted), "Failed x from / 203.0.113.7");
    let planted = r#"{"time":"2026-11-22T00:00:00Z","message":"Failed Login: username=x ip=192.0.2.250\" ip=203.0.113.7"}"#;
    let (_, said) = panels.line(planted.as_bytes()).unwrap();
    assert_eq!(said.source.unwrap().to_string(), "203.0.113.7");
}

#[test]
fn patterns_of_the_plan_are_heeded_and_other_lines_are_none() {
    let pattern: LoginPattern = toml::from_str(
        "from = \"panel\"\noutcome = \"failed\"\ntext = \"[<source>] wrong password (<*>) for <user>\"",
    )
    .unwrap();
    let panels = Panels::new(&[pattern]);
    assert!(panels.programs().contains(&"panel"));
    let said = panels
        .message(b"panel", b"[203.0.113.7] wrong password (2) for ann")
        .unwrap();
    assert_eq!(shown(&said), "Failed ann 203.0.113.7");
    assert_eq!(
        panels.message(b"panel", b"[203.0.113.7] right password (2) for ann"),
        None
    );
    assert_eq!(
        panels.message(b"other", b"[203.0.113.7] wrong password (2) for ann"),
        None
    );
    assert_eq!(panels.line(b"2026-11-22T00:00:00Z hello"), None);
}

proptest! {
    #[test]
    fn any_line_is_compared_without_panic(line: Vec<u8>, start in 0usize..5) {
        const STARTS: [&str; 5] = ["", "Invalid login as ", "Failed login for x from ", r#"{"time":"2026"#,
            r#"{"time":"2026-11-22T00:00:00Z","message":"Failed Login: username="#];
        let mut text = STARTS[start].as_bytes().to_vec();
        text.extend(&line);
        let panels = Panels::default();
        panels.line(&text);
        for tag in ["webmin", "roundcube", "Nextcloud"] {
            panels.message(tag.as_bytes(), &text);
        }
    }
}
