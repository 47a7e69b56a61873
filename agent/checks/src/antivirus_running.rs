//! `antivirus.running`: an anti-virus engine runs and answers, and scans on access where declared.

use plumbline_config::message::Message;
use plumbline_facts::antivirus::daemon::Answer;
use plumbline_facts::antivirus::products::Product;
use plumbline_facts::antivirus::{AntivirusFacts, ClamAv};
use plumbline_facts::{Denial, Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};

/// Subject of findings about ClamAV.
const CLAMAV: &str = "product:ClamAV";

/// Subject of what is said of scanning on access.
const ON_ACCESS: &str = "on-access";

pub(crate) const CHECK: Check = Check {
    id: "antivirus.running",
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
    antivirus.processes_seen.value()?;
    let clamav = antivirus.clamav.iter().map(clamav_verdict);
    let engines: Vec<_> = clamav
        .chain(antivirus.products.iter().map(product_verdict))
        .collect();
    if engines.is_empty() {
        return Ok(vec![Verdict::fail(Verdict::HOST, Message::new("antivirus-none"))]);
    }
    let (well, unwell): (Vec<_>, Vec<_>) = engines.into_iter().partition(Engine::is_well);
    if well.is_empty() {
        return Ok(unwell.into_iter().map(|engine| engine.0).collect());
    }
    // One engine is what the plan asks for: what is left of another is no fault.
    let mut verdicts: Vec<_> = well.into_iter().map(|engine| engine.0).collect();
    if plan.on_access {
        verdicts.push(on_access_verdict(antivirus));
    }
    Ok(verdicts)
}

/// What is said of one engine.
struct Engine(Verdict);

impl Engine {
    fn is_well(&self) -> bool {
        self.0.status == plumbline_config::finding::Status::Pass
    }
}

fn clamav_verdict(clamav: &ClamAv) -> Engine {
    let well = clamav.sockets.iter().find_map(|socket| match &socket.answer {
        Answer::Well { version } => Some((socket, version)),
        _ => None,
    });
    let denied = clamav
        .sockets
        .iter()
        .find(|socket| socket.answer == Answer::Denied);
    let unwell = clamav.sockets.iter().find_map(|socket| match &socket.answer {
        Answer::Unwell(why) => Some((socket, why)),
        _ => None,
    });
    let verdict = if clamav.clamd.is_empty() {
        Verdict::fail(
            CLAMAV,
            Message::new("antivirus-not-running").arg("product", "ClamAV"),
        )
    } else if let Some((_, version)) = well {
        Verdict::pass(
            CLAMAV,
            Message::new("antivirus-clamav-answers").arg("version", version),
        )
    } else if let Some(socket) = denied {
        let denial = Denial {
            what: socket.address.clone(),
            needs: "CAP_DAC_OVERRIDE".to_owned(),
        };
        Verdict::unknown(CLAMAV, &Unknown::Denied(denial))
    } else if let Some((socket, why)) = unwell {
        let message = Message::new("antivirus-clamav-silent").arg("socket", &socket.address);
        Verdict::fail(CLAMAV, message.arg("why", why))
    } else {
        Verdict::error(CLAMAV, Message::new("antivirus-clamav-not-asked"))
    };
    Engine(verdict.evidence(clamav_evidence(clamav)))
}

fn clamav_evidence(clamav: &ClamAv) -> Value {
    let path = |config: &plumbline_facts::antivirus::config::Config| json!({ "path": config.path, "example": config.example });
    json!({
        "programs": clamav.programs,
        "clamd": clamav.clamd,
        "clamonacc": clamav.clamonacc,
        "configs": clamav.daemon_configs.iter().map(path).collect::<Vec<_>>(),
        "sockets": clamav.sockets,
        "faults": clamav.faults,
    })
}

fn product_verdict(product: &Product) -> Engine {
    let subject = format!("product:{}", product.name);
    let verdict = if product.running.is_empty() {
        Verdict::fail(
            subject,
            Message::new("antivirus-not-running").arg("product", &product.name),
        )
    } else {
        Verdict::pass(
            subject,
            Message::new("antivirus-product-runs").arg("product", &product.name),
        )
    };
    Engine(verdict.evidence(json!({
        "found_by": product.found_by,
        "running": product.running,
        "verified": product.verified,
    })))
}

fn on_access_verdict(antivirus: &AntivirusFacts) -> Verdict {
    let running = antivirus.clamav.iter().any(|clamav| !clamav.clamonacc.is_empty());
    let paths: Vec<_> = antivirus
        .clamav
        .iter()
        .flat_map(|clamav| {
            clamav
                .daemon_configs
                .iter()
                .flat_map(|config| &config.on_access_paths)
        })
        .collect();
    let listed = antivirus
        .clamav
        .iter()
        .flat_map(|clamav| &clamav.clamonacc)
        .any(|process| {
            let watch_list = |argument: &String| argument == "-W" || argument.starts_with("--watch-list");
            process.arguments.iter().any(watch_list)
        });
    let other = antivirus
        .products
        .iter()
        .find(|product| !product.running.is_empty());
    let verdict = match other {
        _ if running && (listed || !paths.is_empty()) => {
            Verdict::pass(ON_ACCESS, Message::new("antivirus-on-access-runs"))
        }
        Some(product) if !running => {
            let message = Message::new("antivirus-on-access-unknown").arg("product", &product.name);
            Verdict::error(ON_ACCESS, message)
        }
        _ if running => Verdict::fail(ON_ACCESS, Message::new("antivirus-on-access-no-paths")),
        _ => Verdict::fail(ON_ACCESS, Message::new("antivirus-on-access-off")),
    };
    let actual = json!({ "clamonacc_running": running, "paths": paths, "watch_list": listed });
    verdict.compared(json!({ "on_access": true }), actual)
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    let facts = |clamav: Option<ClamAv>| Facts {
        antivirus: Known::Value(tests::antivirus(clamav)),
        ..Facts::default()
    };
    let mut plan = Plan::default();
    plan.service.antivirus.on_access = true;
    let mut on_access = tests::clamav(Answer::Well {
        version: "ClamAV 1.4.3".to_owned(),
    });
    on_access.clamonacc = vec![tests::running("clamonacc")];
    on_access.daemon_configs = vec![plumbline_facts::antivirus::config::Config {
        on_access_paths: vec!["/home".to_owned()],
        ..Default::default()
    }];
    crate::check::Examples {
        passing: (facts(Some(on_access)), plan),
        failing: (facts(None), Plan::default()),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::antivirus::daemon::Socket;
    use plumbline_facts::antivirus::processes::Running;

    use super::*;
    use crate::invariants::NOW;

    pub(super) fn running(name: &str) -> Running {
        Running {
            pid: 42,
            name: name.to_owned(),
            executable: None,
            arguments: Vec::new(),
        }
    }

    pub(super) fn clamav(answer: Answer) -> ClamAv {
        ClamAv {
            programs: vec!["/usr/sbin/clamd".to_owned()],
            clamd: vec![running("clamd")],
            sockets: vec![Socket {
                address: "/run/clamav/clamd.ctl".to_owned(),
                answer,
            }],
            ..ClamAv::default()
        }
    }

    pub(super) fn antivirus(clamav: Option<ClamAv>) -> AntivirusFacts {
        AntivirusFacts {
            clamav,
            products: Vec::new(),
            processes_seen: Known::Value(()),
        }
    }

    fn product(runs: bool) -> Product {
        Product {
            name: "Other".to_owned(),
            found_by: vec!["/opt/other".to_owned()],
            running: if runs { vec![running("other")] } else { Vec::new() },
            verified: false,
        }
    }

    fn judged(facts: AntivirusFacts, on_access: bool) -> Vec<(String, Status, &'static str)> {
        let mut plan = Plan::default();
        plan.service.antivirus.on_access = on_access;
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
            .map(|v| (v.subject, v.status, v.message.key()))
            .collect()
    }

    fn well() -> Answer {
        Answer::Well {
            version: "ClamAV 1.4.3".to_owned(),
        }
    }

    #[test]
    fn a_process_that_does_not_answer_is_no_protection() {
        for (answer, status, key) in [
            (well(), Status::Pass, "antivirus-clamav-answers"),
            (
                Answer::Unwell("no answer".to_owned()),
                Status::Fail,
                "antivirus-clamav-silent",
            ),
            (Answer::Denied, Status::Error, "fact-denied"),
            (
                Answer::NotAsked("it".to_owned()),
                Status::Error,
                "antivirus-clamav-not-asked",
            ),
        ] {
            let found = judged(antivirus(Some(clamav(answer))), false);
            assert_eq!(found, [(CLAMAV.to_owned(), status, key)]);
        }
        let mut stopped = clamav(well());
        stopped.clamd.clear();
        assert_eq!(
            judged(antivirus(Some(stopped)), false)[0].2,
            "antivirus-not-running"
        );
    }

    #[test]
    fn one_engine_that_runs_is_enough() {
        let mut stopped = clamav(well());
        stopped.clamd.clear();
        let both = |runs| AntivirusFacts {
            products: vec![product(runs)],
            ..antivirus(Some(stopped.clone()))
        };
        let found = judged(both(true), false);
        assert_eq!(
            found,
            [("product:Other".to_owned(), Status::Pass, "antivirus-product-runs")]
        );
        let found = judged(both(false), false);
        assert!(found.len() == 2 && found.iter().all(|(_, status, _)| *status == Status::Fail));
    }

    #[test]
    fn scanning_on_access_is_judged_only_where_declared() {
        let off = || antivirus(Some(clamav(well())));
        assert_eq!(judged(off(), false).len(), 1);
        assert_eq!(
            judged(off(), true)[1],
            (ON_ACCESS.to_owned(), Status::Fail, "antivirus-on-access-off")
        );
        let mut idle = clamav(well());
        idle.clamonacc = vec![running("clamonacc")];
        assert_eq!(
            judged(antivirus(Some(idle)), true)[1].2,
            "antivirus-on-access-no-paths"
        );
        let other = AntivirusFacts {
            products: vec![product(true)],
            ..antivirus(None)
        };
        assert_eq!(judged(other, true)[1].1, Status::Error);
    }

    #[test]
    fn hidden_processes_are_an_error() {
        let facts = Facts {
            antivirus: Known::Value(AntivirusFacts {
                processes_seen: Known::denied("/proc", "CAP_SYS_PTRACE"),
                ..antivirus(None)
            }),
            ..Facts::default()
        };
        let plan = Plan::default();
        let context = Context {
            plan: &plan,
            role: Role::Service,
            now: NOW.parse().unwrap(),
        };
        assert!(matches!(judge(&facts, &context), Err(Unknown::Denied(_))));
    }
}
