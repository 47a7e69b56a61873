//! What tests of several modules start from: a certificate authority, assessments.

use jiff::Timestamp;
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::Role;
use plumbline_config::wire::{Assessment, EnrollReply, HostInfo, Os, PlanRef, Scope};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::identity::Identity;

/// A CA that gives out identities.
pub(crate) struct Authority {
    pub(crate) ca: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "test CA");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self {
            ca: CertifiedIssuer::self_signed(parameters, key).unwrap(),
        }
    }

    pub(crate) fn identity(&self, host_id: &str, incarnation: u32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(Vec::new())
            .unwrap()
            .signed_by(&key, &self.ca)
            .unwrap();
        let reply = EnrollReply {
            host_id: host_id.parse().unwrap(),
            incarnation,
            role: Role::Service,
            certificate_pem: certificate.pem(),
            ca_pem: self.ca.pem(),
            agent_url: "https://localhost:1".to_owned(),
            plan_key: "00".repeat(32),
        };
        Identity::from_reply(reply, &key).unwrap()
    }
}

/// A finding of `check`.
pub(crate) fn finding(check: &str, status: Status) -> Finding {
    Finding {
        check: check.to_owned(),
        clause: "7.1.1".to_owned(),
        status,
        severity: Severity::Medium,
        subject: "host".to_owned(),
        summary: Default::default(),
        expected: serde_json::Value::Null,
        actual: serde_json::Value::Null,
        remediation: Default::default(),
        evidence: serde_json::json!({"padding": "x".repeat(100)}),
        observed_at: Timestamp::UNIX_EPOCH,
    }
}

/// An assessment in which `checks` ran and said `findings`.
pub(crate) fn assessment(checks: &[&str], findings: Vec<Finding>) -> Assessment {
    Assessment {
        host: HostInfo {
            id: None,
            name: "web1".to_owned(),
            role: Role::Service,
            os: Os::default(),
        },
        plan: PlanRef {
            version: "1".to_owned(),
            sha256: "0".repeat(64),
        },
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: Timestamp::UNIX_EPOCH,
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        findings,
        scope: Scope::Checks,
        gone: Vec::new(),
        known_checks: None,
    }
}
