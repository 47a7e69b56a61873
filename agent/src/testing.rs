//! A certificate authority for tests.

use plumbline_config::ident::Role;
use plumbline_config::wire::EnrollReply;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

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
