//! What is sound and yet not all that the form asks: blanks not filled in, intervals longer than usual, measures
//! weaker than usual, measures switched off without the form's leave.

mod asked;

use serde_json::Value;

use asked::{ASKED_OF_ALL, BLANKS, USUAL};

use super::{AuditMethod, MemberRole, Plan, TlsVersion};
use crate::catalogue::clause_in_form;
use crate::ident::Role;
use crate::interval::Interval;
use crate::lang::{Bilingual, Lang};
use crate::message::Message;

/// Something in a sound plan that an auditor would ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Dotted key of the plan; `[]` stands for any entry of a list.
    pub key: String,
    /// Clause of the form, such as `5.6.1`.
    pub clause: &'static str,
    /// What about it.
    pub kind: WarningKind,
}

/// What an auditor would ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarningKind {
    /// The form has a blank there, and the plan leaves it empty.
    Blank,
    /// Longer than the form calls usual.
    Longer {
        /// The plan's.
        given: Interval,
        /// The form's longest.
        usual: Interval,
    },
    /// The measure is switched off, and the form does not say that it may be.
    NoExemption,
    /// Weaker than the form calls usual.
    Weaker {
        /// The plan's.
        given: String,
        /// The form's.
        usual: String,
    },
}

impl Warning {
    fn new(key: impl Into<String>, clause: &'static str, kind: WarningKind) -> Self {
        let key = key.into();
        Self { key, clause, kind }
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> Message {
        let clause = Bilingual {
            zh_tw: clause_in_form(self.clause, Lang::ZhTw),
            en: clause_in_form(self.clause, Lang::En),
        };
        let with = |message: Message| message.arg("key", &self.key).bilingual("clause", clause.clone());
        match &self.kind {
            WarningKind::Blank => with(Message::new("plan-blank")),
            WarningKind::Longer { given, usual } => with(Message::new("plan-longer"))
                .bilingual("given", given.words())
                .bilingual("usual", usual.words()),
            WarningKind::NoExemption => with(Message::new("plan-no-exemption")),
            WarningKind::Weaker { given, usual } => with(Message::new("plan-weaker"))
                .arg("given", given)
                .arg("usual", usual),
        }
    }
}

/// The weakest cipher that the form calls usual (AES256以上), in bits.
const USUAL_KEY_BITS: u32 = 256;

/// The oldest protocol that the form calls usual (TLS 1.2以上).
const USUAL_TLS: TlsVersion = TlsVersion::V1_2;

impl Plan {
    /// What an auditor would ask about, in the form's order. None: the plan is complete.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut found = self.blanks();
        found.extend(USUAL.iter().filter_map(|(clause, key, months)| {
            let (given, usual) = (self.interval(key)?, Interval::months(*months));
            let asked = self.not_applicable(table_of(key)).is_none() && given.exceeds(usual);
            asked.then(|| Warning::new(*key, clause, WarningKind::Longer { given, usual }))
        }));
        found.extend(Role::ALL.into_iter().flat_map(|role| self.weaknesses(role)));
        found
    }

    fn blanks(&self) -> Vec<Warning> {
        let values = serde_json::to_value(self).unwrap_or_default();
        let mut found: Vec<_> = BLANKS
            .iter()
            .filter(|(_, key)| self.not_applicable(table_of(key)).is_none() && is_blank(&values, key))
            .map(|(clause, key)| Warning::new(*key, clause, WarningKind::Blank))
            .collect();
        let has = |role| self.governance.members.iter().any(|member| member.role == role);
        let led = has(MemberRole::Convener) && has(MemberRole::Manager);
        if !self.governance.members.is_empty() && !led {
            found.push(Warning::new("governance.members", "1.1", WarningKind::Blank));
        }
        if self.audit.methods.contains(&AuditMethod::External) && self.audit.standards.is_empty() {
            found.push(Warning::new("audit.standards", "12.1", WarningKind::Blank));
        }
        let scope = &self.audit.scope;
        if !scope.offices
            && scope.managed_services.is_empty()
            && scope.products.is_empty()
            && scope.further.is_empty()
        {
            found.push(Warning::new("audit.scope", "12.5", WarningKind::Blank));
        }
        found
    }

    fn weaknesses(&self, role: Role) -> Vec<Warning> {
        let mut found = Vec::new();
        let measures = self.measures(role);
        if measures.not_applicable.is_some() {
            // 7（1） has its note (不適用者 … 本項目可不填寫); 7（3） has none.
            if role == Role::Office {
                found.push(Warning::new("office", "7.3", WarningKind::NoExemption));
            }
            return found;
        }
        let clause = |service: &'static str, office: &'static str| match role {
            Role::Service => service,
            Role::Office => office,
        };
        let bits = measures.encryption.minimum_key_bits;
        if measures.encryption.not_applicable.is_none() && bits < USUAL_KEY_BITS {
            let kind = WarningKind::Weaker {
                given: bits.to_string(),
                usual: USUAL_KEY_BITS.to_string(),
            };
            let key = format!("{role}.encryption.minimum_key_bits");
            found.push(Warning::new(key, clause("7.1.1", "7.3.1"), kind));
        }
        let version = measures.transfer.minimum_tls;
        if measures.transfer.not_applicable.is_none() && version < USUAL_TLS {
            let kind = WarningKind::Weaker {
                given: version.to_string(),
                usual: USUAL_TLS.to_string(),
            };
            let key = format!("{role}.transfer.minimum_tls");
            found.push(Warning::new(key, clause("7.1.3", "7.3.3"), kind));
        }
        for (service, office, item) in ASKED_OF_ALL {
            let table = format!("{role}.{item}");
            if self.not_applicable(&table).is_some() {
                found.push(Warning::new(
                    table,
                    clause(service, office),
                    WarningKind::NoExemption,
                ));
            }
        }
        found
    }
}

/// The table that a key stands in.
fn table_of(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(table, _)| table)
}

/// Whether `key` has no value: none, an empty text, an empty list, no records; for a list (`[]`), in any of its entries.
fn is_blank(values: &Value, key: &str) -> bool {
    let mut here = values;
    if let Some((list, rest)) = key.split_once("[].") {
        let entries = list.split('.').try_fold(values, |value, part| value.get(part));
        return entries
            .and_then(Value::as_array)
            .is_some_and(|entries| entries.iter().any(|entry| is_blank(entry, rest)));
    }
    for part in key.split('.') {
        match here.get(part) {
            Some(value) => here = value,
            None => return true,
        }
    }
    match here {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message;
    use crate::plan::LoadedPlan;

    fn example() -> Plan {
        LoadedPlan::example().unwrap().plan
    }

    #[test]
    fn the_example_is_complete() {
        assert_eq!(example().warnings(), []);
    }

    #[test]
    fn an_empty_plan_lacks_every_blank_but_those_with_a_usual_value() {
        let usual = [
            "incident.authority.name",
            "incident.subject_channels",
            "incident.customer.channels",
            "incident.containment",
            "incident.investigation",
            "incident.prevention",
            "processing.international.activities",
            "processing.international.told_by",
            "service.backup.measures",
            "service.vulnerability.scan_methods",
            "office.backup.measures",
            "office.vulnerability.scan_methods",
            "training.topics",
            "training.records",
            "audit.methods",
        ];
        let warnings = Plan::default().warnings();
        for (_, key) in BLANKS {
            let lacking = warnings.iter().any(|warning| warning.key == *key);
            assert_eq!(lacking, !usual.contains(key) && !key.contains("[]"), "{key}");
        }
    }

    #[test]
    fn a_blank_in_one_entry_of_a_list_is_seen() {
        let mut plan = example();
        plan.inventory.files[1].legal_basis = " ".into();
        let warnings = plan.warnings();
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].key, "inventory.files[].legal_basis");
    }

    #[test]
    fn what_is_switched_off_is_not_asked_for_but_the_switch_may_be() {
        let mut plan = example();
        plan.service.masking.not_applicable = Some("no personal data is shown".into());
        plan.service.masking.used_for.clear();
        plan.office.antivirus.not_applicable = Some("no time".into());
        plan.office.antivirus.scan_interval = Interval::months(36);
        let warnings = plan.warnings();
        assert_eq!(
            warnings,
            [Warning::new(
                "office.antivirus",
                "7.3.7",
                WarningKind::NoExemption
            )]
        );
    }

    #[test]
    fn what_is_longer_or_weaker_than_usual_is_named_in_both_languages() {
        let mut plan = example();
        plan.risk.interval = Interval::months(18);
        plan.office.transfer.minimum_tls = TlsVersion::V1_1;
        plan.company.clear();
        plan.office.review.not_applicable = Some("no time".into());
        let said: Vec<_> = plan
            .warnings()
            .iter()
            .map(|warning| {
                assert!(message::exists(warning.message().key()));
                warning.message().render_in(Lang::En)
            })
            .collect();
        assert_eq!(
            said,
            [
                "`company` (head) is not filled in.",
                "`risk.interval` (4(1)) is 18 months; the form calls 12 months the longest usual.",
                "`office.transfer.minimum_tls` (7(3)3) is TLSv1.1; the form calls TLSv1.2 the least usual.",
                "`office.review` (7(3)11) is switched off, and the form has no exemption for it; an auditor will ask why.",
            ]
        );
    }
}
