//! Checks: what the facts mean under the plan. Each is a pure function in a file of its own, with one line in
//! [`CHECKS`]: no clock, no I/O.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod access_abnormal;
mod access_monitoring;
mod antivirus_running;
mod antivirus_signatures;
mod assess;
mod check;
mod encryption_cipher;
#[cfg(test)]
mod encryption_examples;
mod encryption_subjects;
mod encryption_swap;
mod encryption_volumes;
mod endpoint_protection;
mod firewall_active;
mod firewall_outside_proof;
mod firewall_reachable_ports;
mod firewall_review;
mod ids_protection;
#[cfg(test)]
mod invariants;
pub mod logins;
mod logins_abnormal;
mod logins_drilled;
mod logins_monitoring;
mod mail_filtering;
mod patch_security_updates;
mod protection;
mod tls_certificates;
mod tls_cipher_suites;
mod tls_protocol_versions;
mod transfer_cleartext_services;
mod transfer_endpoints;
#[cfg(test)]
mod transfer_examples;
mod transfer_inward;
mod transfer_ssh;
mod transfer_tested;
mod waf_protection;

pub use access_monitoring::proposed_rule;
pub use assess::assess;
pub use check::{Check, Context, Verdict};

/// Every check that this version can run, in the order of the plan.
pub const CHECKS: &[Check] = &[
    encryption_volumes::CHECK,
    encryption_cipher::CHECK,
    encryption_swap::CHECK,
    tls_protocol_versions::CHECK,
    tls_cipher_suites::CHECK,
    tls_certificates::CHECK,
    transfer_cleartext_services::CHECK,
    transfer_ssh::CHECK,
    transfer_tested::CHECK,
    firewall_active::CHECK,
    firewall_reachable_ports::CHECK,
    firewall_outside_proof::CHECK,
    firewall_review::CHECK,
    waf_protection::CHECK,
    mail_filtering::CHECK,
    endpoint_protection::CHECK,
    ids_protection::CHECK,
    logins_monitoring::CHECK,
    logins_abnormal::CHECK,
    access_monitoring::CHECK,
    access_abnormal::CHECK,
    patch_security_updates::CHECK,
    antivirus_running::CHECK,
    antivirus_signatures::CHECK,
];

/// The check with this catalogue id.
#[must_use]
pub fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}
