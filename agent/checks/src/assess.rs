//! From verdicts to findings: the catalogue's clause, severity and remedy are stamped on.

use plumbline_config::catalogue;
use plumbline_config::finding::Finding;
use plumbline_config::lang::Bilingual;
use plumbline_config::message::Message;
use plumbline_config::wire::MOST_FINDINGS_PER_CHECK;
use plumbline_facts::Facts;

use crate::check::{Check, Context, Verdict};

/// Judges `facts` by each of `checks`. A check whose clause does not exist for the role gives nothing; every other
/// gives at least one finding.
#[must_use]
pub fn assess<'c>(
    checks: impl IntoIterator<Item = &'c Check>,
    facts: &Facts,
    context: &Context<'_>,
) -> Vec<Finding> {
    checks
        .into_iter()
        .flat_map(|check| findings(check, facts, context))
        .collect()
}

fn findings(check: &Check, facts: &Facts, context: &Context<'_>) -> Vec<Finding> {
    let Some(entry) = catalogue::check(check.id) else {
        return Vec::new();
    };
    let Some(clause) = entry.clause(context.role) else {
        return Vec::new();
    };
    let mut verdicts = verdicts(check, facts, context);
    if verdicts.len() > MOST_FINDINGS_PER_CHECK {
        let left_out = verdicts.len() - MOST_FINDINGS_PER_CHECK + 1;
        // Worst first, so that what is cut off is what matters least.
        verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.status.concern()));
        verdicts.truncate(MOST_FINDINGS_PER_CHECK - 1);
        verdicts.push(Verdict::error(
            Verdict::HOST,
            Message::new("check-findings-cut").number("count", left_out),
        ));
    }
    let stamp = |verdict: Verdict| Finding {
        check: check.id.to_owned(),
        clause: clause.to_owned(),
        status: verdict.status,
        severity: verdict.severity.unwrap_or(entry.severity),
        subject: verdict.subject,
        summary: verdict.message.render(),
        expected: verdict.expected,
        actual: verdict.actual,
        remediation: remediation(verdict.remedy.as_ref(), &entry.remedy),
        evidence: verdict.evidence,
        observed_at: context.now,
    };
    verdicts.into_iter().map(stamp).collect()
}

/// What is said of the subject itself, and then of all of its kind.
fn remediation(of_subject: Option<&Message>, of_all: &Bilingual) -> Bilingual {
    let Some(of_subject) = of_subject.map(Message::render) else {
        return of_all.clone();
    };
    Bilingual {
        zh_tw: of_subject.zh_tw + &of_all.zh_tw,
        en: format!("{} {}", of_subject.en, of_all.en),
    }
}

fn verdicts(check: &Check, facts: &Facts, context: &Context<'_>) -> Vec<Verdict> {
    if let Some(reason) = &context.measures().not_applicable {
        return vec![Verdict::switched_off(reason)];
    }
    match (check.judge)(facts, context) {
        Ok(verdicts) if verdicts.is_empty() => {
            // A check that looked and has nothing to say must say that: silence is never green.
            vec![Verdict::error(Verdict::HOST, Message::new("check-said-nothing"))]
        }
        Ok(verdicts) => verdicts,
        Err(unknown) => vec![Verdict::unknown(Verdict::HOST, &unknown)],
    }
}
