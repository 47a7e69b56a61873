//! Which files of evidence records name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::digest::Digest;
use super::vault::Kept;
use crate::store::{Family, Store, StoreError};

/// Records read at once.
const PAGE: usize = 1_000;

/// The files of evidence that the body of a record names. A body that is no JSON names none; that it is damaged is for
/// the audit to say.
pub(crate) fn files_in(body: &str) -> Vec<Kept> {
    let mut files = Vec::new();
    if let Ok(body) = serde_json::from_str(body) {
        walk(&body, &mut files);
    }
    files
}

fn walk(value: &Value, files: &mut Vec<Kept>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, files)),
        Value::Object(members) => {
            let sha256 = members
                .get("sha256")
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok());
            let size = members.get("size").and_then(Value::as_u64);
            if let (Some(sha256), Some(size), true) = (sha256, size, members.contains_key("media_type")) {
                files.push(Kept { sha256, size });
            }
            members.values().for_each(|value| walk(value, files));
        }
        _ => {}
    }
}

/// Every file of evidence that a record of the store names, those of what was taken back included, in the order of their
/// hashes.
pub(crate) fn files_on_record(store: &dyn Store) -> Result<Vec<Kept>, StoreError> {
    let mut files: BTreeMap<Digest, Kept> = BTreeMap::new();
    for family in Family::ALL {
        // Days name none, and are most of the records.
        if family == Family::Day {
            continue;
        }
        let mut after = 0;
        loop {
            let page = store.records(family, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.act;
            let named = page.iter().flat_map(|record| files_in(&record.body));
            files.extend(named.map(|kept| (kept.sha256, kept)));
        }
    }
    Ok(files.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_wherever_a_record_names_them() {
        let file = |digit: &str, size: u64| serde_json::json!({"name": "a.pdf", "media_type": "application/pdf", "size": size, "sha256": digit.repeat(64)});
        let body = serde_json::json!({
            "step": "give", "files": [file("a", 1), file("b", 2)], "details": {"deeper": [{"file": file("c", 3)}]},
            "plan": {"sha256": "d".repeat(64)}, "odd": {"sha256": "e", "size": 1, "media_type": "x"},
        });
        let sizes: Vec<u64> = files_in(&body.to_string()).iter().map(|file| file.size).collect();
        assert_eq!(sizes.len(), 3);
        assert_eq!(sizes.iter().sum::<u64>(), 6);
        assert!(files_in("{").is_empty());
        assert!(files_in(&"[".repeat(100_000)).is_empty());
    }
}
