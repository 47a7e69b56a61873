//! Reading a report's body: it comes from a host, and a host may be broken or hostile.

use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::HostId;
use plumbline_config::lang::Bilingual;
use plumbline_config::wire::{Assessment, MOST_FINDINGS_PER_CHECK, Os, Report};
use serde_json::Value;

use crate::ledger::tree::Hash;
use crate::store::CertificateRecord;

/// Most checks one report may name.
const MOST_CHECKS: usize = 500;

/// Most findings one report may hold.
const MOST_FINDINGS: usize = 20_000;

/// Longest id of a check, in bytes.
const LONGEST_CHECK: usize = 64;

/// Longest clause, in bytes.
const LONGEST_CLAUSE: usize = 32;

/// Longest subject, in bytes. A path may have 4096 (PATH_MAX).
const LONGEST_SUBJECT: usize = 4_200;

/// Longest sentence, in bytes.
const LONGEST_SENTENCE: usize = 16 * 1024;

/// Largest of `expected`, `actual` and `evidence`, in bytes of JSON.
const LARGEST_VALUE: usize = 256 * 1024;

/// Longest host name and longest field of [`Os`], in bytes.
pub(crate) const LONGEST_NAME: usize = 255;

/// Highest sequence and highest count of missing reports taken. JSON readers agree on integers up to here (RFC 8259, 6).
const HIGHEST_NUMBER: u64 = (1 << 53) - 1;

/// What is wrong with a body. `kind` is kebab-case, for programs; the sentence is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) kind: &'static str,
    pub(crate) detail: String,
}

impl Flaw {
    fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    fn unsound(detail: impl Into<String>) -> Self {
        Self::new("unsound-report", detail)
    }
}

/// Reads a body that came under this certificate.
pub(crate) fn read(body: &[u8], certificate: &CertificateRecord) -> Result<Report, Flaw> {
    let report: Report = serde_json::from_slice(body)
        .map_err(|error| Flaw::new("bad-json", format!("the body is not a report in JSON: {error}")))?;
    if report.incarnation != certificate.incarnation {
        return Err(Flaw::new(
            "wrong-incarnation",
            format!(
                "the report is of incarnation {}, the certificate of {}",
                report.incarnation, certificate.incarnation
            ),
        ));
    }
    if !(1..=HIGHEST_NUMBER).contains(&report.sequence) || report.dropped_reports > HIGHEST_NUMBER {
        return Err(Flaw::unsound("sequence or dropped_reports is out of range"));
    }
    require_hash("previous", &report.previous)?;
    if let Some(state) = &report.state {
        require_hash("state", state)?;
    }
    require_short("agent_version", &report.agent_version, LONGEST_NAME)?;
    if let Some(assessment) = &report.assessment {
        identity(assessment, &certificate.host)?;
        if assessment.host.role != certificate.role {
            return Err(Flaw::new(
                "wrong-role",
                format!(
                    "the report is judged as {}, the host is enrolled as {}",
                    assessment.host.role, certificate.role
                ),
            ));
        }
        examine(assessment)?;
    }
    Ok(report)
}

fn identity(assessment: &Assessment, host: &HostId) -> Result<(), Flaw> {
    match &assessment.host.id {
        Some(id) if id == host => Ok(()),
        Some(id) => Err(Flaw::new(
            "wrong-host",
            format!("the report is of the host {id}, the certificate of {host}"),
        )),
        None => Err(Flaw::new("wrong-host", "the report does not name its host")),
    }
}

fn examine(assessment: &Assessment) -> Result<(), Flaw> {
    require_name(&assessment.host.name)?;
    require_os(&assessment.host.os)?;
    require_short("plan.version", &assessment.plan.version, LONGEST_NAME)?;
    require_short("plan.sha256", &assessment.plan.sha256, LONGEST_NAME)?;
    if assessment.checks.len() > MOST_CHECKS || assessment.findings.len() > MOST_FINDINGS {
        return Err(Flaw::unsound(format!(
            "more than {MOST_CHECKS} checks or {MOST_FINDINGS} findings in one report"
        )));
    }
    let gone = &assessment.gone;
    let known = assessment.known_checks.as_deref().unwrap_or_default();
    if gone.len() > MOST_FINDINGS || known.len() > MOST_CHECKS {
        return Err(Flaw::unsound(format!(
            "more than {MOST_FINDINGS} findings gone or {MOST_CHECKS} checks known in one report"
        )));
    }
    for gone in gone {
        require_short("subject", &gone.subject, LONGEST_SUBJECT)?;
    }
    let of_gone = gone.iter().map(|gone| &gone.check);
    for check in assessment.checks.iter().chain(known).chain(of_gone) {
        if !is_check_id(check) {
            return Err(Flaw::unsound(format!(
                "`{}` is not an id of a check",
                shown(check)
            )));
        }
    }
    let mut counts: std::collections::HashMap<&str, usize> = assessment
        .checks
        .iter()
        .map(|check| (check.as_str(), 0))
        .collect();
    for finding in &assessment.findings {
        let Some(count) = counts.get_mut(finding.check.as_str()) else {
            return Err(Flaw::unsound(format!(
                "a finding of `{}`, which is not among the checks that ran",
                shown(&finding.check)
            )));
        };
        *count += 1;
        if *count > MOST_FINDINGS_PER_CHECK {
            return Err(Flaw::unsound(format!(
                "more than {MOST_FINDINGS_PER_CHECK} findings of `{}`",
                finding.check
            )));
        }
        require_sound(finding)?;
    }
    Ok(())
}

fn require_sound(finding: &Finding) -> Result<(), Flaw> {
    if matches!(finding.status, Status::Stale | Status::Waived) {
        return Err(Flaw::unsound(format!(
            "status `{}` is the collector's alone to give",
            finding.status
        )));
    }
    require_short("clause", &finding.clause, LONGEST_CLAUSE)?;
    require_short("subject", &finding.subject, LONGEST_SUBJECT)?;
    for (what, text) in [
        ("summary", &finding.summary),
        ("remediation", &finding.remediation),
    ] {
        let Bilingual { zh_tw, en } = text;
        require_short(what, zh_tw, LONGEST_SENTENCE)?;
        require_short(what, en, LONGEST_SENTENCE)?;
    }
    for (what, value) in [
        ("expected", &finding.expected),
        ("actual", &finding.actual),
        ("evidence", &finding.evidence),
    ] {
        if size(value) > LARGEST_VALUE {
            return Err(Flaw::unsound(format!(
                "{what} of `{}` is larger than {LARGEST_VALUE} bytes",
                finding.check
            )));
        }
    }
    Ok(())
}

/// Refuses a host name that is empty, too long or holds control characters.
pub(crate) fn require_name(name: &str) -> Result<(), Flaw> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Flaw::unsound(
            "the host name is empty or holds control characters",
        ));
    }
    require_short("host name", name, LONGEST_NAME)
}

/// Refuses over-long words on the operating system.
pub(crate) fn require_os(os: &Os) -> Result<(), Flaw> {
    [&os.id, &os.version, &os.name, &os.kernel, &os.architecture]
        .into_iter()
        .try_for_each(|field| require_short("os", field, LONGEST_NAME))
}

/// Refuses what is no SHA-256 in lower-case hexadecimal.
fn require_hash(what: &str, text: &str) -> Result<(), Flaw> {
    if Hash::from_hex(text).is_none() {
        return Err(Flaw::unsound(format!(
            "{what} is not a SHA-256 in lower-case hexadecimal"
        )));
    }
    Ok(())
}

/// Refuses a text of more than `most` bytes.
pub(crate) fn require_short(what: &str, text: &str, most: usize) -> Result<(), Flaw> {
    if text.len() > most {
        return Err(Flaw::unsound(format!("{what} is longer than {most} bytes")));
    }
    Ok(())
}

fn is_check_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    (1..=LONGEST_CHECK).contains(&text.len()) && text.bytes().all(plain)
}

/// The start of a hostile text, fit for a sentence.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_CHECK)
        .collect()
}

/// Bytes of the value, without writing it out: strings and keys as they are, a little for everything else.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Value::Object(members) => {
            2 + members
                .iter()
                .map(|(key, item)| key.len() + size(item) + 4)
                .sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::ident::Role;
    use plumbline_config::wire::FIRST_PREVIOUS;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn certificate() -> CertificateRecord {
        CertificateRecord {
            host: "h-1".parse().unwrap(),
            incarnation: 2,
            current_incarnation: 2,
            revoked_at: None,
            host_revoked_at: None,
            role: Role::Service,
        }
    }

    fn report() -> Value {
        json!({
            "incarnation": 2, "sequence": 1, "previous": FIRST_PREVIOUS, "agent_version": "1", "sealed_at": "2026-10-01T00:00:00Z",
            "assessment": {
                "host": {"id": "h-1", "name": "web", "role": "service",
                         "os": {"id": "debian", "version": "12", "name": "Debian", "kernel": "6", "architecture": "x86_64"}},
                "plan": {"version": "1", "sha256": "00"},
                "started_at": "2026-10-01T00:00:00Z", "finished_at": "2026-10-01T00:00:00Z",
                "checks": ["tls.protocol-versions"],
                "findings": [{
                    "check": "tls.protocol-versions", "clause": "7.1.3", "status": "pass", "severity": "high",
                    "subject": "tcp/[::]:443", "summary": {"zh-TW": "", "en": ""}, "expected": null, "actual": null,
                    "remediation": {"zh-TW": "", "en": ""}, "evidence": {}, "observed_at": "2026-10-01T00:00:00Z"
                }]
            }
        })
    }

    fn refused(change: impl FnOnce(&mut Value)) -> &'static str {
        let mut report = report();
        change(&mut report);
        read(report.to_string().as_bytes(), &certificate())
            .unwrap_err()
            .kind
    }

    #[test]
    fn a_sound_report_is_read() {
        assert_eq!(
            read(report().to_string().as_bytes(), &certificate())
                .unwrap()
                .sequence,
            1
        );
    }

    #[test]
    fn a_report_of_another_is_refused() {
        assert_eq!(refused(|r| r["incarnation"] = json!(1)), "wrong-incarnation");
        assert_eq!(
            refused(|r| r["assessment"]["host"]["id"] = json!("h-2")),
            "wrong-host"
        );
        assert_eq!(
            refused(|r| r["assessment"]["host"]["id"] = Value::Null),
            "wrong-host"
        );
        assert_eq!(
            refused(|r| r["assessment"]["host"]["role"] = json!("office")),
            "wrong-role"
        );
    }

    #[test]
    fn an_unsound_report_is_refused() {
        let finding = |r: &mut Value, key: &str, value: Value| r["assessment"]["findings"][0][key] = value;
        for status in ["stale", "waived"] {
            assert_eq!(refused(|r| finding(r, "status", json!(status))), "unsound-report");
        }
        assert_eq!(
            refused(|r| finding(r, "check", json!("other.check"))),
            "unsound-report"
        );
        assert_eq!(
            refused(|r| finding(r, "subject", json!("x".repeat(5_000)))),
            "unsound-report"
        );
        assert_eq!(
            refused(|r| finding(r, "evidence", json!(["x".repeat(300_000)]))),
            "unsound-report"
        );
        assert_eq!(refused(|r| r["sequence"] = json!(0)), "unsound-report");
        for previous in ["", "00", &"A".repeat(64)] {
            assert_eq!(refused(|r| r["previous"] = json!(previous)), "unsound-report");
        }
        assert_eq!(
            refused(|r| r["assessment"]["checks"] = json!(["Bad Id"])),
            "unsound-report"
        );
        assert_eq!(
            refused(|r| r["assessment"]["host"]["name"] = json!("a\u{1b}[0m")),
            "unsound-report"
        );
        assert_eq!(refused(|r| finding(r, "status", json!("green"))), "bad-json");
    }

    #[test]
    fn a_check_this_collector_does_not_know_is_read() {
        let mut report = report();
        report["assessment"]["checks"] = json!(["future.check"]);
        report["assessment"]["findings"][0]["check"] = json!("future.check");
        assert!(read(report.to_string().as_bytes(), &certificate()).is_ok());
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(
            read(deep.as_bytes(), &certificate()).unwrap_err().kind,
            "bad-json"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(read(&body, &certificate()).is_err());
        }
    }
}
