//! A host that enrols and reports as an agent does.

use plumbline_config::Timestamp;
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::lang::Bilingual;
use plumbline_config::seal::{Sealer, sha256_hex};
use plumbline_config::state::StateSum;
use plumbline_config::wire::{
    Assessment, EnrollReply, EnrollRequest, FIRST_PREVIOUS, HostInfo, Os, PlanRef, Report, SIGNATURE_HEADER,
    Scope,
};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::{Client, Response, StatusCode};
use serde_json::json;

use crate::lab::Lab;

pub(crate) struct Host {
    pub(crate) reply: EnrollReply,
    pub(crate) key: KeyPair,
    pub(crate) client: Client,
}

impl Host {
    /// Enrols a new machine with a new token.
    pub(crate) async fn enrol(lab: &Lab) -> Self {
        let token = lab.service_token().await;
        let machine = sha256_hex(token.as_bytes());
        Self::enrol_as(lab, &token, &machine).await
    }

    /// Enrols this machine with this token.
    pub(crate) async fn enrol_as(lab: &Lab, token: &str, machine: &str) -> Self {
        let key = new_key();
        let response = ask_to_enrol(lab, &enrol_request(token, machine, &key)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let reply: EnrollReply = response.json().await.unwrap();
        let client = lab.client(Some((&reply.certificate_pem, &key)));
        Self { reply, key, client }
    }

    pub(crate) fn id(&self) -> &HostId {
        &self.reply.host_id
    }

    /// A report with one finding of this status.
    pub(crate) fn report(&self, sequence: u64, previous: &str, status: Status) -> Report {
        let now = Timestamp::now();
        let finding = Finding {
            check: "tls.protocol-versions".to_owned(),
            clause: "7.1.3".to_owned(),
            status,
            severity: Severity::High,
            subject: "tcp/[::]:443".to_owned(),
            summary: Bilingual {
                zh_tw: "摘要".to_owned(),
                en: "summary".to_owned(),
            },
            expected: json!("TLS 1.2"),
            actual: json!("TLS 1.0"),
            remediation: Bilingual::default(),
            evidence: json!({}),
            observed_at: now,
        };
        let plan = PlanRef {
            version: "1".to_owned(),
            sha256: "00".to_owned(),
        };
        let state = StateSum::of([&finding]).digest(&plan, "web-1", &Os::default());
        Report {
            incarnation: self.reply.incarnation,
            sequence,
            previous: previous.to_owned(),
            agent_version: "0.1.0".to_owned(),
            sealed_at: now,
            assessment: Some(Assessment {
                host: HostInfo {
                    id: Some(self.id().clone()),
                    name: "web-1".to_owned(),
                    role: Role::Service,
                    os: Os::default(),
                },
                plan,
                started_at: now,
                finished_at: now,
                checks: vec![finding.check.clone()],
                findings: vec![finding],
                scope: Scope::Checks,
                gone: Vec::new(),
                known_checks: None,
            }),
            state: Some(state),
            looked_age_seconds: Some(0),
            dropped_reports: 0,
        }
    }

    /// The body of the first report of this host.
    pub(crate) fn first(&self, status: Status) -> Vec<u8> {
        body(&self.report(1, FIRST_PREVIOUS, status))
    }

    pub(crate) fn seal(&self, body: &[u8]) -> String {
        Sealer::from_pkcs8(self.key.serialized_der())
            .unwrap()
            .seal(body)
            .unwrap()
    }

    /// Posts a body, sealed with the host's key.
    pub(crate) async fn post(&self, lab: &Lab, body: Vec<u8>) -> Response {
        let seal = self.seal(&body);
        post(lab, &self.client, body, &seal).await
    }
}

pub(crate) fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

pub(crate) fn csr(key: &KeyPair) -> String {
    CertificateParams::default()
        .serialize_request(key)
        .unwrap()
        .pem()
        .unwrap()
}

pub(crate) fn enrol_request(token: &str, machine: &str, key: &KeyPair) -> EnrollRequest {
    EnrollRequest {
        token: token.to_owned(),
        csr_pem: csr(key),
        name: "web-1".to_owned(),
        machine: machine.to_owned(),
        os: Os::default(),
        agent_version: "0.1.0".to_owned(),
    }
}

pub(crate) async fn ask_to_enrol(lab: &Lab, request: &EnrollRequest) -> Response {
    let url = lab.web_url("/agent/v1/enroll");
    lab.client(None).post(url).json(request).send().await.unwrap()
}

pub(crate) fn body(report: &Report) -> Vec<u8> {
    serde_json::to_vec(report).unwrap()
}

pub(crate) async fn post(lab: &Lab, client: &Client, body: Vec<u8>, seal: &str) -> Response {
    client
        .post(lab.agent_url("/agent/v1/reports"))
        .header("content-type", "application/json")
        .header(SIGNATURE_HEADER, seal)
        .body(body)
        .send()
        .await
        .unwrap()
}
