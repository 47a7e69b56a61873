//! `antivirus.signatures`: the signatures that the engine uses are younger than declared.

use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_config::plan::Antivirus;
use plumbline_facts::antivirus::signatures::Databases;
use plumbline_facts::antivirus::{AntivirusFacts, ClamAv};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};

/// The database that is rebuilt every day. Others are rarely rebuilt, so their age says nothing.
const DAILY: &str = "daily";

pub(crate) const CHECK: Check = Check {
    id: "antivirus.signatures",
    needs: &[ProbeId::Antivirus],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().antivirus;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let antivirus = facts.antivirus.value()?;
    let clamav = antivirus
        .clamav
        .iter()
        .filter(|clamav| is_used(clamav, antivirus));
    let clamav = clamav.flat_map(|clamav| {
        let each = |databases| directory_verdict(databases, clamav, plan, context.now);
        clamav.databases.iter().map(each).collect::<Vec<_>>()
    });
    let others = antivirus.products.iter().map(|product| {
        let message = Message::new("antivirus-definitions-unknown").arg("product", &product.name);
        Verdict::error(format!("product:{}", product.name), message)
            .evidence(json!({ "found_by": product.found_by, "running": product.running }))
    });
    let verdicts: Vec<_> = clamav.chain(others).collect();
    if verdicts.is_empty() {
        return Ok(vec![Verdict::fail(Verdict::HOST, Message::new("antivirus-none"))]);
    }
    Ok(verdicts)
}

/// Whether ClamAV is the engine, and not left over beside another that runs.
fn is_used(clamav: &ClamAv, antivirus: &AntivirusFacts) -> bool {
    !clamav.clamd.is_empty()
        || antivirus
            .products
            .iter()
            .all(|product| product.running.is_empty())
}

fn directory_verdict(databases: &Databases, clamav: &ClamAv, plan: &Antivirus, now: Timestamp) -> Verdict {
    let directory = &databases.directory;
    let damaged = databases.official.iter().find_map(|database| {
        let fault = database.fault.as_ref().filter(|_| database.name == DAILY)?;
        Some((&database.file, fault))
    });
    let limit = plan.signatures_maximum_age;
    let daily = databases.effective(DAILY);
    let age = daily.map(|daily| now.duration_since(daily.built_at).as_secs());
    let verdict = match (daily, age, damaged) {
        (Some(daily), Some(age), _) => {
            let old = age > limit.nominal_seconds();
            let key = match () {
                () if old => "antivirus-signatures-old",
                () if clamav.updates_itself() => "antivirus-signatures-fresh",
                () => "antivirus-signatures-fresh-unscheduled",
            };
            let message = Message::new(key)
                .arg("version", daily.version)
                .arg("date", daily.built_at)
                .bilingual("limit", limit.words());
            if old {
                Verdict::fail(directory, message)
            } else {
                Verdict::pass(directory, message)
            }
        }
        _ if databases.fault.is_some() => {
            let why = databases.fault.clone().unwrap_or_default();
            let message = Message::new("fact-failed").arg("what", directory);
            Verdict::error(directory, message.arg("why", why))
        }
        (_, _, Some((file, fault))) => {
            let message =
                Message::new("antivirus-signatures-damaged").arg("file", format!("{directory}/{file}"));
            Verdict::error(directory, message.arg("why", fault))
        }
        _ => {
            let message = Message::new("antivirus-signatures-missing").arg("directory", directory);
            Verdict::fail(directory, message.number("unofficial", databases.unofficial))
        }
    };
    verdict
        .compared(
            json!({ "signatures_maximum_age": limit }),
            json!({ "age_seconds": age }),
        )
        .evidence(evidence(databases, clamav))
}

fn evidence(databases: &Databases, clamav: &ClamAv) -> Value {
    json!({
        "databases": databases.official,
        "unofficial": databases.unofficial,
        "loaded_version": clamav.sockets.iter().find_map(|socket| socket.answer.loaded()),
        "freshclam": clamav.freshclam,
        "updates": clamav.updates,
    })
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    let facts = |built_at: &str| Facts {
        antivirus: Known::Value(tests::antivirus(vec![tests::daily(Some(built_at))])),
        ..Facts::default()
    };
    crate::check::Examples {
        passing: (facts("2026-11-21T00:00:00Z"), Plan::default()),
        failing: (facts("2026-11-01T00:00:00Z"), Plan::default()),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::antivirus::processes::Running;
    use plumbline_facts::antivirus::products::Product;
    use plumbline_facts::antivirus::schedule::Scheduled;
    use plumbline_facts::antivirus::signatures::{Database, Header};

    use super::*;
    use crate::invariants::NOW;

    /// `daily.cld`, built then; damaged where it tells no time.
    pub(super) fn daily(built_at: Option<&str>) -> Database {
        Database {
            name: DAILY.to_owned(),
            file: "daily.cld".to_owned(),
            header: built_at.map(|built_at| Header {
                version: 27_810,
                signatures: 2_000_000,
                built_at: built_at.parse().unwrap(),
            }),
            fault: built_at.is_none().then(|| "7 fields".to_owned()),
        }
    }

    pub(super) fn antivirus(official: Vec<Database>) -> AntivirusFacts {
        AntivirusFacts {
            clamav: Some(ClamAv {
                databases: vec![Databases {
                    directory: "/var/lib/clamav".to_owned(),
                    exists: true,
                    official,
                    ..Databases::default()
                }],
                updates: vec![Scheduled {
                    by: "/etc/cron.d/freshclam".to_owned(),
                    last_fired: None,
                }],
                ..ClamAv::default()
            }),
            products: Vec::new(),
            processes_seen: Known::NotAsked,
        }
    }

    fn judged(facts: AntivirusFacts) -> Vec<(Status, &'static str)> {
        let plan = Plan::default();
        let context = Context {
            plan: &plan,
            role: Role::Service,
            now: NOW.parse().unwrap(),
        };
        let facts = Facts {
            antivirus: Known::Value(facts),
            ..Facts::default()
        };
        let verdicts = judge(&facts, &context).unwrap();
        assert!(
            verdicts
                .iter()
                .all(|v| plumbline_config::message::exists(v.message.key()))
        );
        verdicts
            .into_iter()
            .map(|v| (v.status, v.message.key()))
            .collect()
    }

    #[test]
    fn age_counts_for_the_daily_database_alone() {
        let main = Database {
            name: "main".to_owned(),
            ..daily(Some("2021-09-16T00:00:00Z"))
        };
        let fresh = daily(Some("2026-11-20T00:00:00Z"));
        assert_eq!(
            judged(antivirus(vec![main.clone(), fresh])),
            [(Status::Pass, "antivirus-signatures-fresh")]
        );
        assert_eq!(
            judged(antivirus(vec![main])),
            [(Status::Fail, "antivirus-signatures-missing")]
        );
        let old = daily(Some("2026-11-14T00:00:00Z"));
        assert_eq!(
            judged(antivirus(vec![old])),
            [(Status::Fail, "antivirus-signatures-old")]
        );
    }

    #[test]
    fn what_can_not_be_read_is_an_error() {
        assert_eq!(
            judged(antivirus(vec![daily(None)])),
            [(Status::Error, "antivirus-signatures-damaged")]
        );
        let mut denied = antivirus(Vec::new());
        denied.clamav.as_mut().unwrap().databases[0].fault = Some("refused".to_owned());
        assert_eq!(judged(denied), [(Status::Error, "fact-failed")]);
        let mut unscheduled = antivirus(vec![daily(None), daily(Some("2026-11-21T00:00:00Z"))]);
        unscheduled.clamav.as_mut().unwrap().updates.clear();
        assert_eq!(
            judged(unscheduled),
            [(Status::Pass, "antivirus-signatures-fresh-unscheduled")]
        );
    }

    #[test]
    fn definitions_of_another_product_are_never_taken_for_fresh() {
        let product = Product {
            name: "Other".to_owned(),
            found_by: vec!["/opt/other".to_owned()],
            running: vec![Running {
                pid: 42,
                name: "other".to_owned(),
                executable: None,
                arguments: Vec::new(),
            }],
            verified: false,
        };
        let facts = AntivirusFacts {
            products: vec![product],
            ..antivirus(vec![daily(Some("2020-01-01T00:00:00Z"))])
        };
        assert_eq!(judged(facts), [(Status::Error, "antivirus-definitions-unknown")]);
    }
}
