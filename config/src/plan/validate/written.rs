//! What holds for every key of a kind, wherever it stands: reasons, lengths of time, retention, paths, addresses.

use std::path::{Component, Path};

use toml::de::DeValue;

use super::Faults;
use crate::file::shorten;
use crate::interval::Interval;
use crate::plan::SHORTEST_RETENTION;

/// Ends of the names of keys that hold a length of time.
pub(in crate::plan) const INTERVAL_KEYS: &[&str] = &[
    "interval",
    "_age",
    "_after",
    "_for",
    "_period",
    "_notice",
    "retention",
    "within",
    "within_if_in_media",
];

/// Lengths of time that may be nothing: no notice, no grace.
const MAY_BE_ZERO: &[&str] = &["certificate_notice", "patch_within", "reboot_within"];

/// Ends of the names of keys that hold paths of a host.
const PATH_KEYS: &[&str] = &["path", "paths"];

/// Parts of 7（1） that the form does not ask of office equipment.
const SERVICE_ONLY: &[&str] = &[
    "systems",
    "kinds",
    "clouds",
    "transfer.verified_by",
    "vulnerability.source_code_scans",
];

/// Parts of 7（3） that the form does not ask of the systems run for customers.
const OFFICE_ONLY: &[&str] = &["intrusion.mail_filter", "intrusion.endpoint"];

pub(super) fn check(faults: &mut Faults<'_>) {
    for leaf in faults.places.leaves() {
        let name = leaf.key.rsplit('.').next().unwrap_or_default();
        let fault = match leaf.value {
            DeValue::String(text) => fault_in(name, text),
            DeValue::Array(list) => list
                .iter()
                .filter_map(|value| value.get_ref().as_str())
                .find_map(|text| fault_in(name, text)),
            _ => None,
        };
        if let Some(fault) = fault {
            faults.found.push((leaf.line, format!("`{}` {fault}", leaf.key)));
        }
        if faults.is_full() {
            return;
        }
    }
    for (role, other, keys) in [
        ("office", "service", SERVICE_ONLY),
        ("service", "office", OFFICE_ONLY),
    ] {
        for key in keys {
            let path = format!("{role}.{key}");
            if faults.places.has(&path) {
                faults.add(
                    &path,
                    format!("`{path}` is not in the form; it belongs to [{other}]"),
                );
            }
        }
    }
}

fn fault_in(name: &str, text: &str) -> Option<String> {
    if text.contains('\0') {
        return Some("holds a NUL character; remove it".to_owned());
    }
    if name == "not_applicable" && text.trim().is_empty() {
        return Some("is empty; give the reason, or leave the key out".to_owned());
    }
    if INTERVAL_KEYS.iter().any(|end| name.ends_with(end)) {
        return length_fault(name, text);
    }
    if PATH_KEYS.iter().any(|end| name.ends_with(end)) {
        return path_fault(text);
    }
    if name == "urls" && !(text.starts_with("https://") || text.starts_with("http://")) {
        return Some(format!(
            "holds `{text}`; write a whole address such as \"https://shop.example.com/\""
        ));
    }
    None
}

fn length_fault(name: &str, text: &str) -> Option<String> {
    let length: Interval = text.parse().ok()?;
    if length.nominal_seconds() == 0 && !MAY_BE_ZERO.contains(&name) {
        return Some(format!(
            "is {length}; write a length of time above nothing, such as \"6 months\""
        ));
    }
    if name == "retention" && SHORTEST_RETENTION.exceeds(length) {
        return Some(format!(
            "is {length}; the form asks for at least {SHORTEST_RETENTION}"
        ));
    }
    None
}

fn path_fault(text: &str) -> Option<String> {
    let path = Path::new(text);
    if !path.is_absolute() {
        return Some(format!(
            "holds `{}`; write the whole path, from / on",
            shorten(text)
        ));
    }
    path.components()
        .any(|part| part == Component::ParentDir)
        .then(|| format!("holds `{}`; write the path without `..`", shorten(text)))
}
