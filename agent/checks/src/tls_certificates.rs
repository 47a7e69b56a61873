//! `tls.certificates`: every certificate that a listening socket shows, and every one in a declared file, is in order.
//! One finding for each fault, so that each can be mended or waived by itself.

use jiff::Timestamp;
use plumbline_config::finding::Severity;
use plumbline_config::message::Message;
use plumbline_facts::tls::{Certificate, CertificateFile};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};
use crate::transfer_endpoints::{Mend, Tried, tried};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "tls.certificates",
    needs: &[ProbeId::Tls],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

const SECONDS_A_DAY: i64 = 86_400;
const EXPIRES_SOON: &str = "expires-soon";

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let transfer = &context.measures().transfer;
    if let Some(reason) = &transfer.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let facts = facts.tls.value()?;
    let dates = Dates {
        now: context.now,
        notice: transfer.certificate_notice.nominal_seconds(),
    };
    let mut verdicts = Vec::new();
    for tried in tried(facts) {
        verdicts.extend(judge_endpoint(&tried, dates));
    }
    for file in &facts.certificate_files {
        verdicts.extend(judge_file(file, dates));
    }
    if verdicts.is_empty() {
        verdicts.push(Verdict::not_applicable(
            Verdict::HOST,
            Message::new("tls-no-listener"),
        ));
    }
    Ok(verdicts)
}

/// What dates are held against.
#[derive(Clone, Copy, Debug)]
struct Dates {
    now: Timestamp,
    /// Seconds before its end at which a certificate is to be renewed.
    notice: i64,
}

impl Dates {
    /// The faults of a certificate; what expires soon is for the plan to say.
    fn faults(self, certificate: &Certificate) -> Vec<&'static str> {
        let left = certificate.not_after.as_second() - self.now.as_second();
        let soon = (0..self.notice).contains(&left).then_some(EXPIRES_SOON);
        let known = certificate.weaknesses.iter().copied();
        known.filter(|fault| *fault != EXPIRES_SOON).chain(soon).collect()
    }

    fn days_left(self, certificate: &Certificate) -> i64 {
        (certificate.not_after.as_second() - self.now.as_second()).div_euclid(SECONDS_A_DAY)
    }
}

fn judge_endpoint(tried: &Tried<'_>, dates: Dates) -> Vec<Verdict> {
    if let Some(verdict) = tried.without_tls() {
        return vec![verdict];
    }
    let endpoint = tried.endpoint;
    if endpoint.certificates.is_empty() {
        let subject = tried.subject();
        return vec![match &endpoint.error {
            Some(why) => Verdict::error(subject, Message::new("tls-certificates-unknown").arg("why", why)),
            None => Verdict::not_applicable(subject, Message::new("tls-certificates-none")),
        }];
    }
    let verdicts = judge_certificates(&tried.subject(), &endpoint.certificates, dates);
    verdicts
        .into_iter()
        .map(|verdict| {
            let remedy = tried.mend(Mend::Certificate);
            tried.weighed(verdict.remedy(remedy), Severity::Low)
        })
        .collect()
}

fn judge_file(file: &CertificateFile, dates: Dates) -> Vec<Verdict> {
    match &file.certificates {
        Ok(certificates) => judge_certificates(&file.path, certificates, dates),
        Err(why) => vec![Verdict::error(
            &file.path,
            Message::new("tls-certificates-unknown").arg("why", why),
        )],
    }
}

/// A finding for each fault, or one that all is well.
fn judge_certificates(subject: &str, certificates: &[Certificate], dates: Dates) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for certificate in certificates {
        for fault in dates.faults(certificate) {
            // The same fault of two certificates of one endpoint is told by the certificate.
            let of = certificate.sha256.get(..8).unwrap_or_default();
            let message = Message::new(key(fault))
                .arg("subject", &certificate.subject)
                .arg("issuer", &certificate.issuer)
                .arg("until", day(certificate.not_after))
                .arg("from", day(certificate.not_before))
                .arg("days", dates.days_left(certificate))
                .arg(
                    "key",
                    format!("{} {}", certificate.key.kind, certificate.key.bits),
                )
                .arg("algorithm", &certificate.signature_algorithm)
                .arg("names", certificate.names.join(", "));
            let verdict = Verdict::fail(format!("{subject}#{fault}-{of}"), message)
                .compared(Value::Null, fault)
                .evidence(evidence(certificate, dates));
            verdicts.push(match fault {
                "expired" | "weak-key" | "weak-signature" => verdict.severity(Severity::High),
                _ => verdict,
            });
        }
    }
    if verdicts.is_empty() {
        let first = certificates
            .iter()
            .min_by_key(|certificate| certificate.not_after);
        let message = Message::new("tls-certificates-good")
            .number("count", certificates.len())
            .arg(
                "until",
                first.map(|first| day(first.not_after)).unwrap_or_default(),
            )
            .arg("days", first.map_or(0, |first| dates.days_left(first)));
        let shown: Vec<_> = certificates.iter().map(|shown| evidence(shown, dates)).collect();
        verdicts.push(Verdict::pass(subject, message).evidence(json!({ "certificates": shown })));
    }
    verdicts
}

fn key(fault: &str) -> &'static str {
    match fault {
        "expired" => "tls-certificate-expired",
        "not-yet-valid" => "tls-certificate-not-yet-valid",
        "expires-soon" => "tls-certificate-expires-soon",
        "self-signed" => "tls-certificate-self-signed",
        "incomplete-chain" => "tls-certificate-incomplete-chain",
        "host-name-mismatch" => "tls-certificate-host-name-mismatch",
        "weak-key" => "tls-certificate-weak-key",
        "weak-signature" => "tls-certificate-weak-signature",
        _ => "tls-certificate-untrusted",
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn evidence(certificate: &Certificate, dates: Dates) -> Value {
    let mut value = serde_json::to_value(certificate).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("days_left".to_owned(), dates.days_left(certificate).into());
    }
    value
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::interval::Interval;
    use plumbline_config::plan::Plan;

    use super::*;
    use crate::check::Examples;
    use crate::transfer_examples::{certificate, endpoint, host, verdicts};

    fn with(weaknesses: &[&'static str], until: &str) -> Facts {
        let mut endpoint = endpoint();
        endpoint.certificates = vec![certificate(weaknesses, until)];
        host(vec![endpoint])
    }

    pub(super) fn examples() -> Examples {
        Examples {
            passing: (with(&[], "2027-11-22T00:00:00Z"), Plan::default()),
            failing: (
                with(&["self-signed", "weak-key"], "2027-11-22T00:00:00Z"),
                Plan::default(),
            ),
        }
    }

    #[test]
    fn each_fault_is_a_finding_of_its_own() {
        let verdicts = verdicts(&CHECK, &examples().failing.0, &Plan::default());
        let seen: Vec<_> = verdicts
            .iter()
            .map(|v| (v.subject.as_str(), v.severity))
            .collect();
        assert_eq!(
            seen,
            [
                ("tcp/[::]:443#self-signed-00112233", None),
                ("tcp/[::]:443#weak-key-00112233", Some(Severity::High)),
            ]
        );
    }

    #[test]
    fn how_soon_is_soon_is_for_the_plan_to_say() {
        let facts = with(&[], "2026-12-12T00:00:00Z");
        let mut plan = Plan::default();
        let status = |plan: &Plan| verdicts(&CHECK, &facts, plan)[0].status;
        assert_eq!(status(&plan), Status::Fail, "20 days left of 30");
        plan.service.transfer.certificate_notice = Interval::days(14);
        assert_eq!(status(&plan), Status::Pass);
    }

    #[test]
    fn a_declared_file_expires_while_no_one_listens_and_one_that_can_not_be_read_never_passes() {
        let mut facts = host(Vec::new());
        let files = vec![
            CertificateFile {
                path: "/a.pem".to_owned(),
                certificates: Ok(vec![certificate(&["expired"], "2026-01-01T00:00:00Z")]),
            },
            CertificateFile {
                path: "/b.pem".to_owned(),
                certificates: Err("it does not exist".to_owned()),
            },
        ];
        if let plumbline_facts::Known::Value(tls) = &mut facts.tls {
            tls.certificate_files = files;
        }
        let verdicts = verdicts(&CHECK, &facts, &Plan::default());
        let seen: Vec<_> = verdicts.iter().map(|v| (v.subject.as_str(), v.status)).collect();
        assert_eq!(
            seen,
            [
                ("/a.pem#expired-00112233", Status::Fail),
                ("/b.pem", Status::Error)
            ]
        );
    }

    #[test]
    fn an_endpoint_whose_chain_could_not_be_read_is_an_error() {
        let mut unread = endpoint();
        unread.error = Some("certificates: not finished".to_owned());
        let verdicts = verdicts(&CHECK, &host(vec![unread]), &Plan::default());
        assert_eq!(verdicts[0].status, Status::Error);
    }
}
