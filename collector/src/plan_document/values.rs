//! What stands in the form's blanks.

use plumbline_config::interval::Interval;
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};
use plumbline_config::plan::{Contact, Custom, Measures, PasswordRules, Plan};
use plumbline_document::{Style, Text, Tone};
use serde_json::Value;

use super::LANG;

/// What stands in a blank that the plan leaves open.
pub(super) const UNFILLED: &str = "＿＿＿＿";

/// First year of the calendar that the form counts by (民國), less one.
pub(super) const YEAR_BEFORE_FIRST: i16 = 1911;

/// The plan by the names its file uses.
pub(super) struct Values<'p> {
    plan: &'p Plan,
    /// The same as data, for all that is written as it stands.
    data: Value,
}

impl<'p> Values<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            data: serde_json::to_value(plan).unwrap_or_default(),
        }
    }

    /// The words for the blank `key`; `None`: the plan leaves it open, or says that it does not apply.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        let plan = self.plan;
        if let Some((table, _)) = key.rsplit_once('.')
            && plan.not_applicable(table).is_some()
        {
            return None;
        }
        let words = match key {
            "company" => plan.company.clone(),
            "governance.budget.year" => (plan.governance.budget.year? - YEAR_BEFORE_FIRST).to_string(),
            "governance.budget.amount" => money(plan.governance.budget.amount_twd?),
            "governance.budget.items" => {
                let items = plan.governance.budget.items.iter();
                listed(items.map(|item| format!("{} {} 元", item.purpose, money(item.amount_twd))))
            }
            "policy.rights_contact" => contact(&plan.policy.rights_contact),
            "policy.incident_contact" => contact(&plan.policy.incident_contact),
            "audit.small_interval" if plan.is_large() => return None,
            "audit.small_interval" => every(plan.audit.execution_interval),
            "audit.external_scope" => plan.audit.external_scope.clone(),
            "termination.retention" => plan.termination.retention.words().zh_tw,
            "incident.report_within" => plan.incident.report_within.words().zh_tw,
            _ => match key.split_once('.') {
                Some(("service", of)) => measure(&plan.service, of).or_else(|| self.plain(key))?,
                Some(("office", of)) => measure(&plan.office, of).or_else(|| self.plain(key))?,
                _ => self.plain(key)?,
            },
        };
        Some(words).filter(|words| !words.trim().is_empty())
    }

    /// What the plan's file says under `key`: a text, texts, a number or a length of time.
    fn plain(&self, key: &str) -> Option<String> {
        let value = key
            .split('.')
            .try_fold(&self.data, |value, name| value.get(name))?;
        match value {
            Value::String(words) if is_interval(key) => {
                let interval: Interval = words.parse().ok()?;
                Some(if key.ends_with("interval") {
                    every(interval)
                } else {
                    interval.words().zh_tw
                })
            }
            Value::String(words) => Some(words.clone()),
            Value::Array(texts) => Some(listed(texts.iter().filter_map(Value::as_str).map(str::to_owned))),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Whether the plan has something of this name, filled in or not.
    #[cfg(test)]
    pub(super) fn knows(&self, key: &str) -> bool {
        let named = key.split('.').try_fold(&self.data, |value, name| value.get(name));
        named.is_some() || self.get(key).is_some()
    }
}

/// Why the plan takes out what `table` names, if it is not for the same reason as what stands around it.
pub(super) fn not_applicable(plan: &Plan, table: &str) -> Option<Text> {
    let reason = plan.not_applicable(table)?;
    let above = table
        .rsplit_once('.')
        .and_then(|(above, _)| plan.not_applicable(above));
    let said = Message::new("plan-not-applicable")
        .arg("reason", reason)
        .render_in(LANG);
    above
        .is_none()
        .then(|| Text::default().and(Style::Status(Tone::Neutral), said))
}

/// The word for a value that the plan's file names, such as `two-factor`.
pub(super) fn word(name: &str) -> String {
    let key = match name {
        "three-two-one" => "plan-document-three-two-one",
        "encrypted" => "plan-document-encrypted",
        "automatic" => "plan-document-automatic",
        "compressed" => "plan-document-compressed",
        "key-encrypted" => "plan-document-key-encrypted",
        "web-site" => "plan-document-web-site",
        "host" => "plan-document-host",
        "penetration-test" => "plan-document-penetration-test",
        "two-factor" => "plan-document-two-factor",
        "multi-factor" => "plan-document-multi-factor",
        "biometric" => "plan-document-biometric",
        "certificate" => "plan-document-certificate",
        "single-sign-on" => "plan-document-single-sign-on",
        "convener" => "plan-document-convener",
        "manager" => "plan-document-manager",
        "security-lead" => "plan-document-security-lead",
        "unit-delegate" => "plan-document-unit-delegate",
        "general" => "plan-document-general",
        "sensitive" => "plan-document-sensitive",
        "special" => "plan-document-special",
        "customer-or-supplier" => "plan-document-customer-or-supplier",
        "personnel" => "plan-document-personnel",
        "consumer" => "plan-document-consumer",
        "up-to-100" => "plan-document-up-to-100",
        "100-to-5000" => "plan-document-100-to-5000",
        "over-5000" => "plan-document-over-5000",
        "processing" => "plan-document-processing",
        "internal-transfer" => "plan-document-internal-transfer",
        "external-transfer" => "plan-document-external-transfer",
        "custody" => "plan-document-custody",
        "disposal" => "plan-document-disposal",
        other => return other.to_owned(),
    };
    text(LANG, key)
}

/// The word for a value of a kind that the plan's file names.
pub(super) fn word_of<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => word(&name),
        _ => String::new(),
    }
}

/// Texts in one sentence.
pub(super) fn listed(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("、")
}

/// New Taiwan dollars: `1,800,000`.
pub(super) fn money(amount: u64) -> String {
    crate::report::grouped(usize::try_from(amount).unwrap_or(usize::MAX))
}

fn every(interval: Interval) -> String {
    Message::new("plan-document-every")
        .bilingual("interval", interval.words())
        .render_in(LANG)
}

fn is_interval(key: &str) -> bool {
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    ["interval", "within", "retention"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn contact(contact: &Contact) -> String {
    let who = [&contact.title, &contact.name].map(String::as_str).join(" ");
    let how = [&contact.phone, &contact.email];
    let how = listed(how.into_iter().filter(|how| !how.is_empty()).cloned());
    if how.is_empty() {
        who
    } else {
        format!("{who}（{how}）")
    }
}

/// What is not written as it stands in the plan's file.
fn measure(measures: &Measures, of: &str) -> Option<String> {
    Some(match of {
        "backup.measures" => listed(measures.backup.measures.iter().map(word_of)),
        "vulnerability.scan_methods" => listed(measures.vulnerability.scan_methods.iter().map(word_of)),
        "authentication.other" => listed(measures.authentication.other.iter().map(word_of)),
        "authentication.password" => password(&measures.authentication.password),
        "transfer.minimum_tls" => Message::new("plan-document-tls")
            .arg(
                "version",
                measures.transfer.minimum_tls.name().replace("TLSv", "TLS "),
            )
            .render_in(LANG),
        "custom" => custom(&measures.custom),
        _ => return None,
    })
}

fn password(rules: &PasswordRules) -> String {
    Message::new("plan-document-password")
        .arg("length", rules.minimum_length)
        .arg("classes", rules.minimum_classes)
        .arg("remembered", rules.remembered)
        .arg("failures", rules.lockout_failures)
        .bilingual("lockout", rules.lockout_for.words())
        .render_in(LANG)
}

/// Measures in words, then what the rules are for.
fn custom(custom: &Custom) -> String {
    let files = custom.files.iter().map(|rule| (&rule.purpose, &rule.id));
    let permissions = custom.permissions.iter().map(|rule| (&rule.purpose, &rule.id));
    let packages = custom.packages.iter().map(|rule| (&rule.purpose, &rule.id));
    let units = custom.units.iter().map(|rule| (&rule.purpose, &rule.id));
    let sysctls = custom.sysctls.iter().map(|rule| (&rule.purpose, &rule.id));
    let ports = custom.ports.iter().map(|rule| (&rule.purpose, &rule.id));
    let rules = files
        .chain(permissions)
        .chain(packages)
        .chain(units)
        .chain(sysctls)
        .chain(ports);
    let rules = rules.map(|(purpose, id)| {
        if purpose.is_empty() {
            id.clone()
        } else {
            purpose.clone()
        }
    });
    listed(custom.measures.iter().cloned().chain(rules))
}

/// The title of a column or a table, in the form's words.
pub(super) fn title(key: &'static str) -> String {
    text(Lang::ZhTw, key)
}
