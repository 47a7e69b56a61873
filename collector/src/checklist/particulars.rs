//! 12（1）–（5）, as the plan fills them in.

use plumbline_config::catalogue::{self, ParticularOption};
use plumbline_config::interval::Interval;
use plumbline_config::lang::Bilingual;
use plumbline_config::message::Message;
use plumbline_config::plan::{Audit, AuditMethod, Auditor, LoadedPlan, Plan};

use super::model::{Answer, Particular};

/// The five particulars; without a plan every box is empty.
pub(super) fn answer(plan: Option<&LoadedPlan>) -> Vec<Particular> {
    let nothing_declared = undeclared();
    let (plan, declared) = plan.map_or((&nothing_declared, false), |plan| (&plan.plan, true));
    let particular = |particular: &catalogue::Particular| {
        let boxes = particular
            .options
            .iter()
            .map(|option| tick(particular.number, option, plan, declared));
        let interval = declared
            .then(|| interval(particular.number, &plan.audit))
            .flatten();
        Particular {
            clause: format!("12（{}）", particular.number),
            title: particular.title.clone(),
            answers: interval.into_iter().map(every).chain(boxes).collect(),
        }
    };
    catalogue::particulars().iter().map(particular).collect()
}

fn undeclared() -> Plan {
    let audit = Audit {
        methods: Vec::new(),
        auditors: Vec::new(),
        ..Audit::default()
    };
    Plan {
        audit,
        ..Plan::default()
    }
}

/// The interval that a particular declares.
const fn interval(number: u8, audit: &Audit) -> Option<Interval> {
    match number {
        1 => Some(audit.interval),
        4 => Some(audit.execution_interval),
        _ => None,
    }
}

fn every(interval: Interval) -> Answer {
    let text = Message::new("checklist-every")
        .bilingual("interval", interval.words())
        .render();
    Answer { checked: None, text }
}

/// One box of the form, with what the plan writes beside it.
fn tick(number: u8, option: &ParticularOption, plan: &Plan, declared: bool) -> Answer {
    let audit = &plan.audit;
    let method = |method: AuditMethod| (audit.methods.contains(&method), Vec::new());
    let auditor = |auditor: Auditor| (audit.auditors.contains(&auditor), Vec::new());
    let listed = |names: &[String]| (!names.is_empty(), names.to_vec());
    let (checked, beside): (bool, Vec<String>) = match (number, option.key.as_str()) {
        (1, "self-check") => method(AuditMethod::SelfCheck),
        (1, "internal") => method(AuditMethod::Internal),
        (1, "external") => {
            let scope = Some(audit.external_scope.clone()).filter(|scope| !scope.is_empty());
            let beside = audit.standards.iter().cloned().chain(scope).collect();
            (audit.methods.contains(&AuditMethod::External), beside)
        }
        (2, "certified") => auditor(Auditor::Certified),
        (2, "management") => auditor(Auditor::Management),
        (2, "legal") => auditor(Auditor::Legal),
        (2, "information-security") => auditor(Auditor::InformationSecurity),
        (2, "other") => {
            let further = &audit.further_auditors;
            (
                !further.is_empty(),
                further
                    .is_empty()
                    .then(Vec::new)
                    .unwrap_or_else(|| vec![further.clone()]),
            )
        }
        // 12（3） leaves no choice: whoever has a plan in the form's words undertakes all of it.
        (3, _) => (declared, Vec::new()),
        (4, "small") => (declared && !plan.is_large(), Vec::new()),
        (4, "large") => (declared && plan.is_large(), Vec::new()),
        (5, "offices") => (declared && audit.scope.offices, Vec::new()),
        (5, "managed-services") => listed(&audit.scope.managed_services),
        (5, "products") => listed(&audit.scope.products),
        (5, "other") => listed(&audit.scope.further),
        _ => (false, Vec::new()),
    };
    Answer {
        checked: Some(checked),
        text: with(&option.title, &beside),
    }
}

fn with(title: &Bilingual, beside: &[String]) -> Bilingual {
    if beside.is_empty() {
        return title.clone();
    }
    Bilingual {
        zh_tw: format!("{}：{}", title.zh_tw, beside.join("、")),
        en: format!("{}: {}", title.en, beside.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(particulars: &[Particular], number: usize) -> Vec<bool> {
        particulars[number - 1]
            .answers
            .iter()
            .filter_map(|answer| answer.checked)
            .collect()
    }

    #[test]
    fn every_box_of_the_form_is_one_that_some_plan_ticks() {
        let text = "version = \"1\"\n[audit]\nmethods = [\"self-check\", \"internal\", \"external\"]\n\
                    auditors = [\"certified\", \"management\", \"legal\", \"information-security\"]\n\
                    further_auditors = \"顧問\"\nstandards = [\"ISO 27701\"]\nexternal_scope = \"機房\"\n\
                    [audit.scope]\noffices = true\nmanaged_services = [\"開店平台\"]\nproducts = [\"CRM\"]\nfurther = [\"倉庫\"]\n";
        let plan = LoadedPlan::from_text(text.to_owned(), std::path::Path::new("plan.toml")).unwrap();
        let particulars = answer(Some(&plan));
        for number in [1, 2, 3, 5] {
            assert!(
                boxes(&particulars, number).iter().all(|ticked| *ticked),
                "{:?}",
                particulars[number - 1]
            );
        }
        assert_eq!(boxes(&particulars, 4).iter().filter(|ticked| **ticked).count(), 1);
        assert!(
            particulars[0]
                .answers
                .iter()
                .any(|answer| answer.text.zh_tw.contains("ISO 27701、機房"))
        );
    }

    #[test]
    fn without_a_plan_no_box_is_ticked() {
        let particulars = answer(None);
        assert!((1..=5).all(|number| boxes(&particulars, number).iter().all(|ticked| !ticked)));
    }
}
