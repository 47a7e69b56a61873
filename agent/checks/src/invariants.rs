//! What holds for every check in the registry.

use std::collections::BTreeSet;

use jiff::Timestamp;
use plumbline_config::catalogue;
use plumbline_config::finding::Status;
use plumbline_config::ident::Role;
use plumbline_config::message;
use plumbline_config::plan::Plan;
use plumbline_facts::{Denial, Facts, PROBES};

use crate::{CHECKS, Check, Context, assess};

/// The time at which the examples of every check are judged.
pub(crate) const NOW: &str = "2026-11-22T00:00:00Z";

fn statuses(check: &Check, facts: &Facts, plan: &Plan) -> Vec<Status> {
    let now: Timestamp = NOW.parse().unwrap();
    // Some clauses exist for office hosts alone.
    let entry = catalogue::check(check.id).unwrap();
    let role = if entry.clause(Role::Service).is_some() {
        Role::Service
    } else {
        Role::Office
    };
    let context = Context { plan, role, now };
    assess([check], facts, &context)
        .into_iter()
        .map(|finding| finding.status)
        .collect()
}

#[test]
fn ids_stand_once_and_are_in_the_catalogue() {
    let ids: BTreeSet<_> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), CHECKS.len());
    for id in ids {
        assert!(catalogue::check(id).is_some(), "{id} is not in the catalogue");
    }
}

#[test]
fn every_check_passes_and_fails_on_some_host() {
    for check in CHECKS {
        let examples = (check.examples)();
        let passing = statuses(check, &examples.passing.0, &examples.passing.1);
        assert!(
            !passing.is_empty() && passing.iter().all(|s| *s == Status::Pass),
            "{}: {passing:?}",
            check.id
        );
        let failing = statuses(check, &examples.failing.0, &examples.failing.1);
        assert!(failing.contains(&Status::Fail), "{}: {failing:?}", check.id);
    }
}

#[test]
fn a_denied_fact_makes_every_check_that_needs_it_say_so_and_never_pass() {
    for check in CHECKS {
        for probe in PROBES.iter().filter(|probe| check.needs.contains(&probe.id)) {
            let (mut facts, plan) = (check.examples)().passing;
            probe.withhold(
                &mut facts,
                Denial {
                    what: "it".into(),
                    needs: "CAP_TEST".into(),
                },
            );
            let seen = statuses(check, &facts, &plan);
            assert!(
                seen.contains(&Status::Error),
                "{} without {:?}: {seen:?}",
                check.id,
                probe.id
            );
            assert!(
                !seen.contains(&Status::Pass),
                "{} without {:?}: {seen:?}",
                check.id,
                probe.id
            );
        }
    }
}

#[test]
fn the_facts_a_check_names_are_enough_for_it() {
    for check in CHECKS {
        let (facts, plan) = (check.examples)().passing;
        let mut named_only = facts.clone();
        for probe in PROBES.iter().filter(|probe| !check.needs.contains(&probe.id)) {
            probe.withhold(
                &mut named_only,
                Denial {
                    what: "it".into(),
                    needs: "CAP_TEST".into(),
                },
            );
        }
        assert_eq!(
            statuses(check, &facts, &plan),
            statuses(check, &named_only, &plan),
            "{}",
            check.id
        );
    }
}

#[test]
fn every_sentence_a_check_says_exists_in_both_languages() {
    for check in CHECKS {
        let examples = (check.examples)();
        for (facts, plan) in [&examples.passing, &examples.failing] {
            let context = Context {
                plan,
                role: Role::Office,
                now: NOW.parse().unwrap(),
            };
            for verdict in (check.judge)(facts, &context).unwrap() {
                assert!(
                    message::exists(verdict.message.key()),
                    "{}: {}",
                    check.id,
                    verdict.message.key()
                );
            }
        }
    }
}
