//! `access.monitoring`: who reads the declared paths, and what databases hold, is recorded.

use std::path::Path;

use plumbline_config::message::Message;
use plumbline_facts::access::{AccessFacts, Database, Engine, KernelAudit, PathRule};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};

/// What the rules that we propose mark records with.
const KEY: &str = "personal-data";

pub(crate) const CHECK: Check = Check {
    id: "access.monitoring",
    needs: &[ProbeId::Access],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let monitoring = &context.measures().monitoring;
    if let Some(reason) = monitoring
        .not_applicable
        .as_ref()
        .or(monitoring.access.not_applicable.as_ref())
    {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let access = facts.access.value()?;
    let mut verdicts = Vec::new();
    let here: Vec<&Path> = access
        .paths
        .iter()
        .filter(|(_, there)| **there)
        .map(|(path, _)| path.as_path())
        .collect();
    if !here.is_empty() {
        verdicts.push(recorder(access));
        verdicts.extend(here.iter().map(|path| recorded(path, access)));
    }
    verdicts.extend(databases(access));
    if verdicts.is_empty() {
        verdicts.push(if access.paths.is_empty() {
            Verdict::manual(Verdict::HOST, Message::new("access-nothing-declared"))
        } else {
            Verdict::not_applicable(Verdict::HOST, Message::new("access-nothing-here"))
        });
    }
    Ok(verdicts)
}

/// Whether the kernel records at all, somebody writes it down, and nothing was lost.
fn recorder(access: &AccessFacts) -> Verdict {
    const SUBJECT: &str = "audit";
    let kernel = match access.kernel.present() {
        Ok(Some(kernel)) => kernel,
        Ok(None) => return Verdict::fail(SUBJECT, Message::new("access-no-audit")),
        Err(unknown) => return Verdict::unknown(SUBJECT, &unknown),
    };
    let log = match access.log.present() {
        Ok(log) => log,
        Err(unknown) => return Verdict::unknown(SUBJECT, &unknown),
    };
    let verdict = if kernel.enabled == 0 {
        Verdict::fail(SUBJECT, Message::new("access-audit-off"))
    } else if kernel.pid == 0 {
        Verdict::fail(SUBJECT, Message::new("access-no-auditd"))
    } else if log.is_none() {
        Verdict::fail(SUBJECT, Message::new("access-no-log"))
    } else if kernel.lost > 0 {
        let message = Message::new("access-records-lost")
            .number("count", usize::try_from(kernel.lost).unwrap_or(usize::MAX))
            .number(
                "backlog",
                usize::try_from(kernel.backlog_limit).unwrap_or(usize::MAX),
            );
        Verdict::fail(SUBJECT, message)
    } else {
        Verdict::pass(SUBJECT, Message::new("access-audit-runs"))
    };
    let evidence = json!({
        "enabled": kernel.enabled, "immutable": kernel.enabled == 2, "auditd": kernel.pid != 0,
        "backlog_limit": kernel.backlog_limit, "lost": kernel.lost,
        "log": log.map(|log| json!({ "lost": log.lost })),
    });
    verdict
        .compared(
            json!({ "enabled": true, "auditd": true, "lost": 0 }),
            json!({ "enabled": kernel.enabled > 0, "auditd": kernel.pid != 0, "lost": kernel.lost }),
        )
        .evidence(evidence)
}

/// Whether the reading of one path is recorded now, and after the next start.
fn recorded(path: &Path, access: &AccessFacts) -> Verdict {
    let subject = path.display().to_string();
    let kernel = match access.kernel.present() {
        Ok(kernel) => kernel,
        Err(unknown) => return Verdict::unknown(subject, &unknown),
    };
    let kept = match access.kept_rules.value() {
        Ok(kept) => kept,
        Err(unknown) => return Verdict::unknown(subject, &unknown),
    };
    let loaded = kernel.map_or(Ruled::Nothing, |kernel: &KernelAudit| ruled(path, &kernel.rules));
    let kept = ruled(path, kept);
    let message = match (loaded, kept) {
        (Ruled::Recorded, Ruled::Recorded) => Message::new("access-path-recorded"),
        (Ruled::Recorded, _) => Message::new("access-path-not-kept"),
        (Ruled::Excluded, _) => Message::new("access-path-excluded"),
        (Ruled::InPart, _) => Message::new("access-path-in-part"),
        (Ruled::Nothing, Ruled::Recorded) => Message::new("access-path-not-loaded"),
        (Ruled::Nothing, _) => Message::new("access-path-unrecorded"),
    }
    .arg("path", &subject);
    let is_recorded = (loaded, kept) == (Ruled::Recorded, Ruled::Recorded);
    let verdict = if is_recorded {
        Verdict::pass(subject, message)
    } else {
        let rule = Message::new("access-propose-rule").arg("rule", proposed_rule(path));
        Verdict::fail(subject, message).remedy(Some(rule))
    };
    verdict.compared(
        json!({ "loaded": Ruled::Recorded.name(), "kept": Ruled::Recorded.name() }),
        json!({ "loaded": loaded.name(), "kept": kept.name() }),
    )
}

/// The rule that has the reading of a path recorded, as auditctl(8) reads it.
#[must_use]
pub fn proposed_rule(path: &Path) -> String {
    format!("-a always,exit -F dir={} -F perm=r -F key={KEY}", path.display())
}

/// What rules make of the reading of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ruled {
    Recorded,
    /// An earlier rule keeps some of it from being recorded.
    Excluded,
    /// Some users, programs or parts alone.
    InPart,
    Nothing,
}

impl Ruled {
    const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Excluded => "excluded",
            Self::InPart => "in-part",
            Self::Nothing => "nothing",
        }
    }
}

/// The first rule that fits decides (auditctl(8)).
fn ruled(path: &Path, rules: &[PathRule]) -> Ruled {
    let mut ruled = Ruled::Nothing;
    for rule in rules.iter().filter(|rule| rule.touches(path)) {
        match (rule.never, rule.narrowed || !rule.covers(path)) {
            (true, _) => return Ruled::Excluded,
            (false, false) => return Ruled::Recorded,
            (false, true) => ruled = Ruled::InPart,
        }
    }
    ruled
}

fn databases(access: &AccessFacts) -> Vec<Verdict> {
    match access.databases.value() {
        Ok(databases) => databases.iter().map(database).collect(),
        Err(unknown) => vec![Verdict::unknown("databases", &unknown)],
    }
}

fn database(database: &Database) -> Verdict {
    let engine = match database.engine {
        Engine::Mariadb => "mariadb",
        Engine::Postgresql => "postgresql",
    };
    let subject = format!("database:{engine}:{}", database.name);
    let settings = match database.settings.value() {
        Ok(settings) => settings,
        Err(unknown) => return Verdict::unknown(subject, &unknown),
    };
    let value = |name: &str| Database::value(settings, name);
    let on = |name: &str| ["on", "1", "true", "yes"].contains(&value(name).to_ascii_lowercase().as_str());
    let has = |name: &str, wanted: &[&str]| {
        let value = value(name).to_ascii_lowercase();
        let mut parts = value.split([',', ' ', ';']).map(str::trim);
        parts.any(|part| wanted.contains(&part))
    };
    let reads_recorded = match database.engine {
        // Without a list of events all are recorded (server_audit_events).
        Engine::Mariadb => {
            on("server_audit_logging")
                && (value("server_audit_events").is_empty()
                    || has("server_audit_events", &["query", "query_dml", "table"]))
        }
        Engine::Postgresql => {
            has("log_statement", &["all"])
                || (has("shared_preload_libraries", &["pgaudit"]) && has("pgaudit.log", &["all", "read"]))
        }
    };
    let connections_recorded = match database.engine {
        Engine::Mariadb => {
            value("server_audit_events").is_empty() || has("server_audit_events", &["connect"])
        }
        Engine::Postgresql => on("log_connections"),
    };
    let key = match (reads_recorded, connections_recorded) {
        (true, true) => "access-database-recorded",
        (true, false) => "access-database-no-connections",
        (false, _) => "access-database-unrecorded",
    };
    let message = Message::new(key)
        .arg("engine", engine)
        .arg("name", &database.name);
    let verdict = if reads_recorded && connections_recorded {
        Verdict::pass(subject, message)
    } else {
        let mend = match database.engine {
            Engine::Mariadb => "access-mend-mariadb",
            Engine::Postgresql => "access-mend-postgresql",
        };
        Verdict::fail(subject, message).remedy(Some(Message::new(mend)))
    };
    verdict
        .compared(
            json!({ "reads_recorded": true, "connections_recorded": true }),
            json!({ "reads_recorded": reads_recorded, "connections_recorded": connections_recorded }),
        )
        .evidence(json!({ "settings": settings }))
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;

    crate::check::Examples {
        passing: (tests::facts(true), Plan::default()),
        failing: (tests::facts(false), Plan::default()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::access::Setting;
    use plumbline_facts::logins::Reading;

    use super::*;
    use crate::invariants::NOW;

    const PATH: &str = "/srv/pii";

    fn rule(path: &str) -> PathRule {
        PathRule {
            path: PathBuf::from(path),
            beneath: true,
            never: false,
            reads: true,
            narrowed: false,
            key: Some(KEY.to_owned()),
        }
    }

    /// A host with one declared path, whose reading is recorded or not.
    pub(super) fn facts(recorded: bool) -> Facts {
        let rules: Vec<PathRule> = recorded.then(|| rule(PATH)).into_iter().collect();
        with(AccessFacts {
            paths: BTreeMap::from([(PathBuf::from(PATH), true), (PathBuf::from("/gone"), false)]),
            kernel: Known::Value(KernelAudit {
                enabled: 1,
                pid: u32::from(recorded),
                backlog_limit: 8192,
                lost: 0,
                rules: rules.clone(),
            }),
            kept_rules: Known::Value(rules),
            log: Known::Value(Reading::default()),
            databases: Known::Value(Vec::new()),
            ..AccessFacts::default()
        })
    }

    fn with(access: AccessFacts) -> Facts {
        Facts {
            access: Known::Value(access),
            ..Facts::default()
        }
    }

    fn judged(change: impl FnOnce(&mut AccessFacts)) -> Vec<(String, Status, String)> {
        let Known::Value(mut access) = facts(true).access else {
            unreachable!()
        };
        change(&mut access);
        let context = Context {
            plan: &Plan::default(),
            role: Role::Service,
            now: NOW.parse().unwrap(),
        };
        let verdicts = judge(&with(access), &context).unwrap();
        let told = |v: Verdict| (v.subject, v.status, v.message.key().to_owned());
        verdicts.into_iter().map(told).collect()
    }

    fn told(judged: &[(String, Status, String)], subject: &str) -> (Status, String) {
        let found = judged.iter().find(|(of, ..)| of == subject).unwrap();
        (found.1, found.2.clone())
    }

    #[test]
    fn what_keeps_a_path_from_being_recorded_is_named() {
        let kernel = |rules: Vec<PathRule>| {
            let judged = judged(move |access| {
                if let Known::Value(kernel) = &mut access.kernel {
                    kernel.rules = rules;
                }
            });
            told(&judged, PATH).1
        };
        assert_eq!(kernel(vec![rule("/srv")]), "access-path-recorded");
        assert_eq!(kernel(vec![]), "access-path-not-loaded");
        let never = PathRule {
            never: true,
            ..rule("/srv/pii/backup")
        };
        assert_eq!(kernel(vec![never.clone(), rule("/srv")]), "access-path-excluded");
        assert_eq!(
            kernel(vec![rule("/srv"), never]),
            "access-path-recorded",
            "the first decides"
        );
        let narrowed = PathRule {
            narrowed: true,
            ..rule("/srv")
        };
        assert_eq!(kernel(vec![narrowed]), "access-path-in-part");
        assert_eq!(kernel(vec![rule("/srv/pii/part")]), "access-path-in-part");
        let not_kept = judged(|access| access.kept_rules = Known::Value(Vec::new()));
        assert_eq!(
            told(&not_kept, PATH),
            (Status::Fail, "access-path-not-kept".to_owned())
        );
    }

    #[test]
    fn records_that_nobody_writes_or_that_were_lost_fail_and_what_could_not_be_seen_is_an_error() {
        let audit = |change: fn(&mut KernelAudit)| {
            let judged = judged(|access| {
                if let Known::Value(kernel) = &mut access.kernel {
                    change(kernel);
                }
            });
            told(&judged, "audit").1
        };
        assert_eq!(audit(|kernel| kernel.enabled = 0), "access-audit-off");
        assert_eq!(audit(|kernel| kernel.pid = 0), "access-no-auditd");
        assert_eq!(audit(|kernel| kernel.lost = 3), "access-records-lost");
        assert_eq!(audit(|kernel| kernel.enabled = 2), "access-audit-runs");
        let blind = judged(|access| access.kernel = Known::denied("audit", "CAP_AUDIT_CONTROL"));
        assert!(
            blind.iter().all(|(_, status, _)| *status == Status::Error),
            "{blind:?}"
        );
        let blind = judged(|access| access.kept_rules = Known::denied("rules", "root"));
        assert_eq!(told(&blind, PATH).0, Status::Error);
        let blind = judged(|access| access.databases = Known::denied("/proc", "root"));
        assert_eq!(told(&blind, "databases").0, Status::Error);
        let without = judged(|access| access.kernel = Known::Absent("audit".to_owned()));
        assert_eq!(told(&without, "audit").1, "access-no-audit");
        assert_eq!(told(&without, PATH).1, "access-path-not-loaded");
    }

    #[test]
    fn nothing_declared_asks_for_a_person_and_nothing_here_does_not_apply() {
        let status = |paths: BTreeMap<PathBuf, bool>| judged(|access| access.paths = paths)[0].1;
        assert_eq!(status(BTreeMap::new()), Status::Manual);
        assert_eq!(
            status(BTreeMap::from([(PathBuf::from("/gone"), false)])),
            Status::NotApplicable
        );
    }

    #[test]
    fn a_database_must_record_reads_and_who_connects() {
        let judge = |engine, settings: &[(&str, &str)]| {
            let setting = |(name, value): &(&str, &str)| {
                let setting = Setting {
                    value: (*value).to_owned(),
                    file: "f".to_owned(),
                };
                ((*name).to_owned(), setting)
            };
            let settings = Known::Value(settings.iter().map(setting).collect());
            let database = Database {
                engine,
                name: "d".to_owned(),
                settings,
            };
            judged(|access| access.databases = Known::Value(vec![database]))
                .pop()
                .unwrap()
                .2
        };
        let (recorded, unrecorded) = ("access-database-recorded", "access-database-unrecorded");
        use Engine::{Mariadb, Postgresql};
        assert_eq!(judge(Mariadb, &[("server_audit_logging", "ON")]), recorded);
        assert_eq!(judge(Mariadb, &[("plugin_load", "server_audit")]), unrecorded);
        assert_eq!(
            judge(
                Mariadb,
                &[
                    ("server_audit_logging", "1"),
                    ("server_audit_events", "CONNECT,QUERY_DDL")
                ]
            ),
            unrecorded
        );
        assert_eq!(
            judge(Postgresql, &[("log_statement", "all"), ("log_connections", "on")]),
            recorded
        );
        assert_eq!(
            judge(Postgresql, &[("log_statement", "all")]),
            "access-database-no-connections"
        );
        let pgaudit = [
            ("shared_preload_libraries", "x, pgaudit"),
            ("pgaudit.log", "read, ddl"),
            ("log_connections", "on"),
        ];
        assert_eq!(judge(Postgresql, &pgaudit), recorded);
        assert_eq!(
            judge(Postgresql, &pgaudit[1..]),
            unrecorded,
            "settings without the library do nothing"
        );
    }
}
