//! `logins.monitoring`: something that runs watches for abnormal logins, and the logs it watches are being written.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::message::Message;
use plumbline_facts::logins::{LoginFacts, Row, SourceReading};
use plumbline_facts::monitors::{Monitor, MonitorFacts, Product};
use plumbline_facts::{Facts, Known, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};

/// A log of logins that was not written to for this long has stopped: cron alone writes to it every hour.
const SILENT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A log that lags behind what another tells of logins by this much has stopped too.
const LAGS_BY: SignedDuration = SignedDuration::from_hours(1);

/// Logs of a syslog daemon, among the sources of logins.
const LOGS: [&str; 3] = ["/var/log/auth.log", "/var/log/secure", "/var/log/messages"];

/// The name of the journal among them.
const JOURNAL: &str = "journal";

/// Records that a watch tells of.
const RECORDS: [&str; 2] = ["/var/log/wtmp", "/var/log/btmp"];

pub(crate) const CHECK: Check = Check {
    id: "logins.monitoring",
    needs: &[ProbeId::Logins, ProbeId::Monitors],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let monitoring = &context.measures().monitoring;
    if let Some(reason) = monitoring
        .not_applicable
        .as_ref()
        .or(monitoring.logins.not_applicable.as_ref())
    {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let logins = facts.logins.value()?;
    let MonitorFacts {
        monitors,
        watching,
        journald,
    } = facts.monitors.value()?;
    let active: Vec<&Monitor> = monitors.iter().filter(|monitor| is_active(monitor)).collect();
    let mut verdicts = vec![host(&active, monitors, watching.as_ref(), logins)];
    let dead = monitors.iter().filter(|monitor| !is_active(monitor));
    verdicts.extend(dead.map(inactive));
    verdicts.extend(watching.as_ref().and_then(|watching| unwatched(watching, logins)));
    verdicts.extend(stopped(logins, *journald, context.now));
    Ok(verdicts)
}

/// It runs, and what its settings say it watches tells of logins. Settings that don't say are taken at its purpose.
fn is_active(monitor: &Monitor) -> bool {
    let of_logins = |name: &String| match monitor.product {
        Product::Fail2ban => name.contains("ssh") || name.contains("pam"),
        _ => true,
    };
    let watches = monitor.watches.as_ref();
    !monitor.processes.is_empty() && watches.is_none_or(|names| names.iter().any(of_logins))
}

fn host(
    active: &[&Monitor],
    all: &[Monitor],
    watching: Option<&BTreeSet<String>>,
    logins: &LoginFacts,
) -> Verdict {
    let names: Vec<&str> = active.iter().map(|monitor| monitor.product.name()).collect();
    let read: Vec<Value> = logins
        .sources
        .iter()
        .filter_map(|source| Some((source, source.reading.value().ok()?)))
        .map(|(source, reading)| {
            json!({ "name": source.name, "written_at": reading.written_at, "lost": reading.lost })
        })
        .collect();
    let evidence = json!({ "monitors": all, "sources_readable": read, "watched_by_this_agent": watching });
    let verdict = if names.is_empty() {
        Verdict::fail(Verdict::HOST, Message::new("logins-monitoring-none"))
    } else {
        let message = Message::new("logins-monitoring-active").arg("monitors", names.join(", "));
        Verdict::pass(Verdict::HOST, message)
    };
    verdict
        .compared(json!({ "active_at_least": 1 }), json!({ "active": names }))
        .evidence(evidence)
}

/// Installed, and not at work.
fn inactive(monitor: &Monitor) -> Verdict {
    let subject = format!("monitor:{}", monitor.product.name());
    let key = if monitor.processes.is_empty() {
        "logins-monitoring-dead"
    } else {
        "logins-monitoring-watches-nothing"
    };
    Verdict::fail(subject, Message::new(key).arg("monitor", monitor.product.name()))
        .compared(
            json!({ "running": true, "watches_logins": true }),
            json!({ "running": !monitor.processes.is_empty(), "watches": monitor.watches }),
        )
        .evidence(json!({ "monitor": monitor }))
}

/// Files of logins that this agent reads and whose change it would not notice: its own watch is dead there. The journal
/// is not among them, since its pulse is felt beside the watch.
fn unwatched(watching: &BTreeSet<String>, logins: &LoginFacts) -> Option<Verdict> {
    let read = |name: &&str| LOGS.contains(name) || RECORDS.contains(name);
    let sources = logins.sources.iter();
    let names = sources
        .filter(|source| matches!(source.reading, Known::Value(_)))
        .map(|source| source.name.as_str());
    let missed: Vec<&str> = names
        .filter(read)
        .filter(|name| !watching.contains(*name))
        .collect();
    let subject = format!("monitor:{}", Product::Plumbline.name());
    (!missed.is_empty()).then(|| {
        let message = Message::new("logins-monitoring-unwatched").arg("files", missed.join(", "));
        Verdict::fail(subject, message).compared(
            json!({ "watched_files_missing": [] }),
            json!({ "watched_files_missing": missed }),
        )
    })
}

/// Logs that are not being written any more. Where the journal is written and read nothing is missed by that.
fn stopped(logins: &LoginFacts, journald: bool, now: Timestamp) -> Vec<Verdict> {
    let read = |source: &&SourceReading| matches!(source.reading, Known::Value(_));
    let mut names = logins
        .sources
        .iter()
        .filter(read)
        .map(|source| source.name.as_str());
    if names.clone().any(|name| name == JOURNAL) {
        if journald {
            return Vec::new();
        }
        if !names.any(|name| LOGS.contains(&name)) {
            let message = Message::new("logins-monitoring-journal-stopped");
            return vec![Verdict::fail(JOURNAL, message).compared(
                json!({ "systemd_journald": true }),
                json!({ "systemd_journald": false }),
            )];
        }
    }
    let last = logins.events.rows().last().map(Row::at);
    let logs = logins
        .sources
        .iter()
        .filter(|source| LOGS.contains(&source.name.as_str()));
    logs.filter_map(|source| {
        let written_at = source.reading.value().ok()?.written_at?;
        let silent = now.duration_since(written_at) > SILENT_FOR;
        let lags = last.is_some_and(|last| last <= now && last.duration_since(written_at) > LAGS_BY);
        (silent || lags).then(|| {
            let message = Message::new("logins-monitoring-log-stopped")
                .arg("log", &source.name)
                .arg("since", written_at);
            Verdict::fail(source.name.clone(), message).compared(
                json!({ "written_within_seconds": SILENT_FOR.as_secs() }),
                json!({ "written_at": written_at, "last_login_attempt": last }),
            )
        })
    })
    .collect()
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;

    crate::check::Examples {
        passing: (
            tests::facts(&[tests::monitor(Product::Plumbline, 1)], 1),
            Plan::default(),
        ),
        failing: (
            tests::facts(&[tests::monitor(Product::Fail2ban, 0)], 400),
            Plan::default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::Plan;
    use plumbline_facts::logins::Reading;

    use super::*;
    use crate::invariants::NOW;

    pub(super) fn monitor(product: Product, processes: u32) -> Monitor {
        Monitor {
            product,
            processes: (0..processes).collect(),
            watches: None,
        }
    }

    /// A host whose auth.log was written so many hours ago.
    pub(super) fn facts(monitors: &[Monitor], hours: i64) -> Facts {
        let now: Timestamp = NOW.parse().unwrap();
        Facts {
            logins: Known::Value(LoginFacts {
                sources: vec![SourceReading {
                    name: "/var/log/auth.log".to_owned(),
                    reading: Known::Value(Reading {
                        written_at: Some(now - SignedDuration::from_hours(hours)),
                        ..Reading::default()
                    }),
                }],
                ..LoginFacts::default()
            }),
            monitors: Known::Value(MonitorFacts {
                monitors: monitors.to_vec(),
                journald: true,
                watching: None,
            }),
            ..Facts::default()
        }
    }

    fn judged(facts: &Facts) -> Vec<(String, Status)> {
        let context = Context {
            plan: &Plan::default(),
            role: Role::Service,
            now: NOW.parse().unwrap(),
        };
        let verdicts = judge(facts, &context).unwrap();
        verdicts.into_iter().map(|v| (v.subject, v.status)).collect()
    }

    #[test]
    fn a_monitor_that_is_dead_or_watches_something_else_is_told_beside_one_that_works() {
        let mut blind = monitor(Product::Fail2ban, 1);
        blind.watches = Some(vec!["nginx-http-auth".to_owned()]);
        let monitors = [
            monitor(Product::Plumbline, 1),
            blind,
            monitor(Product::Crowdsec, 0),
        ];
        assert_eq!(
            judged(&facts(&monitors, 1)),
            [
                ("host".to_owned(), Status::Pass),
                ("monitor:fail2ban".to_owned(), Status::Fail),
                ("monitor:CrowdSec".to_owned(), Status::Fail),
            ]
        );
    }

    #[test]
    fn a_log_that_stopped_growing_is_a_finding_unless_the_journal_tells_the_same() {
        let mut host = facts(&[monitor(Product::Sshguard, 2)], 8 * 24);
        let stopped = ("/var/log/auth.log".to_owned(), Status::Fail);
        assert!(judged(&host).contains(&stopped));
        if let Known::Value(logins) = &mut host.logins {
            logins.sources.push(SourceReading {
                name: "journal".to_owned(),
                reading: Known::Value(Reading::default()),
            });
        }
        assert_eq!(judged(&host), [("host".to_owned(), Status::Pass)]);
        if let Known::Value(monitors) = &mut host.monitors {
            monitors.journald = false;
        }
        assert!(judged(&host).contains(&stopped), "nobody writes the journal");
        if let Known::Value(logins) = &mut host.logins {
            logins.sources.retain(|source| source.name == JOURNAL);
        }
        assert!(judged(&host).contains(&(JOURNAL.to_owned(), Status::Fail)));
    }

    #[test]
    fn a_log_that_this_agent_would_not_notice_a_change_of_is_a_finding() {
        let mut host = facts(&[monitor(Product::Plumbline, 1)], 1);
        let mut watching = |files: &[&str]| {
            if let Known::Value(monitors) = &mut host.monitors {
                monitors.watching = Some(files.iter().map(|file| (*file).to_owned()).collect());
            }
            judged(&host)
        };
        let pass = ("host".to_owned(), Status::Pass);
        assert_eq!(watching(&["/var/log/auth.log"]), std::slice::from_ref(&pass));
        let blind = ("monitor:plumbline-agent".to_owned(), Status::Fail);
        assert_eq!(watching(&["/var/log/wtmp"]), [pass, blind]);
    }

    #[test]
    fn nobody_watching_is_a_failure() {
        assert_eq!(judged(&facts(&[], 1)), [("host".to_owned(), Status::Fail)]);
    }
}
