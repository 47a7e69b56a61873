//! Forty days of a server's log with incidents planted in it, in each form that syslog daemons write. Every incident is
//! found with its user and source, and nothing is found that was not planted.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumbline_checks::logins::{Observed, detect};
use plumbline_config::plan::LoginRules;
use plumbline_facts::Host;
use plumbline_facts::logins::{Habits, Input, Places, inspect};

/// How a syslog daemon writes the head of a line.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Debian 11, Ubuntu 22.04, Red Hat: `Nov  2 08:00:00 web sshd[12]: …`.
    Traditional,
    /// Debian 12 and 13, Ubuntu 24.04: `2026-11-02T08:00:00.123456+08:00 web sshd-session[12]: …`.
    Rfc3339,
    /// `<38>1 2026-11-02T08:00:00+08:00 web sshd 12 - - …`.
    Rfc5424,
}

const FORMS: [Form; 3] = [Form::Traditional, Form::Rfc3339, Form::Rfc5424];

/// A time zone file (RFC 8536, version 2) of one rule: UTC+8 all year.
fn taipei() -> Vec<u8> {
    let mut file = Vec::new();
    for _ in 0..2 {
        file.extend(b"TZif2");
        file.extend([0; 15]);
        for count in [0u32, 0, 0, 0, 1, 4] {
            file.extend(count.to_be_bytes());
        }
        file.extend(28_800i32.to_be_bytes());
        file.extend([0, 0]);
        file.extend(b"CST\0");
    }
    file.extend(b"\nCST-8\n");
    file
}

/// Kind, user and source of what is abnormal.
type Truth = BTreeSet<(String, String, String)>;

/// A log under way.
struct Log {
    form: Form,
    lines: Vec<(Timestamp, usize, String)>,
    pid: u32,
}

fn at(day: i64, hour: i64, minute: i64, second: i64) -> Timestamp {
    let start: Timestamp = "2026-10-12T00:00:00+08:00".parse().unwrap();
    start + SignedDuration::from_secs(((day * 24 + hour) * 60 + minute) * 60 + second)
}

impl Log {
    fn new(form: Form) -> Self {
        Self {
            form,
            lines: Vec::new(),
            pid: 1_000,
        }
    }

    /// The next thing said is by another process.
    fn process(&mut self) -> &mut Self {
        self.pid += 1;
        self
    }

    fn say(&mut self, at: Timestamp, tag: &str, message: &str) -> &mut Self {
        let local = at.to_zoned(TimeZone::get("Asia/Taipei").unwrap());
        let tag = match (self.form, tag) {
            // OpenSSH 9.8 and later.
            (Form::Rfc3339, "sshd") => "sshd-session",
            (_, tag) => tag,
        };
        let pid = self.pid;
        let (time, head) = match self.form {
            Form::Traditional => ("%b %e %H:%M:%S", format!("web {tag}[{pid}]:")),
            Form::Rfc3339 => ("%Y-%m-%dT%H:%M:%S.123456%:z", format!("web {tag}[{pid}]:")),
            Form::Rfc5424 => ("<38>1 %Y-%m-%dT%H:%M:%S%:z", format!("web {tag} {pid} - -")),
        };
        let line = format!("{} {head} {message}\n", local.strftime(time));
        self.lines.push((at, self.lines.len(), line));
        self
    }

    fn accepted(&mut self, at: Timestamp, method: &str, user: &str, from: &str) {
        self.process()
            .say(
                at,
                "sshd",
                &format!("Accepted {method} for {user} from {from} port 50022 ssh2"),
            )
            .say(
                at,
                "sshd",
                &format!("pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)"),
            )
            .say(at, "systemd-logind", &format!("New session 4 of user {user}."));
    }

    /// One wrong password as sshd and PAM tell it, the end of the connection with it.
    fn failed(&mut self, at: Timestamp, user: &str, from: &str) {
        let pam = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=";
        self.process()
            .say(at, "sshd", &format!("{pam} rhost={from}  user={user}"))
            .say(
                at,
                "sshd",
                &format!("Failed password for {user} from {from} port 40022 ssh2"),
            )
            .say(
                at,
                "sshd",
                &format!("Connection closed by authenticating user {user} {from} port 40022 [preauth]"),
            );
    }

    /// The same for an account that does not exist.
    fn invalid(&mut self, at: Timestamp, user: &str, from: &str) {
        let pam = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=";
        self.process()
            .say(at, "sshd", &format!("Invalid user {user} from {from} port 40022"))
            .say(at, "sshd", "pam_unix(sshd:auth): check pass; user unknown")
            .say(at, "sshd", &format!("{pam} rhost={from} "))
            .say(
                at,
                "sshd",
                &format!("Failed password for invalid user {user} from {from} port 40022 ssh2"),
            )
            .say(
                at,
                "sshd",
                &format!("Disconnected from invalid user {user} {from} port 40022 [preauth]"),
            );
    }

    /// What is usual: office hours, a nightly backup, a probe, cron, a typing mistake here and there.
    fn usual(&mut self) {
        for day in 0..40 {
            self.accepted(at(day, 9, 1, 0), "publickey", "ann", "192.0.2.10");
            self.accepted(at(day, 14, 1, 0), "publickey", "ann", "192.0.2.11");
            self.accepted(at(day, 10, 2, 0), "password", "bob", "192.0.2.20");
            self.accepted(at(day, 2, 30, 0), "publickey", "backup", "198.18.0.5");
            if day % 3 == 0 {
                self.accepted(at(day, 20, 0, 0), "publickey", "ann", "203.0.113.130");
                self.failed(at(day, 10, 1, 0), "bob", "192.0.2.20");
            }
            for minute in 0..6 {
                let cron = "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)";
                self.process()
                    .say(
                        at(day, 12, minute * 10, 5),
                        "sshd",
                        "Connection closed by 198.18.0.9 port 33000 [preauth]",
                    )
                    .process()
                    .say(at(day, 12, minute * 10, 1), "CRON", cron);
            }
            self.process().say(
                at(day, 11, 0, 0),
                "sudo",
                "     ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/apt-get update",
            );
        }
    }

    /// What looks like an attack and is none.
    fn traps(&mut self) {
        // A client that offers all of its keys.
        self.process();
        for n in 0..12 {
            let key =
                format!("Failed publickey for ann from 192.0.2.10 port 50100 ssh2: ED25519 SHA256:key{n}");
            self.say(at(22, 13, 0, n), "sshd", &key);
        }
        self.say(
            at(22, 13, 0, 20),
            "sshd",
            "Accepted publickey for ann from 192.0.2.10 port 50100 ssh2: ED25519 SHA256:key",
        );
        // Four mistakes, then the right password.
        for n in 0..4 {
            self.failed(at(23, 9, 30, n * 10), "bob", "192.0.2.20");
        }
        self.accepted(at(23, 9, 31, 0), "password", "bob", "192.0.2.20");
        // New addresses of networks that one is used to.
        self.accepted(at(24, 11, 0, 0), "publickey", "ann", "203.0.113.200");
        self.accepted(at(24, 15, 0, 0), "publickey", "ann", "192.0.2.77");
        // One mistake at sudo; an account without privileges.
        self.process()
            .say(
                at(25, 11, 0, 0),
                "sudo",
                "     ann : 1 incorrect password attempt ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
            )
            .say(
                at(25, 11, 5, 0),
                "useradd",
                "new user: name=app, UID=1007, GID=1007, home=/home/app, shell=/usr/sbin/nologin, from=/dev/pts/0",
            )
            .say(at(25, 11, 6, 0), "usermod", "add 'app' to group 'www-data'");
    }

    /// Attacks on passwords, and what is to be found of each.
    fn attacks(&mut self, planted: &mut impl FnMut(&str, &str, &str)) {
        for n in 0..9 {
            self.failed(at(20, 3, 0, n * 5), "root", "203.0.114.1");
        }
        planted("brute-force", "root", "203.0.114.1");
        // Slowly.
        for n in 0..24 {
            self.failed(at(20, n, 50, 0), "root", "203.0.115.2");
        }
        planted("brute-force", "root", "203.0.115.2");
        // From many sources.
        for n in 0..24 {
            self.failed(at(26, 4, n * 2, 0), "bob", &format!("100.64.{n}.3"));
        }
        planted("brute-force", "bob", "24 sources");
        // From one IPv6 site whose addresses change.
        for n in 0..8 {
            self.failed(at(21, 5, n, 0), "root", &format!("2001:db8:aa:bb::{n:x}1"));
        }
        planted("brute-force", "root", "2001:db8:aa:bb::/64");
        // Many names from one source, and the same slowly.
        for n in 0..9 {
            self.invalid(at(21, 6, n * 6, 0), &format!("name{n}"), "203.0.116.5");
        }
        planted("password-spraying", "-", "203.0.116.5");
        for n in 0..16 {
            self.invalid(at(22, n, 20, 0), &format!("slow{n}"), "203.0.117.6");
        }
        planted("password-spraying", "-", "203.0.117.6");
        // One line that stands for nine.
        let failed = "Failed password for root from 203.0.118.7 port 4 ssh2";
        self.process().say(at(23, 3, 0, 0), "sshd", failed).say(
            at(23, 3, 0, 30),
            "sshd",
            &format!("message repeated 9 times: [ {failed}]"),
        );
        planted("brute-force", "root", "203.0.118.7");
        // A user name that blames another.
        let name = "root from 192.0.2.250 port 22 ssh2";
        for n in 0..7 {
            self.invalid(at(24, 3, 0, n * 4), name, "203.0.119.8");
        }
        planted("brute-force", name, "203.0.119.8");
    }

    /// Logins that should not be, and what is to be found of each.
    fn logins(&mut self, planted: &mut impl FnMut(&str, &str, &str)) {
        // Failures, then the right password, from where the user never came.
        for n in 0..6 {
            self.failed(at(27, 10, 10, n * 20), "bob", "203.0.120.9");
        }
        self.accepted(at(27, 10, 13, 0), "password", "bob", "203.0.120.9");
        for kind in [
            "brute-force",
            "success-after-failures",
            "first-seen-source",
            "impossible-pace",
        ] {
            planted(kind, "bob", "203.0.120.9");
        }
        self.accepted(at(28, 11, 0, 0), "password", "root", "192.0.2.10");
        planted("root-login", "root", "192.0.2.10");
        planted("first-seen-user", "root", "192.0.2.10");
        self.accepted(at(29, 4, 12, 0), "publickey", "ann", "192.0.2.10");
        planted("off-hours", "ann", "192.0.2.10");
        self.accepted(at(30, 17, 0, 0), "publickey", "ann", "100.70.1.2");
        planted("first-seen-source", "ann", "100.70.1.2");
        // From two places within the hour.
        self.accepted(at(31, 14, 20, 0), "publickey", "ann", "100.80.1.2");
        planted("first-seen-source", "ann", "100.80.1.2");
        planted("impossible-pace", "ann", "100.80.1.2");
        self.accepted(at(32, 11, 0, 0), "password", "mal", "192.0.2.66");
        planted("first-seen-user", "mal", "192.0.2.66");
    }

    /// Privileges given and tried for.
    fn privileges(&mut self, planted: &mut impl FnMut(&str, &str, &str)) {
        self.process()
            .say(at(33, 11, 0, 0), "usermod", "add 'mal' to group 'sudo'")
            .say(at(33, 11, 0, 0), "usermod", "add 'mal' to shadow group 'sudo'");
        planted("new-privileged-account", "mal", "-");
        self.process().say(
            at(34, 11, 0, 0),
            "sudo",
            "     eve : user NOT in sudoers ; TTY=pts/1 ; PWD=/home/eve ; USER=root ; COMMAND=/bin/bash",
        );
        planted("privilege-escalation", "eve", "-");
        for n in 0..6 {
            self.process()
                .say(at(35, 11, 0, n * 10), "su", "FAILED SU (to root) gus on pts/2");
        }
        planted("privilege-escalation", "gus", "-");
    }

    fn text(mut self) -> String {
        self.lines.sort();
        self.lines.into_iter().map(|(_, _, line)| line).collect()
    }
}

fn found(text: &str) -> Truth {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/localtime"), taipei()).unwrap();
    fs::write(dir.path().join("auth.log"), text).unwrap();
    let input = Input {
        files: vec!["/auth.log".into()],
        year: Some(2026),
        ..Input::default()
    };
    let inspected = inspect(&Host::at(dir.path()).unwrap(), &input).unwrap();
    assert_eq!(inspected.unparsed, 0);
    let observed = Observed {
        events: &inspected.events,
        changes: &inspected.changes,
        habits: &Habits::default(),
        places: &Places::new(),
        dormant_after: SignedDuration::from_hours(90 * 24),
        zone: &inspected.zone.0,
    };
    detect(&observed, &LoginRules::default())
        .into_iter()
        .map(|anomaly| {
            let source = match anomaly.sources.as_slice() {
                [] => "-".to_owned(),
                [only] => only.to_string(),
                many => format!("{} sources", many.len()),
            };
            let user = anomaly.user.unwrap_or_else(|| "-".to_owned());
            (anomaly.kind.name().to_owned(), user, source)
        })
        .collect()
}

#[test]
fn what_was_planted_is_found_and_nothing_else_in_every_form() {
    for form in FORMS {
        let mut log = Log::new(form);
        let mut truth = Truth::new();
        let mut planted = |kind: &str, user: &str, source: &str| {
            truth.insert((kind.to_owned(), user.to_owned(), source.to_owned()));
        };
        log.usual();
        log.traps();
        log.attacks(&mut planted);
        log.logins(&mut planted);
        log.privileges(&mut planted);
        let found = found(&log.text());
        let missed: Vec<_> = truth.difference(&found).collect();
        let invented: Vec<_> = found.difference(&truth).collect();
        assert!(
            missed.is_empty() && invented.is_empty(),
            "{form:?}\nmissed {missed:#?}\ninvented {invented:#?}"
        );
    }
}

#[test]
fn a_usual_month_with_its_oddities_has_nothing_abnormal_in_any_form() {
    for form in FORMS {
        let mut log = Log::new(form);
        log.usual();
        log.traps();
        assert_eq!(found(&log.text()), Truth::new(), "{form:?}");
    }
}
