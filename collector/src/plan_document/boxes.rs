//! Which boxes of the form the plan ticks.

use plumbline_config::plan::{AuditMethod, Auditor, Plan, ServiceKind, Subject, TrainingTopic};

/// Standards that the form names itself.
const STANDARDS: [&str; 4] = ["ISO 27701", "ISO 29100", "BS 10012", "TPIPAS"];

/// Whether the box `key` is ticked; one that is not known is not.
pub(super) fn is_ticked(plan: &Plan, key: &str) -> bool {
    find(plan, key).unwrap_or(false)
}

/// Whether the box `key` is ticked; `None` if there is none of that name.
pub(super) fn find(plan: &Plan, key: &str) -> Option<bool> {
    let (section, of) = key.split_once('.')?;
    Some(match section {
        "inventory" => plan.inventory.subjects.contains(&subject(of)?),
        "processing" => {
            let abroad = !plan.processing.international.regions.is_empty();
            match of {
                "international.none" => !abroad,
                "international.some" => abroad,
                _ => return None,
            }
        }
        "service" | "office" => measure(plan, key, section, of)?,
        "personnel" => {
            let personnel = &plan.personnel;
            is_filled(match of {
                "entry_control" => &personnel.entry_control,
                "shared_files_control" => &personnel.shared_files_control,
                "further_control" => &personnel.further_control,
                _ => return None,
            })
        }
        "equipment" => {
            let equipment = &plan.equipment;
            is_filled(match of {
                "maintenance" => &equipment.maintenance,
                "environment" => &equipment.environment,
                "further_media" => &equipment.further_media,
                _ => return None,
            })
        }
        "training" if of == "further_topics" => !plan.training.further_topics.is_empty(),
        "training" => plan.training.topics.contains(&topic(of)?),
        "audit" => audit(plan, of)?,
        _ => return None,
    })
}

fn is_filled(words: &str) -> bool {
    !words.trim().is_empty()
}

fn subject(name: &str) -> Option<Subject> {
    Some(match name {
        "personnel" => Subject::Personnel,
        "consumer" => Subject::Consumer,
        "customer-contact" => Subject::CustomerContact,
        "supplier-contact" => Subject::SupplierContact,
        _ => return None,
    })
}

fn topic(name: &str) -> Option<TrainingTopic> {
    Some(match name {
        "law" => TrainingTopic::Law,
        "responsibilities" => TrainingTopic::Responsibilities,
        "plan" => TrainingTopic::Plan,
        "awareness" => TrainingTopic::Awareness,
        "social-engineering" => TrainingTopic::SocialEngineering,
        _ => return None,
    })
}

/// A box of 7（1） or 7（3）: a measure is taken unless the plan says why not.
fn measure(plan: &Plan, key: &str, scope: &str, of: &str) -> Option<bool> {
    let kind = match of {
        "hosted-servers" => Some(ServiceKind::HostedServers),
        "operated-systems" => Some(ServiceKind::OperatedSystems),
        "saas" => Some(ServiceKind::Saas),
        _ => None,
    };
    if let Some(kind) = kind {
        return Some(plan.service.kinds.contains(&kind));
    }
    let applies = plan.not_applicable(key).is_none();
    let measures = if scope == "service" {
        &plan.service
    } else {
        &plan.office
    };
    match of {
        "intrusion.firewall"
        | "intrusion.waf"
        | "intrusion.mail_filter"
        | "intrusion.endpoint"
        | "intrusion.ids"
        | "monitoring.logins"
        | "monitoring.access"
        | "authentication.password" => Some(applies),
        "authentication.other" => {
            let applies = plan.not_applicable(&format!("{scope}.authentication")).is_none();
            Some(applies && !measures.authentication.other.is_empty())
        }
        _ => None,
    }
}

fn audit(plan: &Plan, of: &str) -> Option<bool> {
    let audit = &plan.audit;
    let method = |method| audit.methods.contains(&method);
    let auditor = |auditor| audit.auditors.contains(&auditor);
    Some(match of {
        "self-check" => method(AuditMethod::SelfCheck),
        "internal" => method(AuditMethod::Internal),
        "external" => method(AuditMethod::External),
        "further_standards" => audit
            .standards
            .iter()
            .any(|name| !STANDARDS.contains(&name.as_str())),
        name if STANDARDS.contains(&name) => audit.standards.iter().any(|standard| standard == name),
        "certified" => auditor(Auditor::Certified),
        "management" => auditor(Auditor::Management),
        "legal" => auditor(Auditor::Legal),
        "information-security" => auditor(Auditor::InformationSecurity),
        "further_auditors" => is_filled(&audit.further_auditors),
        "small" => !plan.is_large(),
        "large" => plan.is_large(),
        "scope.offices" => audit.scope.offices,
        "scope.managed_services" => !audit.scope.managed_services.is_empty(),
        "scope.products" => !audit.scope.products.is_empty(),
        "scope.further" => !audit.scope.further.is_empty(),
        _ => return None,
    })
}
