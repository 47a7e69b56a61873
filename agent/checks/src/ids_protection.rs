//! `ids.protection`: each intrusion detection that the plan declares is there, works, and its rules or database are
//! young.

use plumbline_facts::protection::products::Group;
use plumbline_facts::{Facts, ProbeId, Unknown};

use crate::check::{Check, Context, Verdict};
use crate::protection::{self, Declared};

pub(crate) const CHECK: Check = Check {
    id: "ids.protection",
    needs: &[ProbeId::Protection],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().intrusion.ids;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let protection = facts.protection.value()?;
    let on = |product: &str| {
        let declared = Declared {
            group: Group::Ids,
            product,
            interval: plan.update_interval,
        };
        protection::judge(protection, &declared, context, &|_| None)
    };
    if plan.products.is_empty() {
        return Ok(on(""));
    }
    let mut verdicts: Vec<Verdict> = Vec::new();
    for product in &plan.products {
        for mut verdict in on(product) {
            // What is wrong is wrong with this one of several.
            if verdict.subject == Verdict::HOST {
                verdict.subject = format!("product:{product}");
            }
            if verdicts.iter().all(|known| known.subject != verdict.subject) {
                verdicts.push(verdict);
            }
        }
    }
    Ok(verdicts)
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;
    use plumbline_facts::protection::waf::Settings;

    use crate::protection::tests::{YOUNG, facts, product};
    let mut plan = Plan::default();
    plan.service.intrusion.ids.products = vec!["AIDE".to_owned(), "auditd".to_owned()];
    let of = |names: &[&str]| {
        let products = names.iter().map(|name| product(Group::Ids, name, YOUNG));
        facts(products.collect(), Settings::default())
    };
    crate::check::Examples {
        passing: (of(&["AIDE", "auditd"]), plan.clone()),
        // One of two is not what the plan declares.
        failing: (of(&["AIDE"]), plan),
    }
}
