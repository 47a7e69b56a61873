//! One assessment as parts that each fit a report.

use std::collections::BTreeMap;

use plumbline_config::catalogue;
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::message::Message;
use plumbline_config::wire::Assessment;
use serde_json::Value;

/// Room that an assessment takes beside its findings, in bytes.
const HEAD: usize = 2 * 1024;

/// Splits by check, so that each part tells all that its checks say. A check whose findings alone are over `limit`
/// bytes keeps the worst of them, and says in an `error` finding how many were left out.
pub(super) fn split(assessment: Assessment, limit: usize) -> Vec<Assessment> {
    let Assessment {
        host,
        plan,
        started_at,
        finished_at,
        checks,
        findings,
        scope,
        gone,
        known_checks,
    } = assessment;
    let mut by_check: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for finding in findings {
        by_check.entry(finding.check.clone()).or_default().push(finding);
    }
    let part = || Assessment {
        host: host.clone(),
        plan: plan.clone(),
        started_at,
        finished_at,
        checks: Vec::new(),
        findings: Vec::new(),
        scope,
        gone: Vec::new(),
        known_checks: None,
    };
    let room = limit.saturating_sub(HEAD);
    let mut parts = vec![part()];
    let mut used = 0_usize;
    for check in checks {
        let (findings, size) = cut(by_check.remove(&check).unwrap_or_default(), room);
        let size = size + check.len();
        if used > 0 && used + size > room {
            parts.push(part());
            used = 0;
        }
        used += size;
        if let Some(last) = parts.last_mut() {
            last.checks.push(check);
            last.findings.extend(findings);
        }
    }
    if let Some(first) = parts.first_mut() {
        first.gone = gone;
        first.known_checks = known_checks;
    }
    parts
}

/// The two halves of what more than one check says.
pub(super) fn halve(mut assessment: Assessment) -> Option<(Assessment, Assessment)> {
    if assessment.checks.len() < 2 {
        return None;
    }
    let mut second = assessment.clone();
    second.checks = assessment.checks.split_off(assessment.checks.len() / 2);
    for half in [&mut assessment, &mut second] {
        let checks = half.checks.clone();
        half.findings.retain(|finding| checks.contains(&finding.check));
    }
    Some((assessment, second))
}

/// As many findings as fit `room` bytes, worst first where not all do, and their size.
fn cut(mut findings: Vec<Finding>, room: usize) -> (Vec<Finding>, usize) {
    let whole: usize = findings.iter().map(size).sum();
    if whole <= room {
        return (findings, whole);
    }
    let Some(pattern) = findings.first().cloned() else {
        return (findings, 0);
    };
    let total = findings.len();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.status.concern()));
    let mut note = note(pattern, total);
    let mut used = size(&note);
    let mut kept = 0;
    for finding in &findings {
        let size = size(finding);
        if used + size > room {
            break;
        }
        used += size;
        kept += 1;
    }
    findings.truncate(kept);
    note.summary = left_out(total - kept);
    findings.push(note);
    (findings, used)
}

/// The finding that tells of those left out.
fn note(pattern: Finding, left_out_at_most: usize) -> Finding {
    Finding {
        status: Status::Error,
        severity: catalogue::check(&pattern.check).map_or(Severity::Medium, |entry| entry.severity),
        subject: "host".to_owned(),
        summary: left_out(left_out_at_most),
        expected: Value::Null,
        actual: Value::Null,
        evidence: Value::Null,
        ..pattern
    }
}

fn left_out(count: usize) -> plumbline_config::lang::Bilingual {
    Message::new("check-findings-cut").number("count", count).render()
}

/// Bytes of a finding as JSON, and of the comma after it.
fn size(finding: &Finding) -> usize {
    serde_json::to_vec(finding).map_or(0, |bytes| bytes.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assessment, finding};

    #[test]
    fn small_assessments_stay_whole() {
        let whole = assessment(
            &["a", "b"],
            vec![finding("a", Status::Pass), finding("b", Status::Fail)],
        );
        assert_eq!(split(whole.clone(), 100_000), [whole]);
        let empty = assessment(&["a"], Vec::new());
        assert_eq!(split(empty.clone(), 100_000), [empty]);
    }

    #[test]
    fn parts_fit_hold_whole_checks_and_lose_nothing() {
        let checks: Vec<String> = (0..50).map(|n| format!("check-{n}")).collect();
        let names: Vec<&str> = checks.iter().map(String::as_str).collect();
        let findings: Vec<Finding> = names
            .iter()
            .flat_map(|name| [finding(name, Status::Pass), finding(name, Status::Fail)])
            .collect();
        let limit = 8_000;
        let parts = split(assessment(&names, findings.clone()), limit);
        assert!(parts.len() > 1);
        for part in &parts {
            assert!(serde_json::to_vec(part).unwrap().len() <= limit);
            assert!(
                part.findings
                    .iter()
                    .all(|finding| part.checks.contains(&finding.check))
            );
        }
        let again: Vec<Finding> = parts.iter().flat_map(|part| part.findings.clone()).collect();
        assert_eq!(again, findings);
    }

    #[test]
    fn one_check_too_large_keeps_its_worst_and_says_so() {
        let mut findings = vec![finding("a", Status::Pass); 100];
        findings.push(finding("a", Status::Fail));
        let parts = split(assessment(&["a"], findings), 8_000);
        assert_eq!(parts.len(), 1);
        let part = &parts[0];
        assert!(serde_json::to_vec(part).unwrap().len() <= 8_000);
        assert_eq!(part.findings[0].status, Status::Fail);
        let last = part.findings.last().unwrap();
        assert_eq!(last.status, Status::Error);
        assert!(last.summary.en.contains("left out"));
    }
}
