//! `firewall.active`: what no rule is about is kept out, over IPv4 and IPv6, and will be after the next start too.

use plumbline_config::message::Message;
use plumbline_facts::firewall::FirewallFacts;
use plumbline_facts::reachability::{Fate, default_input};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "firewall.active",
    needs: &[ProbeId::Firewall],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    if let Some(reason) = &context.measures().intrusion.firewall.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let firewall = facts.firewall.value()?;
    let fates = default_input(firewall);
    Ok(vec![on(firewall, false, fates.ip), on(firewall, true, fates.ip6)])
}

fn on(firewall: &FirewallFacts, v6: bool, fate: Fate) -> Verdict {
    let (subject, family) = if v6 { ("ipv6", "IPv6") } else { ("ipv4", "IPv4") };
    let said = |key| Message::new(key).arg("family", family);
    if firewall.surroundings.has_addresses(v6) == Some(false) {
        return Verdict::not_applicable(subject, said("firewall-active-no-address"));
    }
    let loaders = &firewall.persistence.loaders;
    let (verdict, seen) = match fate {
        Fate::Unknown => (
            Verdict::error(subject, said("firewall-active-unknown")),
            "unknown",
        ),
        Fate::Accept if firewall.engines().is_empty() => {
            (Verdict::fail(subject, said("firewall-active-none")), "accept")
        }
        Fate::Accept => (Verdict::fail(subject, said("firewall-active-accepts")), "accept"),
        Fate::Drop if loaders.is_empty() => (
            Verdict::fail(subject, said("firewall-active-not-kept")),
            "drop, until the next start",
        ),
        Fate::Drop if !firewall.persistence.differences.is_empty() => {
            let differences = firewall.persistence.differences.join("; ");
            let message = said("firewall-active-differs").arg("differences", differences);
            (
                Verdict::fail(subject, message),
                "drop, otherwise after the next start",
            )
        }
        Fate::Drop => {
            let message = said("firewall-active-drops").arg("loaders", loaders.join(", "));
            (Verdict::pass(subject, message), "drop")
        }
    };
    verdict.compared("drop", seen).evidence(json!({
        "engines": firewall.engines(),
        "loaders": loaders,
        "idle_loaders": firewall.persistence.idle,
        "differences": firewall.persistence.differences,
        "legacy_tables": firewall.surroundings.legacy_tables(v6),
    }))
}

#[cfg(test)]
pub(crate) mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::firewall::{Persistence, json};

    use super::*;
    use crate::check::Examples;
    use crate::encryption_examples::verdicts;

    /// An input chain with these statements in one rule each, as `nft -j list ruleset` lists it.
    pub(crate) fn ruleset(family: &str, policy: &str, rules: &[&str]) -> FirewallFacts {
        let mut objects = vec![
            format!(r#"{{"table": {{"family": "{family}", "name": "filter", "handle": 1}}}}"#),
            format!(
                r#"{{"chain": {{"family": "{family}", "table": "filter", "name": "input", "handle": 1,
                   "type": "filter", "hook": "input", "prio": 0, "policy": "{policy}"}}}}"#
            ),
        ];
        let rule = |(handle, statements): (usize, &&str)| {
            format!(
                r#"{{"rule": {{"family": "{family}", "table": "filter", "chain": "input", "handle": {handle},
                   "expr": [{statements}]}}}}"#
            )
        };
        objects.extend(rules.iter().enumerate().map(rule));
        let dump = format!(r#"{{"nftables": [{}]}}"#, objects.join(","));
        FirewallFacts {
            ruleset: json::parse(dump.as_bytes()).unwrap(),
            persistence: Persistence {
                loaders: vec!["nftables with /etc/nftables.conf".to_owned()],
                ..Persistence::default()
            },
            ..FirewallFacts::default()
        }
    }

    pub(crate) const ESTABLISHED: &str = r#"{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}"#;
    pub(crate) const SSH: &str = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"accept": null}"#;

    fn facts(firewall: FirewallFacts) -> Facts {
        Facts {
            firewall: Known::Value(firewall),
            ..Facts::default()
        }
    }

    pub(crate) fn examples() -> Examples {
        Examples {
            passing: (
                facts(ruleset("inet", "drop", &[ESTABLISHED, SSH])),
                Plan::default(),
            ),
            failing: (facts(FirewallFacts::default()), Plan::default()),
        }
    }

    #[test]
    fn the_default_is_to_be_drop_for_both_families_and_to_last() {
        let judged = |firewall| verdicts(&CHECK, &facts(firewall), &Plan::default());
        let said = |firewall| {
            judged(firewall)
                .into_iter()
                .map(|(_, status, key)| (status, key))
                .collect::<Vec<_>>()
        };
        let drops = (Status::Pass, "firewall-active-drops");
        let accepts = (Status::Fail, "firewall-active-accepts");
        assert_eq!(said(ruleset("inet", "drop", &[ESTABLISHED, SSH])), [drops, drops]);
        // Rules for IPv4 alone leave IPv6 open.
        assert_eq!(said(ruleset("ip", "drop", &[ESTABLISHED])), [drops, accepts]);
        assert_eq!(said(ruleset("inet", "accept", &[SSH])), [accepts, accepts]);
        // A last rule that drops or refuses all is as good as a policy.
        for last in [r#"{"drop": null}"#, r#"{"reject": null}"#] {
            assert_eq!(
                said(ruleset("inet", "accept", &[ESTABLISHED, SSH, last])),
                [drops, drops]
            );
        }
        // Anything that can't be evaluated before the end leaves it open.
        let opaque = r#"{"xt": {"type": "match", "name": "nothing-known"}}, {"accept": null}"#;
        let unknown = (Status::Error, "firewall-active-unknown");
        assert_eq!(said(ruleset("inet", "drop", &[opaque])), [unknown, unknown]);

        let mut forgotten = ruleset("inet", "drop", &[ESTABLISHED]);
        forgotten.persistence = Persistence::default();
        let not_kept = (Status::Fail, "firewall-active-not-kept");
        assert_eq!(said(forgotten), [not_kept, not_kept]);

        let mut changed = ruleset("inet", "drop", &[ESTABLISHED]);
        changed.persistence.differences = vec!["/etc/nftables.conf: chain inet f i is not loaded".to_owned()];
        let differs = (Status::Fail, "firewall-active-differs");
        assert_eq!(said(changed), [differs, differs]);

        let mut legacy = FirewallFacts::default();
        legacy.surroundings.legacy = [vec!["filter".to_owned()], Vec::new()];
        assert_eq!(said(legacy), [unknown, accepts]);
        assert_eq!(judged(FirewallFacts::default())[0].2, "firewall-active-none");
    }
}
