//! `mail.filtering`: where mail is taken, a filter works and its rules are young.

use plumbline_config::message::Message;
use plumbline_facts::protection::products::Group;
use plumbline_facts::{Facts, ProbeId, Unknown};

use crate::check::{Check, Context, Verdict};
use crate::protection::{self, Declared};

pub(crate) const CHECK: Check = Check {
    id: "mail.filtering",
    needs: &[ProbeId::Protection],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().intrusion.mail_filter;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let protection = facts.protection.value()?;
    if protection.mail_servers.is_empty() {
        let message = Message::new("protection-no-mail-server");
        return Ok(vec![Verdict::not_applicable(Verdict::HOST, message)]);
    }
    let declared = Declared {
        group: Group::Mail,
        product: &plan.product,
        interval: plan.update_interval,
    };
    Ok(protection::judge(protection, &declared, context, &|_| None))
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;
    use plumbline_facts::protection::waf::Settings;

    use crate::protection::tests::{OLD, YOUNG, facts, product};
    let with = |rules| facts(vec![product(Group::Mail, "Rspamd", rules)], Settings::default());
    crate::check::Examples {
        passing: (with(YOUNG), Plan::default()),
        failing: (with(OLD), Plan::default()),
    }
}
