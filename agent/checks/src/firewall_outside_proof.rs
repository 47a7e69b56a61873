//! `firewall.outside-proof`: what others found when they really connected agrees with what follows from the rules. No
//! proof where the plan asks for one is an error, never a pass.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_config::finding::Severity;
use plumbline_config::ident::HostId;
use plumbline_config::message::Message;
use plumbline_config::outside::{Declined, Outcome};
use plumbline_config::plan::{AllowedPort, OutsideProof, Transport};
use plumbline_facts::outside::{Evaluated, OutsideFacts, Proof, Round, Trouble};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: plumbline_config::outside::CHECK,
    needs: &[ProbeId::Outside],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

/// A round counts for so many of its intervals: one may come to nothing before its want is told.
const ROUNDS_THAT_COUNT: i64 = 2;

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let firewall = &context.measures().intrusion.firewall;
    if let Some(reason) = &firewall.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let plan = &firewall.outside_proof;
    if plan.provers.is_empty() {
        let message = Message::new("firewall-proof-not-declared");
        return Ok(vec![Verdict::not_applicable(Verdict::HOST, message)]);
    }
    let outside = facts.outside.value()?;
    let mut verdicts = found(outside, plan, context);
    if !outside.consents {
        verdicts.push(Verdict::error(
            Verdict::HOST,
            Message::new("firewall-proof-no-consent"),
        ));
        return Ok(verdicts);
    }
    let is_self = |prover: &&String| outside.host.as_ref().map(HostId::as_str) == Some(prover.as_str());
    let others: BTreeSet<&String> = plan.provers.iter().filter(|prover| !is_self(prover)).collect();
    if others.is_empty() {
        verdicts.push(Verdict::error(
            Verdict::HOST,
            Message::new("firewall-proof-itself"),
        ));
        return Ok(verdicts);
    }
    if plan
        .provers
        .iter()
        .any(|prover| prover != plumbline_config::outside::COLLECTOR)
    {
        // Other provers learn of the consent, and of what is in question, by this finding.
        verdicts.push(
            Verdict::pass(Verdict::HOST, Message::new("firewall-proof-consents"))
                .evidence(json!({ "in_question": outside.in_question })),
        );
    }
    let mut by_port: BTreeMap<String, Vec<(&str, &Proof)>> = BTreeMap::new();
    for prover in others {
        let round = outside.rounds.get(prover);
        verdicts.extend(of_round(prover, round, plan, context));
        for proof in round.iter().flat_map(|round| &round.proofs) {
            let (to, port) = (proof.attempt.to, proof.attempt.port);
            let subject =
                Transport::Tcp.name().to_owned() + "/" + &std::net::SocketAddr::new(to, port).to_string();
            by_port.entry(subject).or_default().push((prover, proof));
        }
    }
    verdicts.extend(by_port.iter().filter_map(|(subject, proofs)| {
        let judged = proofs
            .iter()
            .map(|(prover, proof)| on(subject, prover, proof, &firewall.allowed_ports));
        let worst = judged.max_by_key(|verdict| verdict.status.concern())?;
        let evidence: Vec<Value> = proofs
            .iter()
            .map(|(prover, proof)| evidence(prover, proof))
            .collect();
        Some(worst.evidence(json!({ "proofs": evidence })))
    }));
    Ok(verdicts)
}

/// Whether something of the moment `at` still counts.
fn counts(at: jiff::Timestamp, plan: &OutsideProof, context: &Context<'_>) -> bool {
    let limit = plan.interval.nominal_seconds().saturating_mul(ROUNDS_THAT_COUNT);
    context.now.duration_since(at).as_secs() <= limit
}

/// What is wrong with a prover's round as a whole; or that it had nothing to do.
fn of_round(
    prover: &str,
    round: Option<&Round>,
    plan: &OutsideProof,
    context: &Context<'_>,
) -> Option<Verdict> {
    let subject = format!("prover:{prover}");
    let said = |key| Message::new(key).arg("prover", prover);
    let done_at = round.and_then(|round| round.done_at);
    let trouble = round.and_then(|round| round.trouble.as_ref());
    let (Some(done_at), Some(round)) = (done_at, round) else {
        let message = match trouble {
            None => said("firewall-proof-not-yet"),
            Some(Trouble::Declined(Declined::NotInThePlan)) => {
                said("firewall-proof-declined-not-in-the-plan")
            }
            Some(Trouble::Declined(Declined::NotTheHosts)) => said("firewall-proof-declined-not-the-hosts"),
            Some(Trouble::Declined(Declined::NotOutside)) => said("firewall-proof-declined-not-outside"),
            Some(Trouble::Failed(why)) => said("firewall-proof-failed").arg("why", why),
        };
        return Some(Verdict::error(subject, message));
    };
    if !counts(done_at, plan, context) {
        let message = said("firewall-proof-overdue")
            .arg("date", done_at)
            .bilingual("limit", plan.interval.words());
        return Some(Verdict::error(subject, message).evidence(json!({ "trouble": trouble })));
    }
    if round.beyond > 0 {
        let message = said("firewall-proof-beyond").number("count", round.beyond);
        return Some(Verdict::error(subject, message));
    }
    let nothing = || Verdict::pass(subject, said("firewall-proof-nothing"));
    round.proofs.is_empty().then(nothing)
}

/// One attempt beside what follows from the rules.
fn on(subject: &str, prover: &str, proof: &Proof, allowed: &[AllowedPort]) -> Verdict {
    let attempt = &proof.attempt;
    let from = attempt
        .from
        .map_or_else(|| "?".to_owned(), |from| from.to_string());
    let said = |key| {
        Message::new(key)
            .arg("subject", subject)
            .arg("prover", prover)
            .arg("from", &from)
    };
    let connected = attempt.outcome == Outcome::Connected;
    let verdict = match proof.evaluated {
        _ if attempt.outcome == Outcome::NotTried => {
            Verdict::error(subject, said("firewall-proof-not-tried"))
        }
        Evaluated::Changed => Verdict::error(subject, said("firewall-proof-changed")),
        Evaluated::Reachable if connected => Verdict::pass(subject, said("firewall-proof-agrees-open")),
        Evaluated::Reachable => {
            let message = said("firewall-proof-held-before").arg("outcome", name(attempt.outcome));
            Verdict::pass(subject, message)
        }
        Evaluated::Blocked if connected => Verdict::fail(subject, said("firewall-proof-wrongly-blocked")),
        Evaluated::Blocked => Verdict::pass(subject, said("firewall-proof-agrees-shut")),
        Evaluated::Unknown if !connected => Verdict::pass(subject, said("firewall-proof-resolved-shut")),
        Evaluated::Unknown if lets(allowed, proof) => {
            Verdict::pass(subject, said("firewall-proof-resolved-allowed"))
        }
        // Here it is not the working out that failed but the rule set that lets too much in.
        Evaluated::Unknown => {
            Verdict::fail(subject, said("firewall-proof-resolved-open")).severity(Severity::High)
        }
    };
    verdict.compared(json!(proof.evaluated), json!(attempt.outcome))
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Connected => "connected",
        Outcome::Refused => "refused",
        Outcome::NoAnswer => "no-answer",
        Outcome::Unreachable => "unreachable",
        Outcome::NotTried => "not-tried",
    }
}

fn lets(allowed: &[AllowedPort], proof: &Proof) -> bool {
    let attempt = &proof.attempt;
    let near = |entry: &AllowedPort| {
        let contains = |from| entry.from.iter().any(|network| network.contains(&from));
        entry.from.is_empty() || attempt.from.is_some_and(contains)
    };
    let of_port = |entry: &&AllowedPort| entry.port.contains(Transport::Tcp, attempt.port);
    allowed.iter().filter(of_port).any(near)
}

fn evidence(prover: &str, proof: &Proof) -> Value {
    let attempt = &proof.attempt;
    json!({
        "prover": prover,
        "from": attempt.from,
        "to": attempt.to,
        "port": attempt.port,
        "outcome": attempt.outcome,
        "at": attempt.at,
        "evaluated": proof.evaluated,
        "because": proof.because,
    })
}

/// What this host did as a prover: a finding for each host that the plan has it connect to.
fn found(outside: &OutsideFacts, plan: &OutsideProof, context: &Context<'_>) -> Vec<Verdict> {
    let Some(host) = outside.host.as_ref().filter(|host| plan.by_host(host)) else {
        return Vec::new();
    };
    let others = plan.targets.iter().map(|target| &target.host);
    let others: BTreeSet<&HostId> = others.filter(|other| *other != host).collect();
    let one = |other: &HostId| {
        let subject = format!("to:{other}");
        let said = |key| Message::new(key).arg("host", other);
        let counting = outside
            .found
            .get(other)
            .filter(|found| counts(found.at, plan, context));
        match counting {
            Some(found) => {
                let message = said("firewall-proof-found").number("count", found.attempts.len());
                Verdict::pass(subject, message)
                    .evidence(json!({ "at": found.at, "attempts": found.attempts }))
            }
            None => {
                let message = said("firewall-proof-not-found").bilingual("limit", plan.interval.words());
                Verdict::error(subject, message)
            }
        }
    };
    others.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use plumbline_config::finding::Status;
    use plumbline_config::outside::Attempt;
    use plumbline_config::plan::{Plan, ProofTarget};
    use plumbline_facts::Known;
    use plumbline_facts::outside::Found;

    use super::*;
    use crate::check::Examples;
    use crate::encryption_examples::verdicts;

    fn proof(port: u16, outcome: Outcome, evaluated: Evaluated) -> Proof {
        Proof {
            attempt: Attempt {
                from: Some("192.0.2.1".parse().unwrap()),
                to: "192.0.2.10".parse().unwrap(),
                port,
                outcome,
                at: "2026-11-21T12:00:00Z".parse().unwrap(),
            },
            evaluated,
            because: Vec::new(),
        }
    }

    fn round(proofs: Vec<Proof>) -> Round {
        Round {
            done_at: Some("2026-11-21T12:00:00Z".parse().unwrap()),
            proofs,
            ..Round::default()
        }
    }

    fn facts(rounds: Vec<(&str, Round)>) -> Facts {
        let rounds = rounds
            .into_iter()
            .map(|(prover, round)| (prover.to_owned(), round));
        Facts {
            outside: Known::Value(OutsideFacts {
                host: Some("h-1".parse().unwrap()),
                consents: true,
                rounds: rounds.collect(),
                ..OutsideFacts::default()
            }),
            ..Facts::default()
        }
    }

    fn plan(provers: &[&str]) -> Plan {
        let mut plan = Plan::default();
        plan.service.intrusion.firewall.outside_proof.provers =
            provers.iter().map(|prover| (*prover).to_owned()).collect();
        plan
    }

    pub(crate) fn examples() -> Examples {
        let host = |evaluated| {
            facts(vec![(
                "collector",
                round(vec![proof(22, Outcome::Connected, evaluated)]),
            )])
        };
        Examples {
            passing: (host(Evaluated::Reachable), plan(&["collector"])),
            failing: (host(Evaluated::Blocked), plan(&["collector"])),
        }
    }

    fn judged(facts: &Facts, plan: &Plan) -> Vec<(String, Status, &'static str)> {
        verdicts(&CHECK, facts, plan)
    }

    #[test]
    fn each_outcome_is_held_against_what_follows_from_the_rules() {
        use Evaluated::{Blocked, Changed, Reachable, Unknown};
        use Outcome::{Connected, NoAnswer, NotTried, Refused, Unreachable};
        for (evaluated, outcome, status, key) in [
            (Reachable, Connected, Status::Pass, "firewall-proof-agrees-open"),
            (Reachable, Refused, Status::Pass, "firewall-proof-held-before"),
            (Reachable, NoAnswer, Status::Pass, "firewall-proof-held-before"),
            (Blocked, Connected, Status::Fail, "firewall-proof-wrongly-blocked"),
            (Blocked, Refused, Status::Pass, "firewall-proof-agrees-shut"),
            (Blocked, NoAnswer, Status::Pass, "firewall-proof-agrees-shut"),
            (Blocked, Unreachable, Status::Pass, "firewall-proof-agrees-shut"),
            (Unknown, Connected, Status::Fail, "firewall-proof-resolved-open"),
            (Unknown, NoAnswer, Status::Pass, "firewall-proof-resolved-shut"),
            (Changed, Connected, Status::Error, "firewall-proof-changed"),
            (Blocked, NotTried, Status::Error, "firewall-proof-not-tried"),
        ] {
            let facts = facts(vec![("collector", round(vec![proof(22, outcome, evaluated)]))]);
            let expected = ("tcp/192.0.2.10:22".to_owned(), status, key);
            assert_eq!(judged(&facts, &plan(&["collector"])), [expected]);
        }
    }

    #[test]
    fn what_could_not_be_told_is_judged_by_the_plan_once_it_is_known() {
        let facts = facts(vec![(
            "collector",
            round(vec![proof(22, Outcome::Connected, Evaluated::Unknown)]),
        )]);
        for (network, status) in [("192.0.2.0/24", Status::Pass), ("10.0.0.0/8", Status::Fail)] {
            let mut plan = plan(&["collector"]);
            plan.service.intrusion.firewall.allowed_ports = vec![AllowedPort {
                port: "tcp/22".parse().unwrap(),
                from: vec![network.parse().unwrap()],
                purpose: String::new(),
            }];
            assert_eq!(judged(&facts, &plan)[0].1, status, "{network}");
        }
    }

    #[test]
    fn a_proof_that_did_not_take_place_is_never_green() {
        let by_collector = plan(&["collector"]);
        let only = |facts: &Facts, plan: &Plan| {
            let mut judged = judged(facts, plan);
            assert_eq!(judged.len(), 1, "{judged:?}");
            let (subject, status, key) = judged.remove(0);
            (subject, status, key)
        };
        let error = |subject: &str, key| (subject.to_owned(), Status::Error, key);
        let mut unwilling = facts(vec![]);
        if let Known::Value(outside) = &mut unwilling.outside {
            outside.consents = false;
        }
        assert_eq!(
            only(&unwilling, &by_collector),
            error("host", "firewall-proof-no-consent")
        );
        let prover = "prover:collector";
        assert_eq!(
            only(&facts(vec![]), &by_collector),
            error(prover, "firewall-proof-not-yet")
        );
        let round_of = |round| facts(vec![("collector", round)]);
        let declined = Round {
            trouble: Some(Trouble::Declined(Declined::NotTheHosts)),
            ..Round::default()
        };
        assert_eq!(
            only(&round_of(declined), &by_collector),
            error(prover, "firewall-proof-declined-not-the-hosts")
        );
        let old = Round {
            done_at: Some("2026-11-19T00:00:00Z".parse().unwrap()),
            ..Round::default()
        };
        assert_eq!(
            only(&round_of(old), &by_collector),
            error(prover, "firewall-proof-overdue")
        );
        let beyond = Round {
            beyond: 3,
            ..round(Vec::new())
        };
        assert_eq!(
            only(&round_of(beyond), &by_collector),
            error(prover, "firewall-proof-beyond")
        );
        // Of two provers the one that is missing is named, and of two attempts the worse counts.
        let blocked = |outcome| round(vec![proof(22, outcome, Evaluated::Blocked)]);
        let both = facts(vec![
            ("collector", blocked(Outcome::NoAnswer)),
            ("h-9", blocked(Outcome::Connected)),
        ]);
        let seen = judged(&both, &plan(&["collector", "h-8", "h-9"]));
        let told = |subject: &str| seen.iter().find(|(name, ..)| name == subject).unwrap().1;
        assert_eq!(told("prover:h-8"), Status::Error);
        assert_eq!(told("tcp/192.0.2.10:22"), Status::Fail);
        assert_eq!(
            only(&facts(vec![]), &plan(&["h-1"])),
            error("host", "firewall-proof-itself")
        );
        let nothing = only(&round_of(round(Vec::new())), &by_collector);
        assert_eq!(
            nothing,
            (prover.to_owned(), Status::Pass, "firewall-proof-nothing")
        );
        let off = only(&Facts::default(), &Plan::default());
        assert_eq!(
            off,
            (
                "host".to_owned(),
                Status::NotApplicable,
                "firewall-proof-not-declared"
            )
        );
    }

    #[test]
    fn a_prover_says_of_each_host_that_the_plan_names_whether_it_connected() {
        let mut plan = plan(&["h-1", "collector"]);
        plan.service.intrusion.firewall.outside_proof.targets = ["h-1", "h-2", "h-3"]
            .map(|host| ProofTarget {
                host: host.parse().unwrap(),
                addresses: Vec::new(),
                ports: Vec::new(),
            })
            .into();
        let mut facts = facts(vec![("collector", round(Vec::new()))]);
        let Known::Value(outside) = &mut facts.outside else {
            unreachable!("it was made so")
        };
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let attempts = vec![proof(22, Outcome::Connected, Evaluated::Blocked).attempt];
        outside
            .found
            .insert("h-2".parse().unwrap(), Found { at, attempts });
        let seen = judged(&facts, &plan);
        let to = |subject: &str| {
            seen.iter()
                .find(|(name, ..)| name == subject)
                .map(|found| found.1)
        };
        assert_eq!(to("to:h-1"), None);
        assert_eq!(to("to:h-2"), Some(Status::Pass));
        assert_eq!(to("to:h-3"), Some(Status::Error));
    }
}
