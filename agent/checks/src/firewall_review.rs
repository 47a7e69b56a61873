//! `firewall.review`: the rules have been changed within the declared interval. That they were gone through and left as
//! they are, only a person can say: the finding is `manual`, and an attestation that is not older than the interval
//! answers it on the checklist.

use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};

pub(crate) const CHECK: Check = Check {
    id: "firewall.review",
    needs: &[ProbeId::Firewall],
    judge,
    #[cfg(test)]
    examples,
};

/// Most changes kept in the evidence.
const MOST_CHANGES: usize = 12;

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().intrusion.firewall;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let firewall = facts.firewall.value()?;
    let Some(review) = &firewall.review else {
        return Err(Unknown::NotAsked("the history of the rules".to_owned()));
    };
    if !firewall.ruleset.filters() {
        let message = Message::new("firewall-review-none");
        return Ok(vec![Verdict::fail(Verdict::HOST, message)]);
    }
    let limit = plan.update_interval;
    let is_young = |at: Timestamp| context.now.duration_since(at).as_secs() <= limit.nominal_seconds();
    let file = review.file.as_ref();
    let last = review.changed_at.into_iter().chain(file.map(|(_, at)| *at)).max();
    let said = |key, at: Timestamp| {
        Message::new(key)
            .arg("date", at)
            .bilingual("limit", limit.words())
    };
    let verdict = match (last, review.watched_since) {
        (Some(at), _) if is_young(at) => Verdict::pass(Verdict::HOST, said("firewall-review-changed", at)),
        (Some(at), _) => Verdict::manual(Verdict::HOST, said("firewall-review-old", at)),
        (None, Some(since)) if !is_young(since) => {
            Verdict::manual(Verdict::HOST, said("firewall-review-unchanged", since))
        }
        (None, since) => {
            let since = since.unwrap_or(context.now);
            Verdict::manual(Verdict::HOST, said("firewall-review-unknown", since))
        }
    };
    let recent: Vec<_> = review.changes.iter().rev().take(MOST_CHANGES).collect();
    Ok(vec![
        verdict
            .compared(
                json!({ "update_interval": limit }),
                json!({ "changed_at": last, "watched_since": review.watched_since }),
            )
            .evidence(json!({
                "sha256": review.sha256,
                "file": file.map(|(path, at)| json!({ "path": path, "changed_at": at })),
                "changes": recent.iter().map(|(at, hash)| json!({ "at": at, "sha256": hash })).collect::<Vec<_>>(),
            })),
    ])
}

#[cfg(test)]
fn reviewed(changed_at: Option<&str>, watched_since: &str, file: Option<&str>) -> Facts {
    use plumbline_facts::Known;
    use plumbline_facts::firewall::{FirewallFacts, Review};

    use crate::firewall_active::tests::{SSH, ruleset};

    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    Facts {
        firewall: Known::Value(FirewallFacts {
            review: Some(Review {
                sha256: "00".repeat(32),
                changed_at: changed_at.map(at),
                watched_since: Some(at(watched_since)),
                file: file.map(|changed| ("/etc/nftables.conf".to_owned(), at(changed))),
                changes: Vec::new(),
            }),
            ..ruleset("inet", "drop", &[SSH])
        }),
        ..Facts::default()
    }
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::firewall::{FirewallFacts, Review};

    crate::check::Examples {
        passing: (
            reviewed(Some("2026-09-01T00:00:00Z"), "2026-01-01T00:00:00Z", None),
            Plan::default(),
        ),
        failing: (
            Facts {
                firewall: Known::Value(FirewallFacts {
                    review: Some(Review::default()),
                    ..FirewallFacts::default()
                }),
                ..Facts::default()
            },
            Plan::default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;

    use super::*;
    use crate::encryption_examples::verdicts;

    #[test]
    fn the_last_change_that_is_known_counts() {
        let judged = |changed, since, file| {
            let (_, status, key) =
                verdicts(&CHECK, &reviewed(changed, since, file), &Plan::default()).remove(0);
            (status, key)
        };
        let (old, young) = ("2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z");
        assert_eq!(
            judged(Some(young), old, Some(old)),
            (Status::Pass, "firewall-review-changed")
        );
        assert_eq!(
            judged(None, young, Some(young)),
            (Status::Pass, "firewall-review-changed")
        );
        assert_eq!(
            judged(Some(old), old, None),
            (Status::Manual, "firewall-review-old")
        );
        // Watched for longer than the interval without a change; or not long enough to tell.
        assert_eq!(
            judged(None, old, None),
            (Status::Manual, "firewall-review-unchanged")
        );
        assert_eq!(
            judged(None, young, None),
            (Status::Manual, "firewall-review-unknown")
        );
    }
}
