//! `endpoint.protection`: the endpoint agent is there and works, as far as can be seen from outside its console.

use plumbline_facts::protection::products::Group;
use plumbline_facts::{Facts, ProbeId, Unknown};

use crate::check::{Check, Context, Verdict};
use crate::protection::{self, Declared};

pub(crate) const CHECK: Check = Check {
    id: "endpoint.protection",
    needs: &[ProbeId::Protection],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().intrusion.endpoint;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let declared = Declared {
        group: Group::Endpoint,
        product: &plan.product,
        interval: plan.update_interval,
    };
    Ok(protection::judge(
        facts.protection.value()?,
        &declared,
        context,
        &|_| None,
    ))
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;
    use plumbline_facts::protection::waf::Settings;

    use crate::protection::tests::{YOUNG, facts, product};
    let agent = product(Group::Endpoint, "Wazuh agent", YOUNG);
    crate::check::Examples {
        passing: (facts(vec![agent], Settings::default()), Plan::default()),
        failing: (facts(Vec::new(), Settings::default()), Plan::default()),
    }
}
