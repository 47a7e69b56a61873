//! The plan by the names its file uses, for data that points into it: how often a requirement is due, and whether the
//! plan takes it out of scope.

use std::path::PathBuf;

use super::{Measures, Plan};
use crate::interval::Interval;

/// Why 6（1）5 does not apply to a plan that names no region: the form's own words.
const NO_TRANSFER_ABROAD: &str = "未進行個人資料國際傳輸";

/// Why item 13 does not apply to a plan that declares no further measure (【註：若有無上述情形，可自行填寫】).
const NO_FURTHER_MEASURES: &str = "計畫未填寫其他資料安全措施";

impl Plan {
    /// The interval under the dotted key `key`, such as `service.monitoring.drill_interval`.
    #[must_use]
    pub fn interval(&self, key: &str) -> Option<Interval> {
        if let Some((role, key)) = self.scope(key) {
            return role.interval(key);
        }
        Some(match key {
            "governance.update_interval" => self.governance.update_interval,
            "inventory.interval" => self.inventory.interval,
            "risk.interval" => self.risk.interval,
            "incident.drill_interval" => self.incident.drill_interval,
            "processing.purpose_review_interval" => self.processing.purpose_review_interval,
            "personnel.access_review_interval" => self.personnel.access_review_interval,
            "training.general_interval" => self.training.general_interval,
            "training.group_interval" => self.training.group_interval,
            "training.it_interval" => self.training.it_interval,
            "audit.interval" => self.audit.interval,
            "audit.execution_interval" => self.audit.execution_interval,
            "outsourcing.interval" => self.outsourcing.interval,
            "improvement.review_interval" => self.improvement.review_interval,
            _ => return None,
        })
    }

    /// Why what the table `table` declares does not apply, such as `office.intrusion.waf`; the reason of a table above
    /// it holds for it too.
    #[must_use]
    pub fn not_applicable(&self, table: &str) -> Option<&str> {
        if let Some((role, table)) = self.scope(table) {
            return role.reason(table);
        }
        match table {
            "incident.customer" => self.incident.customer.not_applicable.as_deref(),
            "processing.international" => {
                let none = self.processing.international.regions.is_empty();
                none.then_some(NO_TRANSFER_ABROAD)
            }
            "development" => self.development.not_applicable.as_deref(),
            "equipment.screen_lock" => self.equipment.screen_lock.not_applicable.as_deref(),
            "outsourcing" => self.outsourcing.not_applicable.as_deref(),
            "appendix" => self.appendix.not_applicable.as_deref(),
            _ => None,
        }
    }

    fn scope<'k>(&self, key: &'k str) -> Option<(&Measures, &'k str)> {
        match key.split_once('.').unwrap_or((key, "")) {
            ("service", rest) => Some((&self.service, rest)),
            ("office", rest) => Some((&self.office, rest)),
            _ => None,
        }
    }
}

impl Measures {
    /// The files and directories of personal data whose reading is recorded: those of item 5, or else of item 1.
    #[must_use]
    pub fn access_paths(&self) -> &[PathBuf] {
        let paths = &self.monitoring.access.paths;
        if paths.is_empty() {
            &self.encryption.paths
        } else {
            paths
        }
    }

    fn interval(&self, key: &str) -> Option<Interval> {
        Some(match key {
            "backup.interval" => self.backup.interval,
            "intrusion.firewall.update_interval" => self.intrusion.firewall.update_interval,
            "intrusion.waf.update_interval" => self.intrusion.waf.update_interval,
            "intrusion.mail_filter.update_interval" => self.intrusion.mail_filter.update_interval,
            "intrusion.endpoint.update_interval" => self.intrusion.endpoint.update_interval,
            "intrusion.ids.update_interval" => self.intrusion.ids.update_interval,
            "monitoring.drill_interval" => self.monitoring.drill_interval,
            "vulnerability.scan_interval" => self.vulnerability.scan_interval,
            "antivirus.scan_interval" => self.antivirus.scan_interval,
            "review.interval" => self.review.interval,
            _ => return None,
        })
    }

    fn reason(&self, table: &str) -> Option<&str> {
        let own = match table {
            "encryption" => &self.encryption.not_applicable,
            "backup" => &self.backup.not_applicable,
            "transfer" => &self.transfer.not_applicable,
            "intrusion.firewall" => &self.intrusion.firewall.not_applicable,
            "intrusion.waf" => &self.intrusion.waf.not_applicable,
            "intrusion.mail_filter" => &self.intrusion.mail_filter.not_applicable,
            "intrusion.endpoint" => &self.intrusion.endpoint.not_applicable,
            "intrusion.ids" => &self.intrusion.ids.not_applicable,
            "monitoring" => &self.monitoring.not_applicable,
            "monitoring.logins" => &self.monitoring.logins.not_applicable,
            "monitoring.access" => &self.monitoring.access.not_applicable,
            "vulnerability" => &self.vulnerability.not_applicable,
            "antivirus" => &self.antivirus.not_applicable,
            "authentication" => &self.authentication.not_applicable,
            "authentication.password" => &self.authentication.password.not_applicable,
            "test_data" => &self.test_data.not_applicable,
            "change" => &self.change.not_applicable,
            "review" => &self.review.not_applicable,
            "masking" => &self.masking.not_applicable,
            _ => &None,
        };
        let above = || match table.rsplit_once('.') {
            Some((above, _)) => self.reason(above),
            None if table.is_empty() => None,
            None => self.not_applicable.as_deref(),
        };
        let undeclared = || (table == "custom" && self.custom.is_empty()).then_some(NO_FURTHER_MEASURES);
        match table {
            "" => self.not_applicable.as_deref(),
            _ => own.as_deref().or_else(above).or_else(undeclared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_table_above_holds() {
        let mut plan = Plan::default();
        assert_eq!(plan.not_applicable("service.monitoring.logins"), None);
        plan.service.monitoring.not_applicable = Some("no systems".into());
        assert_eq!(
            plan.not_applicable("service.monitoring.logins"),
            Some("no systems")
        );
        assert_eq!(plan.not_applicable("office.monitoring.logins"), None);
        plan.office.not_applicable = Some("no office".into());
        assert_eq!(plan.not_applicable("office.monitoring.logins"), Some("no office"));
        assert_eq!(
            plan.not_applicable("office.intrusion.firewall"),
            Some("no office")
        );
        assert_eq!(plan.not_applicable("office"), Some("no office"));
    }

    #[test]
    fn what_was_not_declared_does_not_apply() {
        let plan = Plan::default();
        assert_eq!(plan.not_applicable("service.custom"), Some(NO_FURTHER_MEASURES));
        assert_eq!(
            plan.not_applicable("processing.international"),
            Some(NO_TRANSFER_ABROAD)
        );
    }
}
