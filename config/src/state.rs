//! The digest of a host's state: all its findings, the plan they were judged by, and what the host says of itself.
//!
//! Both sides keep it step by step, so it costs what changed and not what there is. The findings' part is a sum, modulo
//! 2^256, of one SHA-256 for each finding: adding, taking away and the order of either are free. It tells a lost or
//! doubled change; it is no defence against the host itself, which could as well lie in the findings.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};

use crate::finding::Finding;
use crate::wire::{Os, PlanRef};

/// The hash of one finding. When it was observed is left out: a finding that was only looked at again is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingHash([u8; 32]);

impl FindingHash {
    /// Hashes a finding.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        // Named one by one: a member that a newer agent adds must not make it differ from an older collector for ever.
        let said = (
            (&finding.check, &finding.subject, &finding.clause),
            (finding.status, finding.severity),
            (&finding.summary, &finding.remediation),
            (&finding.expected, &finding.actual, &finding.evidence),
        );
        let bytes = serde_json::to_vec(&said).unwrap_or_default();
        let mut hash = [0; 32];
        hash.copy_from_slice(ring::digest::digest(&SHA256, &bytes).as_ref());
        Self(hash)
    }

    /// The bytes, for keeping.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for FindingHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// One finding for each check and subject: where a host names one twice, the one of more concern stands.
#[must_use]
pub fn distinct(findings: &[Finding]) -> BTreeMap<(&str, &str), &Finding> {
    distinct_places(findings)
        .into_iter()
        .filter_map(|(key, place)| Some((key, findings.get(place)?)))
        .collect()
}

/// The places of those that are [`distinct`].
#[must_use]
pub fn distinct_places(findings: &[Finding]) -> BTreeMap<(&str, &str), usize> {
    let mut distinct: BTreeMap<(&str, &str), (usize, &Finding)> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        let worst = distinct
            .entry((&finding.check, &finding.subject))
            .or_insert((place, finding));
        if finding.status.concern() > worst.1.status.concern() {
            *worst = (place, finding);
        }
    }
    let places = distinct.into_iter().map(|(key, (place, _))| (key, place));
    places.collect()
}

/// The sum over a set of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSum([u8; 32]);

impl StateSum {
    /// The sum of these findings.
    pub fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut sum = Self::default();
        for finding in findings {
            sum.add(&FindingHash::of(finding));
        }
        sum
    }

    /// A finding comes into the set.
    pub fn add(&mut self, hash: &FindingHash) {
        let mut carry = 0_u16;
        for (digit, more) in self.0.iter_mut().zip(hash.0) {
            let sum = u16::from(*digit) + u16::from(more) + carry;
            [*digit, _] = sum.to_le_bytes();
            carry = sum >> 8;
        }
    }

    /// A finding leaves the set.
    pub fn remove(&mut self, hash: &FindingHash) {
        let mut borrow = 0_u16;
        for (digit, less) in self.0.iter_mut().zip(hash.0) {
            let difference = 0x100 + u16::from(*digit) - u16::from(less) - borrow;
            [*digit, _] = difference.to_le_bytes();
            borrow = 1 - (difference >> 8);
        }
    }

    /// The bytes, for keeping.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of the whole state, in hexadecimal.
    #[must_use]
    pub fn digest(&self, plan: &PlanRef, name: &str, os: &Os) -> String {
        let mut context = Context::new(&SHA256);
        context.update(&self.0);
        let members = [
            &plan.version,
            &plan.sha256,
            name,
            &os.id,
            &os.version,
            &os.name,
            &os.kernel,
            &os.architecture,
        ];
        for member in members {
            context.update(&(member.len() as u64).to_le_bytes());
            context.update(member.as_bytes());
        }
        hex::encode(context.finish())
    }
}

impl From<[u8; 32]> for StateSum {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn finding(subject: &str, evidence: Value) -> Finding {
        serde_json::from_value(json!({
            "check": "tls.protocol-versions", "clause": "7.1.3", "status": "pass", "severity": "high",
            "subject": subject, "summary": {"zh-TW": "", "en": ""}, "expected": null, "actual": null,
            "remediation": {"zh-TW": "", "en": ""}, "evidence": evidence, "observed_at": "2026-10-01T00:00:00Z"
        }))
        .unwrap()
    }

    fn hash(bytes: [u8; 32]) -> FindingHash {
        FindingHash::from(bytes)
    }

    proptest! {
        #[test]
        fn what_comes_and_goes_leaves_the_sum_as_it_was(
            stay in proptest::collection::vec(any::<[u8; 32]>(), 0..8),
            pass in proptest::collection::vec(any::<[u8; 32]>(), 0..8),
        ) {
            let mut plain = StateSum::default();
            stay.iter().for_each(|bytes| plain.add(&hash(*bytes)));
            let mut sum = StateSum::default();
            pass.iter().for_each(|bytes| sum.add(&hash(*bytes)));
            stay.iter().rev().for_each(|bytes| sum.add(&hash(*bytes)));
            pass.iter().for_each(|bytes| sum.remove(&hash(*bytes)));
            prop_assert_eq!(sum, plain);
        }

        #[test]
        fn a_finding_that_went_over_the_wire_has_the_same_hash(subject in ".*", number in any::<f64>(), whole in any::<u64>()) {
            let sent = finding(&subject, json!({"number": number, "whole": whole, "b": 1, "a": [subject.clone()]}));
            let received: Finding = serde_json::from_slice(&serde_json::to_vec(&sent).unwrap()).unwrap();
            prop_assert_eq!(FindingHash::of(&sent), FindingHash::of(&received));
        }
    }

    #[test]
    fn only_what_is_said_counts_and_not_when_it_was_observed() {
        let one = finding("a", json!({}));
        let later = Finding {
            observed_at: Timestamp::UNIX_EPOCH,
            ..one.clone()
        };
        assert_eq!(FindingHash::of(&one), FindingHash::of(&later));
        assert_ne!(FindingHash::of(&one), FindingHash::of(&finding("b", json!({}))));
        assert_ne!(StateSum::of([&one]), StateSum::of([&one, &one]));
    }

    #[test]
    fn the_plan_and_the_host_are_part_of_the_state() {
        let sum = StateSum::default();
        let plan = |sha256: &str| PlanRef {
            version: "1".to_owned(),
            sha256: sha256.to_owned(),
        };
        let os = Os::default();
        let digest = sum.digest(&plan("a"), "web", &os);
        assert_eq!(digest, sum.digest(&plan("a"), "web", &os));
        assert_ne!(digest, sum.digest(&plan("b"), "web", &os));
        assert_ne!(digest, sum.digest(&plan("a"), "web2", &os));
        let newer = Os {
            kernel: "7".to_owned(),
            ..os
        };
        assert_ne!(digest, sum.digest(&plan("a"), "web", &newer));
    }
}
