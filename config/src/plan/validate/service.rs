//! Faults in the thirteen measures of 7（1） or 7（3）.

use std::collections::HashSet;

use super::{Faults, outside_proof};
use crate::file::shorten;
use crate::plan::{AllowedPort, Measures, TlsVersion};

/// Key strengths that a cipher in use has, in bits.
const KEY_BITS: [u32; 3] = [128, 192, 256];

/// Kinds of characters that a password can be made of.
const MOST_CLASSES: u32 = 4;

pub(super) fn check(role: &str, measures: &Measures, faults: &mut Faults<'_>) {
    let key = |name: &str| format!("{role}.{name}");
    let bits = measures.encryption.minimum_key_bits;
    faults.add_if(
        !KEY_BITS.contains(&bits),
        &key("encryption.minimum_key_bits"),
        &format!("is {bits}; write 128, 192 or 256"),
    );
    let version = measures.transfer.minimum_tls;
    faults.add_if(
        version < TlsVersion::V1_0,
        &key("transfer.minimum_tls"),
        &format!("is {version}, which protects nothing; write \"TLSv1.2\" or \"TLSv1.3\""),
    );
    counts(role, measures, faults);
    for (index, target) in measures.backup.targets.iter().enumerate() {
        let path = key(&format!("backup.targets.{index}.location"));
        faults.add_if(target.location.trim().is_empty(), &path, "is empty; say where");
    }
    ports(role, &measures.intrusion.firewall.allowed_ports, faults);
    outside_proof::check(role, &measures.intrusion.firewall.outside_proof, faults);
    rules(role, measures, faults);
}

/// Numbers of which none would mean the opposite of what the measure is for.
fn counts(role: &str, measures: &Measures, faults: &mut Faults<'_>) {
    let logins = &measures.monitoring.logins;
    let password = &measures.authentication.password;
    for (name, count) in [
        (
            "monitoring.logins.brute_force_failures",
            logins.brute_force_failures,
        ),
        ("monitoring.logins.slow_failures", logins.slow_failures),
        (
            "monitoring.logins.distributed_failures",
            logins.distributed_failures,
        ),
        (
            "monitoring.logins.distributed_sources",
            logins.distributed_sources,
        ),
        ("monitoring.logins.spraying_users", logins.spraying_users),
        ("monitoring.logins.slow_users", logins.slow_users),
        (
            "monitoring.logins.escalation_failures",
            logins.escalation_failures,
        ),
        (
            "monitoring.logins.success_after_failures",
            logins.success_after_failures,
        ),
        (
            "monitoring.access.bulk_reads",
            measures.monitoring.access.bulk_reads,
        ),
        (
            "monitoring.access.bulk_factor",
            measures.monitoring.access.bulk_factor,
        ),
        (
            "monitoring.access.off_hours_reads",
            measures.monitoring.access.off_hours_reads,
        ),
        (
            "vulnerability.source_code_scans",
            measures.vulnerability.source_code_scans,
        ),
        ("authentication.password.minimum_length", password.minimum_length),
        (
            "authentication.password.lockout_failures",
            password.lockout_failures,
        ),
    ] {
        let fault = "is 0; write 1 or more, or switch the measure off with not_applicable = \"reason\"";
        faults.add_if(count == 0, &format!("{role}.{name}"), fault);
    }
    faults.add_if(
        password.minimum_classes > MOST_CLASSES,
        &format!("{role}.authentication.password.minimum_classes"),
        &format!("is {}; there are {MOST_CLASSES} kinds", password.minimum_classes),
    );
}

/// Most ports that a host may have open by name; a plan with more keeps nobody out.
const MOST_PORTS: usize = 1_000;

/// A port that two entries allow to the same networks: which of them counts?
fn ports(role: &str, allowed: &[AllowedPort], faults: &mut Faults<'_>) {
    if allowed.len() > MOST_PORTS {
        let list = format!("{role}.intrusion.firewall.allowed_ports");
        faults.add(
            &list,
            format!("`{list}` has over {MOST_PORTS} entries; write ranges such as \"tcp/8000-8010\""),
        );
        return;
    }
    for (index, port) in allowed.iter().enumerate() {
        if let Some(other) = allowed.iter().take(index).find(|other| overlap(port, other)) {
            faults.add(
                &format!("{role}.intrusion.firewall.allowed_ports.{index}.port"),
                format!(
                    "`{}` is already allowed to some of the same networks by the entry `{}` above; join the two",
                    port.port, other.port
                ),
            );
        }
    }
}

fn overlap(one: &AllowedPort, other: &AllowedPort) -> bool {
    let ports = one.port.transport == other.port.transport
        && one.port.first <= other.port.last
        && other.port.first <= one.port.last;
    let anywhere = one.from.is_empty() || other.from.is_empty();
    let networks = || {
        one.from
            .iter()
            .any(|a| other.from.iter().any(|b| a.contains(b) || b.contains(a)))
    };
    ports && (anywhere || networks())
}

/// Rules of item 13 are known by their names.
fn rules(role: &str, measures: &Measures, faults: &mut Faults<'_>) {
    let custom = &measures.custom;
    let mut rules: Vec<(&str, usize, &str)> = Vec::new();
    rules.extend(
        custom
            .files
            .iter()
            .enumerate()
            .map(|(i, r)| ("files", i, r.id.as_str())),
    );
    rules.extend(
        custom
            .permissions
            .iter()
            .enumerate()
            .map(|(i, r)| ("permissions", i, r.id.as_str())),
    );
    rules.extend(
        custom
            .packages
            .iter()
            .enumerate()
            .map(|(i, r)| ("packages", i, r.id.as_str())),
    );
    rules.extend(
        custom
            .units
            .iter()
            .enumerate()
            .map(|(i, r)| ("units", i, r.id.as_str())),
    );
    rules.extend(
        custom
            .sysctls
            .iter()
            .enumerate()
            .map(|(i, r)| ("sysctls", i, r.id.as_str())),
    );
    rules.extend(
        custom
            .ports
            .iter()
            .enumerate()
            .map(|(i, r)| ("ports", i, r.id.as_str())),
    );
    let mut known = HashSet::new();
    for (list, index, id) in rules {
        let path = format!("{role}.custom.{list}.{index}.id");
        if !is_name(id) {
            faults.add(
                &path,
                format!(
                    "`{}` is not a name for a rule; use 1 to 64 of the characters a-z, 0-9 and -",
                    shorten(id)
                ),
            );
        } else if !known.insert(id) {
            faults.add(
                &path,
                format!("the rule `{id}` stands twice; give each its own name"),
            );
        }
    }
    for (index, rule) in custom.files.iter().enumerate() {
        if rule.line.is_none() && rule.without.is_none() {
            faults.add(
                &format!("{role}.custom.files.{index}"),
                format!(
                    "the rule `{}` asks for nothing; give it `line` or `without`",
                    rule.id
                ),
            );
        }
    }
}

fn is_name(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}
