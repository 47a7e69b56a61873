//! What checks say, as parts that each fit a report.

use std::collections::BTreeMap;

use plumbline_config::catalogue;
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::message::Message;
use plumbline_config::wire::{Assessment, FindingRef, Scope};
use serde::Serialize;
use serde_json::Value;

/// Room that an assessment takes beside its findings, in bytes.
const HEAD: usize = 2 * 1024;
/// Subject of the finding that tells of those left out.
const CUT: &str = "host";
/// The same where the check speaks of the host as a whole: a host has one finding for each check and subject.
const CUT_BESIDE_HOST: &str = "host/left-out";

/// Collects what checks say into parts that each fit `limit` bytes. A check is not divided; its findings and those that
/// are no more may each take `limit`.
pub(super) struct Parts {
    /// A part with nothing in it.
    empty: Assessment,
    open: Assessment,
    used: usize,
    room: usize,
}

impl Parts {
    /// Parts like `empty`, which tells the host, the plan and the times.
    pub(super) fn new(empty: Assessment, limit: usize) -> Self {
        Self {
            open: empty.clone(),
            empty,
            used: 0,
            room: limit.saturating_sub(HEAD),
        }
    }

    /// The assessment without what checks say, and the checks and findings.
    pub(super) fn take_apart(
        mut assessment: Assessment,
        scope: Scope,
    ) -> (Assessment, Vec<String>, Vec<Finding>) {
        let checks = std::mem::take(&mut assessment.checks);
        let findings = std::mem::take(&mut assessment.findings);
        assessment.gone.clear();
        assessment.known_checks = None;
        assessment.scope = scope;
        (assessment, checks, findings)
    }

    /// The first part tells which checks there are.
    pub(super) fn first_tells(&mut self, known_checks: Vec<String>) {
        self.open.known_checks = Some(known_checks);
    }

    /// Adds what a check says. Gives the part before where that is full now.
    pub(super) fn add(
        &mut self,
        check: String,
        findings: Vec<Finding>,
        gone: Vec<FindingRef>,
    ) -> Option<Assessment> {
        let size =
            check.len() + findings.iter().map(size).sum::<usize>() + gone.iter().map(size).sum::<usize>();
        let full = (self.used > 0 && self.used + size > self.room).then(|| {
            self.used = 0;
            std::mem::replace(&mut self.open, self.empty.clone())
        });
        self.used += size;
        self.open.checks.push(check);
        self.open.findings.extend(findings);
        self.open.gone.extend(gone);
        full
    }

    /// The last part.
    pub(super) fn finish(self) -> Assessment {
        self.open
    }
}

/// Splits what checks said whole. A check whose findings alone are over `limit` bytes keeps the worst of them, and says
/// in an `error` finding how many were left out.
pub(super) fn split(assessment: Assessment, limit: usize) -> Vec<Assessment> {
    let (empty, checks, findings) = Parts::take_apart(assessment, Scope::Checks);
    let mut findings = by_check(findings);
    let mut parts = Parts::new(empty, limit);
    let mut full = Vec::new();
    for check in checks {
        let findings = cut(findings.remove(&check).unwrap_or_default(), parts.room);
        full.extend(parts.add(check, findings, Vec::new()));
    }
    full.push(parts.finish());
    full
}

/// As a state holds it: one finding for each check and subject, and of a check with too many the worst, as
/// [`split`] has it.
pub(super) fn settle(mut assessment: Assessment, limit: usize) -> Assessment {
    let room = limit.saturating_sub(HEAD);
    let mut findings = by_check(one_each(std::mem::take(&mut assessment.findings)));
    let ran = |check: &String| findings.remove(check);
    assessment.findings = assessment
        .checks
        .iter()
        .filter_map(ran)
        .flat_map(|findings| cut(findings, room))
        .collect();
    assessment
}

/// The same that [`plumbline_config::state::distinct`] picks, in the same order, without a copy of each.
fn one_each(mut findings: Vec<Finding>) -> Vec<Finding> {
    // Of those alike the one of most concern comes first, and of such the first.
    findings.sort_by(|a, b| {
        let (left, right) = ((&a.check, &a.subject), (&b.check, &b.subject));
        left.cmp(&right)
            .then_with(|| b.status.concern().cmp(&a.status.concern()))
    });
    findings.dedup_by(|next, kept| next.check == kept.check && next.subject == kept.subject);
    findings
}

/// The findings of each check.
pub(super) fn by_check(findings: Vec<Finding>) -> BTreeMap<String, Vec<Finding>> {
    let mut by_check: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for finding in findings {
        by_check.entry(finding.check.clone()).or_default().push(finding);
    }
    by_check
}

/// The two halves of what more than one check says.
pub(super) fn halve(assessment: &Assessment) -> Option<(Assessment, Assessment)> {
    if assessment.checks.len() < 2 {
        return None;
    }
    let (mut first, mut second) = (assessment.clone(), assessment.clone());
    second.checks = first.checks.split_off(assessment.checks.len() / 2);
    for half in [&mut first, &mut second] {
        let checks = half.checks.clone();
        half.findings.retain(|finding| checks.contains(&finding.check));
        half.gone.retain(|gone| checks.contains(&gone.check));
    }
    // The first part of a resync tells which checks there are; once is enough.
    second.known_checks = None;
    Some((first, second))
}

/// As many findings as fit `room` bytes, worst first where not all do.
fn cut(mut findings: Vec<Finding>, room: usize) -> Vec<Finding> {
    let whole: usize = findings.iter().map(size).sum();
    if whole <= room {
        return findings;
    }
    let Some(pattern) = findings.first().cloned() else {
        return findings;
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
    if findings.iter().any(|finding| finding.subject == note.subject) {
        note.subject = CUT_BESIDE_HOST.to_owned();
    }
    findings.push(note);
    findings
}

/// The finding that tells of those left out.
fn note(pattern: Finding, left_out_at_most: usize) -> Finding {
    Finding {
        status: Status::Error,
        severity: catalogue::check(&pattern.check).map_or(Severity::Medium, |entry| entry.severity),
        subject: CUT.to_owned(),
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

/// Bytes of it as JSON, and of the comma after it.
fn size(item: &impl Serialize) -> usize {
    serde_json::to_vec(item).map_or(0, |bytes| bytes.len() + 1)
}

#[cfg(test)]
mod tests {
    use plumbline_config::state::distinct;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn one_each_is_what_the_collector_takes(picks in proptest::collection::vec((0..2_usize, 0..3_u8, 0..4_usize), 0..20)) {
            let statuses = [Status::Pass, Status::Fail, Status::Error, Status::NotApplicable];
            let findings: Vec<Finding> = picks
                .iter()
                .enumerate()
                .map(|(n, (check, subject, status))| {
                    let mut finding = finding(["a", "b"][*check], statuses[*status]);
                    finding.subject = subject.to_string();
                    finding.evidence = n.into();
                    finding
                })
                .collect();
            let taken: Vec<Finding> = distinct(&findings).into_values().cloned().collect();
            prop_assert_eq!(one_each(findings), taken);
        }
    }

    #[test]
    fn what_is_settled_names_no_subject_twice_even_where_it_was_cut() {
        let subject = |subject: String, status| Finding {
            subject,
            ..finding("a", status)
        };
        let mut findings: Vec<Finding> = (0..100).map(|n| subject(n.to_string(), Status::Pass)).collect();
        findings.push(subject("host".to_owned(), Status::Pass));
        findings.push(subject("host".to_owned(), Status::Fail));
        let settled = settle(assessment(&["a"], findings), 8_000).findings;
        assert_eq!(distinct(&settled).len(), settled.len());
        assert_eq!(settled[0].status, Status::Fail);
        let last = settled.last().unwrap();
        assert_eq!(
            (last.status, last.subject.as_str()),
            (Status::Error, CUT_BESIDE_HOST)
        );
    }
}
