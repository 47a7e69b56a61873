//! `waf.protection`: web sites have an application firewall that works, stops what is suspicious where the plan says so,
//! and whose rules are young.

use plumbline_config::message::Message;
use plumbline_facts::protection::products::{Group, Product};
use plumbline_facts::protection::waf::Settings;
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::protection::{self, Declared};

pub(crate) const CHECK: Check = Check {
    id: "waf.protection",
    needs: &[ProbeId::Protection],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().intrusion.waf;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let protection = facts.protection.value()?;
    if protection.web_servers.is_empty() {
        let message = Message::new("protection-no-web-server");
        return Ok(vec![Verdict::not_applicable(Verdict::HOST, message)]);
    }
    let declared = Declared {
        group: Group::Waf,
        product: &plan.product,
        interval: plan.update_interval,
    };
    let fault = |product: &Product| {
        let wanted = plan.blocking.then(|| not_blocking(product, &protection.waf))?;
        wanted.map(|verdict| verdict.compared(json!({ "blocking": true }), json!(protection.waf)))
    };
    Ok(protection::judge(protection, &declared, context, &fault))
}

/// What the settings say against its stopping anything.
fn not_blocking(product: &Product, settings: &Settings) -> Option<Verdict> {
    let subject = format!("product:{}", product.name);
    let said = |key, files: &[String]| {
        Message::new(key)
            .arg("product", &product.name)
            .arg("files", files.join(", "))
    };
    match settings {
        Settings { watching, .. } if !watching.is_empty() => {
            Some(Verdict::fail(subject, said("protection-waf-watches", watching)))
        }
        Settings { off, .. } if !off.is_empty() => {
            Some(Verdict::fail(subject, said("protection-waf-off", off)))
        }
        Settings { blocking, .. } if blocking.is_empty() => {
            Some(Verdict::error(subject, said("protection-waf-unsaid", &[])))
        }
        // ModSecurity stops nothing by itself; a rule set that lies there unread does not, either.
        Settings { with_rules, .. } if with_rules.is_empty() && product.name == "ModSecurity" => {
            Some(Verdict::error(subject, said("protection-waf-no-rules", &[])))
        }
        _ => None,
    }
}

#[cfg(test)]
fn settings(blocking: bool) -> Settings {
    let files = vec!["/etc/modsecurity/modsecurity.conf".to_owned()];
    if blocking {
        Settings {
            blocking: files.clone(),
            with_rules: files,
            ..Settings::default()
        }
    } else {
        Settings {
            watching: files,
            ..Settings::default()
        }
    }
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;

    use crate::protection::tests::{YOUNG, facts, product};
    let products = || vec![product(Group::Waf, "ModSecurity", YOUNG)];
    crate::check::Examples {
        passing: (facts(products(), settings(true)), Plan::default()),
        failing: (facts(products(), settings(false)), Plan::default()),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;

    use super::*;
    use crate::encryption_examples::verdicts;
    use crate::protection::tests::{YOUNG, facts, product};

    #[test]
    fn one_that_only_watches_does_not_stop_anything() {
        let judged = |settings, blocking| {
            let mut plan = Plan::default();
            plan.service.intrusion.waf.blocking = blocking;
            let products = vec![product(Group::Waf, "ModSecurity", YOUNG)];
            let (_, status, key) = verdicts(&CHECK, &facts(products, settings), &plan).remove(0);
            (status, key)
        };
        let off = Settings {
            off: vec!["/etc/nginx/sites-enabled/shop".to_owned()],
            ..settings(true)
        };
        assert_eq!(judged(settings(true), true), (Status::Pass, "protection-well"));
        assert_eq!(
            judged(settings(false), true),
            (Status::Fail, "protection-waf-watches")
        );
        assert_eq!(judged(settings(false), false), (Status::Pass, "protection-well"));
        assert_eq!(judged(off, true), (Status::Fail, "protection-waf-off"));
        let bare = Settings {
            with_rules: Vec::new(),
            ..settings(true)
        };
        assert_eq!(judged(bare, true), (Status::Error, "protection-waf-no-rules"));
        assert_eq!(
            judged(Settings::default(), true),
            (Status::Error, "protection-waf-unsaid")
        );
    }

    #[test]
    fn a_host_without_a_web_server_needs_none() {
        let mut facts = facts(Vec::new(), Settings::default());
        if let Known::Value(protection) = &mut facts.protection {
            protection.web_servers.clear();
        }
        let (_, status, _) = verdicts(&CHECK, &facts, &Plan::default()).remove(0);
        assert_eq!(status, Status::NotApplicable);
    }
}
