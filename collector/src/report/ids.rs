//! Identifiers that the same thing has in every report: UUIDs of version 5 (RFC 9562, 5.5).

use plumbline_config::finding::Finding;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::model::Report;

/// The name space of all that Plumbline names.
const NAME_SPACE: [u8; 16] = [
    0x6f, 0x1c, 0x7c, 0x1e, 0x5d, 0x0a, 0x4b, 0x7e, 0x9b, 0x0a, 0x3f, 0x2d, 0x8c, 0x4e, 0x1a, 0x57,
];

/// Makes identifiers for one collector.
pub(super) struct Ids {
    /// Which collector: two of them may watch hosts of the same name.
    collector: String,
}

impl Ids {
    pub(super) fn new(report: &Report) -> Self {
        let ledger = report.ledger.as_ref();
        Self {
            collector: ledger.map_or_else(|| report.company.clone(), |ledger| ledger.origin.clone()),
        }
    }

    /// The identifier of what these parts name.
    pub(super) fn of(&self, parts: &[&str]) -> String {
        let mut name = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        name.update(&NAME_SPACE);
        for part in std::iter::once(self.collector.as_str()).chain(parts.iter().copied()) {
            // With its length before it, no part runs into the next.
            name.update(&(part.len() as u64).to_be_bytes());
            name.update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(name.finish().as_ref())
            .for_each(|(byte, of)| *byte = *of);
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
        *version = *version & 0x0f | 0x50;
        *variant = *variant & 0x3f | 0x80;
        let hex = hex::encode(bytes);
        let part = |range| hex.get(range).unwrap_or_default();
        [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
    }

    /// What was seen of a host at a moment.
    pub(super) fn observation(&self, host: &str, finding: &Finding) -> String {
        let at = finding.observed_at.to_string();
        self.of(&["observation", host, &finding.check, &finding.subject, &at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_a_uuid_of_version_5_and_no_two_names_share_one() {
        let ids = Ids {
            collector: "plumbline-ca-1a2b3c4d".to_owned(),
        };
        let one = ids.of(&["a", "bc"]);
        assert_eq!(one, ids.of(&["a", "bc"]));
        assert_ne!(one, ids.of(&["ab", "c"]));
        let places: Vec<usize> = one.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((one.len(), places), (36, vec![8, 13, 18, 23]));
        assert!(
            one[14..].starts_with('5') && "89ab".contains(&one[19..20]),
            "{one}"
        );
    }
}
