//! What the checks of protective products have in common: one that works and whose rules are young is what is asked
//! for.

use plumbline_config::finding::Status;
use plumbline_config::interval::Interval;
use plumbline_config::message::Message;
use plumbline_facts::protection::ProtectionFacts;
use plumbline_facts::protection::products::{Group, Product, entries};
use serde_json::json;

use crate::check::{Context, Verdict};

/// What the plan declares of a group of products.
pub(crate) struct Declared<'a> {
    pub(crate) group: Group,
    /// What it calls the product; empty: any that is known.
    pub(crate) product: &'a str,
    pub(crate) interval: Interval,
}

/// Judges the products of a group. `fault`: what else is wrong with one that works.
pub(crate) fn judge(
    facts: &ProtectionFacts,
    declared: &Declared<'_>,
    context: &Context<'_>,
    fault: &dyn Fn(&Product) -> Option<Verdict>,
) -> Vec<Verdict> {
    let wanted = declared.product.trim();
    let of_group = || {
        facts
            .products
            .iter()
            .filter(|product| product.group == declared.group)
    };
    let is_known = entries()
        .iter()
        .any(|entry| entry.group == declared.group && entry.is_meant_by(wanted));
    let found: Vec<&Product> = of_group()
        .filter(|product| wanted.is_empty() || product.is_meant_by(wanted))
        .collect();
    if found.is_empty() {
        let message = match (wanted.is_empty(), is_known) {
            (true, _) => Message::new("protection-none"),
            (false, true) => Message::new("protection-not-found").arg("product", wanted),
            // One that no one can look for here.
            (false, false) => {
                let message = Message::new("protection-unheard-of").arg("product", wanted);
                return vec![Verdict::error(subject(wanted), message)];
            }
        };
        return vec![Verdict::fail(Verdict::HOST, message)];
    }
    let verdicts: Vec<Verdict> = found
        .into_iter()
        .map(|product| on(product, declared.interval, context, fault))
        .collect();
    let (well, others): (Vec<_>, Vec<_>) = verdicts
        .into_iter()
        .partition(|verdict| verdict.status == Status::Pass);
    // What is left of another product is no fault where one does what the plan asks for.
    if well.is_empty() { others } else { well }
}

fn subject(name: &str) -> String {
    format!("product:{name}")
}

fn on(
    product: &Product,
    limit: Interval,
    context: &Context<'_>,
    fault: &dyn Fn(&Product) -> Option<Verdict>,
) -> Verdict {
    let subject = subject(&product.name);
    let said = |key| Message::new(key).arg("product", &product.name);
    let age = product
        .rules
        .as_ref()
        .map(|rules| context.now.duration_since(rules.changed_at).as_secs());
    let verdict = match (&product.rules, age) {
        _ if !product.verified => Verdict::error(&subject, said("protection-unverified")),
        _ if !product.works() && product.periodic => {
            Verdict::fail(&subject, said("protection-not-scheduled"))
        }
        _ if !product.works() => Verdict::fail(&subject, said("protection-not-running")),
        (Some(rules), Some(age)) if age > limit.nominal_seconds() => {
            let message = said("protection-rules-old").arg("date", rules.changed_at);
            Verdict::fail(&subject, message.bilingual("limit", limit.words()))
        }
        _ => match (fault(product), &product.rules) {
            (Some(verdict), _) => verdict,
            (None, Some(rules)) => {
                let message = said("protection-well").arg("date", rules.changed_at);
                Verdict::pass(&subject, message.bilingual("limit", limit.words()))
            }
            (None, None) => Verdict::error(&subject, said("protection-rules-unknown")),
        },
    };
    verdict
        .compared(
            json!({ "update_interval": limit }),
            json!({ "rules_age_seconds": age }),
        )
        .evidence(json!({
            "found_by": product.found_by,
            "running": product.running,
            "scheduled": product.scheduled,
            "rules": product.rules,
            "verified": product.verified,
        }))
}

#[cfg(test)]
pub(crate) mod tests {
    use plumbline_config::plan::Plan;
    use plumbline_facts::antivirus::processes::Running;
    use plumbline_facts::protection::products::Rules;
    use plumbline_facts::protection::waf::Settings;
    use plumbline_facts::{Facts, Known};

    use super::*;

    pub(crate) fn running(name: &str) -> Running {
        Running {
            pid: 42,
            name: name.to_owned(),
            executable: None,
            arguments: Vec::new(),
        }
    }

    /// A product of the table that runs, its rules written on this day.
    pub(crate) fn product(group: Group, name: &str, rules: &str) -> Product {
        Product {
            group,
            name: name.to_owned(),
            found_by: vec!["package".to_owned()],
            running: vec![running("it")],
            scheduled: Vec::new(),
            periodic: false,
            rules: Some(Rules {
                path: "/var/lib/rules".to_owned(),
                changed_at: rules.parse().unwrap(),
            }),
            verified: true,
        }
    }

    pub(crate) const YOUNG: &str = "2026-11-01T00:00:00Z";
    pub(crate) const OLD: &str = "2025-11-01T00:00:00Z";

    /// A host that serves web sites and mail, with these products.
    pub(crate) fn facts(products: Vec<Product>, waf: Settings) -> Facts {
        Facts {
            protection: Known::Value(ProtectionFacts {
                products,
                web_servers: vec![running("nginx")],
                mail_servers: vec![running("master")],
                waf,
            }),
            ..Facts::default()
        }
    }

    fn judged(products: Vec<Product>, declared: &str) -> Vec<(Status, &'static str)> {
        let facts = facts(products, Settings::default());
        let plan = Plan::default();
        let context = Context {
            plan: &plan,
            role: plumbline_config::ident::Role::Service,
            now: crate::invariants::NOW.parse().unwrap(),
        };
        let declared = Declared {
            group: Group::Ids,
            product: declared,
            interval: Interval::months(6),
        };
        judge(facts.protection.value().unwrap(), &declared, &context, &|_| None)
            .into_iter()
            .map(|verdict| {
                assert!(plumbline_config::message::exists(verdict.message.key()));
                (verdict.status, verdict.message.key())
            })
            .collect()
    }

    #[test]
    fn a_product_must_be_there_work_and_have_young_rules() {
        let crowdsec = |rules| product(Group::Ids, "CrowdSec", rules);
        assert_eq!(judged(Vec::new(), ""), [(Status::Fail, "protection-none")]);
        assert_eq!(
            judged(vec![crowdsec(YOUNG)], ""),
            [(Status::Pass, "protection-well")]
        );
        assert_eq!(
            judged(vec![crowdsec(OLD)], "CrowdSec 主機"),
            [(Status::Fail, "protection-rules-old")]
        );
        let stopped = Product {
            running: Vec::new(),
            ..crowdsec(YOUNG)
        };
        assert_eq!(
            judged(vec![stopped.clone()], ""),
            [(Status::Fail, "protection-not-running")]
        );
        let idle = Product {
            periodic: true,
            ..stopped.clone()
        };
        assert_eq!(
            judged(vec![idle], ""),
            [(Status::Fail, "protection-not-scheduled")]
        );
        let bare = Product {
            rules: None,
            ..crowdsec(YOUNG)
        };
        assert_eq!(
            judged(vec![bare], ""),
            [(Status::Error, "protection-rules-unknown")]
        );
        // Of names that nobody has compared nothing is concluded.
        let unverified = Product {
            verified: false,
            ..crowdsec(YOUNG)
        };
        assert_eq!(
            judged(vec![unverified], ""),
            [(Status::Error, "protection-unverified")]
        );
        // What is declared counts, and what is left of another does not.
        assert_eq!(
            judged(vec![crowdsec(YOUNG)], "AIDE"),
            [(Status::Fail, "protection-not-found")]
        );
        assert_eq!(
            judged(vec![crowdsec(YOUNG)], "自行開發"),
            [(Status::Error, "protection-unheard-of")]
        );
        assert_eq!(
            judged(vec![stopped, crowdsec(YOUNG)], ""),
            [(Status::Pass, "protection-well")]
        );
    }
}
