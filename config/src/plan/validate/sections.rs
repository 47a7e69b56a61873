//! Faults in what is declared once for the company: every section but the measures of Section 7.

use std::collections::HashSet;

use super::Faults;
use crate::file::{nearest, shorten};
use crate::interval::{Interval, Unit};
use crate::plan::{LARGE_CAPITAL_TWD, LARGE_RECORDS, Plan};

/// The first year of the Republic: an earlier one was meant as 民國.
const FIRST_YEAR: i16 = 1912;

/// The law's limit for telling the authority (5（2）1).
const LONGEST_REPORT: Interval = Interval::new(72, Unit::Hour);

/// How often a large company carries measures out, at the latest (12（4）).
const LARGE_INTERVAL: Interval = Interval::months(12);

pub(super) fn check(plan: &Plan, faults: &mut Faults<'_>) {
    faults.add_if(
        plan.version.trim().is_empty(),
        "version",
        "is empty; name the edition of the plan, such as version = \"115年10月01日 第1版\"",
    );
    if let Some(year) = plan.governance.budget.year.filter(|year| *year < FIRST_YEAR) {
        let common = i32::from(year) + i32::from(FIRST_YEAR) - 1;
        faults.add(
            "governance.budget.year",
            format!("`governance.budget.year` is {year}; write the year of the common era, such as {common}"),
        );
    }
    inventory(plan, faults);
    incident(plan, faults);
    audit(plan, faults);
    for (index, vendor) in plan.outsourcing.vendors.iter().enumerate() {
        if vendor.contract_until < vendor.contract_from {
            faults.add(
                &format!("outsourcing.vendors.{index}.contract_until"),
                format!(
                    "the contract with `{}` ends on {} before it begins on {}; mend one of the days",
                    shorten(&vendor.name),
                    vendor.contract_until,
                    vendor.contract_from
                ),
            );
        }
    }
}

fn inventory(plan: &Plan, faults: &mut Faults<'_>) {
    let mut names = HashSet::new();
    for (index, file) in plan.inventory.files.iter().enumerate() {
        let path = format!("inventory.files.{index}.name");
        let name = file.name.as_str();
        if name.trim().is_empty() {
            faults.add(
                &path,
                "a file of the inventory has no name; give it one".to_owned(),
            );
        } else if !names.insert(name) {
            let fault = format!(
                "the file `{}` stands twice in the inventory; keep one",
                shorten(name)
            );
            faults.add(&path, fault);
        }
    }
    for (index, row) in plan.risk.assessments.iter().enumerate() {
        if names.contains(row.file.as_str()) || faults.is_full() {
            continue;
        }
        let mend = match nearest(&row.file, names.iter().copied()) {
            Some((_, name)) => format!("the nearest is `{}`", shorten(name)),
            None => "the inventory is empty".to_owned(),
        };
        faults.add(
            &format!("risk.assessments.{index}.file"),
            format!(
                "`{}` is not a file of [[inventory.files]]; {mend}",
                shorten(&row.file)
            ),
        );
    }
    let held = plan.inventory.records();
    if let Some(said) = plan.audit.personal_records.filter(|said| *said < held) {
        faults.add(
            "audit.personal_records",
            format!("`audit.personal_records` is {said}, but the inventory holds {held}; mend one of them"),
        );
    }
}

fn incident(plan: &Plan, faults: &mut Faults<'_>) {
    let incident = &plan.incident;
    if incident.report_within.exceeds(LONGEST_REPORT) {
        faults.add(
            "incident.report_within",
            format!(
                "`incident.report_within` is {}; the authority is to be told within {LONGEST_REPORT}",
                incident.report_within
            ),
        );
    }
    if incident.report_within_if_in_media.exceeds(incident.report_within) {
        faults.add(
            "incident.report_within_if_in_media",
            format!(
                "`incident.report_within_if_in_media` is {}, longer than `incident.report_within`; write {} or less",
                incident.report_within_if_in_media, incident.report_within
            ),
        );
    }
}

fn audit(plan: &Plan, faults: &mut Faults<'_>) {
    let interval = plan.audit.execution_interval;
    if !plan.is_large() || !interval.exceeds(LARGE_INTERVAL) {
        return;
    }
    let why = match plan.audit.capital_twd {
        None => "`audit.capital_twd` does not say that the company is small".to_owned(),
        Some(capital) if capital >= LARGE_CAPITAL_TWD => {
            format!("the capital is NT${capital}, {LARGE_CAPITAL_TWD} or more")
        }
        Some(_) => format!("the company holds {LARGE_RECORDS} records or more"),
    };
    faults.add(
        "audit.execution_interval",
        format!("`audit.execution_interval` is {interval}; {why}, so write {LARGE_INTERVAL} or less"),
    );
}
