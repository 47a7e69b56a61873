//! Reports that are not let in: each with a problem document that names the reason, counted under it, nothing stored.

use std::time::Duration;

use plumbline_config::finding::Status;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{FIRST_PREVIOUS, LARGEST_REPORT, SIGNATURE_HEADER};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::host::{Host, body, new_key, post};
use crate::lab::{Lab, assert_problem};

/// Seconds in a day.
const DAY: u64 = 86_400;

/// A client whose certificate has this name and begins and ends these days from now, by this issuer.
fn client_of(lab: &Lab, name: &str, days: (i64, i64), issuer: &Issuer<'_, KeyPair>) -> (Client, KeyPair) {
    let key = new_key();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let at = |days: i64| {
        let seconds = now.saturating_add_signed(days * i64::try_from(DAY).unwrap());
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    (params.not_before, params.not_after) = (at(days.0), at(days.1));
    let pem = params.signed_by(&key, issuer).unwrap().pem();
    (lab.client(Some((&pem, &key))), key)
}

fn our_ca(lab: &Lab) -> Issuer<'static, KeyPair> {
    Issuer::from_ca_cert_pem(&lab.ca_pem(), lab.ca_key()).unwrap()
}

/// Posts through `client` and asserts that it is refused, counted, and leaves nothing.
async fn assert_refused(
    lab: &Lab,
    host: &Host,
    client: &Client,
    body: Vec<u8>,
    status: u16,
    kind: &str,
) -> Value {
    let seal = host.seal(&body);
    assert_refused_sealed(lab, host, client, body, &seal, status, kind).await
}

async fn assert_refused_sealed(
    lab: &Lab,
    host: &Host,
    client: &Client,
    body: Vec<u8>,
    seal: &str,
    status: u16,
    kind: &str,
) -> Value {
    let detail = format!("/api/v1/hosts/{}", host.id());
    let before = lab.get(&detail).await;
    let counted = lab.reports(kind).await;
    let problem = assert_problem(post(lab, client, body, seal).await, status, kind).await;
    assert_eq!(lab.reports(kind).await, counted + 1, "{kind} is counted");
    let after = lab.get(&detail).await;
    for part in ["reports", "last_sequence", "heard_at"] {
        assert_eq!(after["host"][part], before["host"][part], "{kind} leaves nothing");
    }
    assert_eq!(
        after["findings"].as_array().unwrap().len(),
        before["findings"].as_array().unwrap().len()
    );
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_opens_nothing_is_named_for_what_it_is() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let first = || host.first(Status::Pass);
    let name = host.id().as_str();
    assert_refused(
        &lab,
        &host,
        &lab.client(None),
        first(),
        401,
        "missing-certificate",
    )
    .await;

    let other_key = new_key();
    let mut other_ca = CertificateParams::default();
    other_ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let other = Issuer::new(other_ca, other_key);
    let (client, _) = client_of(&lab, name, (-1, 1), &other);
    assert_refused(&lab, &host, &client, first(), 401, "unknown-ca").await;
    let ours = our_ca(&lab);
    let (client, _) = client_of(&lab, name, (-9, -1), &ours);
    assert_refused(&lab, &host, &client, first(), 401, "expired-certificate").await;
    let (client, _) = client_of(&lab, name, (1, 9), &ours);
    assert_refused(&lab, &host, &client, first(), 401, "not-yet-valid").await;
    let (client, _) = client_of(&lab, name, (-1, 1), &ours);
    assert_refused(&lab, &host, &client, first(), 401, "not-on-record").await;
    let (client, _) = client_of(&lab, "No Host Id", (-1, 1), &ours);
    assert_refused(&lab, &host, &client, first(), 401, "malformed-certificate").await;
    assert_eq!(
        host.post(&lab, first()).await.status(),
        StatusCode::OK,
        "the host itself is let in"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_host_is_refused_on_the_connection_it_has() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let first = host.first(Status::Pass);
    assert_eq!(host.post(&lab, first.clone()).await.status(), StatusCode::OK);
    assert_eq!(lab.json(&["revoke", host.id().as_str()])["revoked"], true);
    let second = body(&host.report(2, &sha256_hex(&first), Status::Pass));
    assert_refused(&lab, &host, &host.client, second, 403, "revoked").await;
    assert_eq!(
        lab.metric("plumbline_hosts{role=\"service\",state=\"revoked\"}")
            .await,
        1
    );
    assert_eq!(
        lab.get("/api/v1/findings?status=pass").await["findings"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        lab.get("/api/v1/findings?status=stale").await["findings"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reinstalled_host_goes_on_and_its_old_identity_does_not() {
    let lab = Lab::start().await;
    let token = lab.token(serde_json::json!({"role": "service", "uses": 2})).await;
    let machine = sha256_hex(b"machine");
    let old = Host::enrol_as(&lab, &token, &machine).await;
    assert_eq!(
        old.post(&lab, old.first(Status::Pass)).await.status(),
        StatusCode::OK
    );
    let new = Host::enrol_as(&lab, &token, &machine).await;
    assert_eq!((new.id(), new.reply.incarnation), (old.id(), 2));
    assert_refused(
        &lab,
        &old,
        &old.client,
        old.first(Status::Pass),
        403,
        "superseded",
    )
    .await;
    let mut stale = new.report(1, FIRST_PREVIOUS, Status::Pass);
    stale.incarnation = 1;
    assert_refused(&lab, &new, &new.client, body(&stale), 422, "wrong-incarnation").await;
    assert_eq!(
        new.post(&lab, new.first(Status::Pass)).await.status(),
        StatusCode::OK
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_the_hosts_own_is_refused() {
    let lab = Lab::start().await;
    let (host, other) = (Host::enrol(&lab).await, Host::enrol(&lab).await);
    let first = || host.first(Status::Pass);

    let claims = other.first(Status::Pass);
    assert_refused(&lab, &host, &host.client, claims.clone(), 422, "wrong-host").await;
    let seal = other.seal(&claims);
    assert_refused_sealed(&lab, &host, &host.client, claims, &seal, 422, "bad-signature").await;
    let mut altered = first();
    let seal = host.seal(&altered);
    altered.push(b' ');
    assert_refused_sealed(&lab, &host, &host.client, altered, &seal, 422, "bad-signature").await;
    assert_refused_sealed(&lab, &host, &host.client, first(), "zz", 422, "bad-signature").await;

    let mut report = host.report(1, FIRST_PREVIOUS, Status::Pass);
    report.assessment.as_mut().unwrap().host.role = plumbline_config::ident::Role::Office;
    assert_refused(&lab, &host, &host.client, body(&report), 422, "wrong-role").await;
    assert_refused(
        &lab,
        &host,
        &host.client,
        host.first(Status::Waived),
        422,
        "unsound-report",
    )
    .await;
    assert_refused(
        &lab,
        &host,
        &host.client,
        b"{\"incarnation\": 1,".to_vec(),
        400,
        "bad-json",
    )
    .await;
    assert_refused(&lab, &host, &host.client, b"[".repeat(100_000), 400, "bad-json").await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_or_of_another_kind_is_refused() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let large = vec![b' '; LARGEST_REPORT + 1];
    assert_refused(&lab, &host, &host.client, large, 413, "too-large").await;
    let first = host.first(Status::Pass);
    let request = host
        .client
        .post(lab.agent_url("/agent/v1/reports"))
        .header(SIGNATURE_HEADER, host.seal(&first));
    let response = request
        .header("content-type", "text/plain")
        .body(first)
        .send()
        .await
        .unwrap();
    assert_problem(response, 415, "unsupported-media-type").await;
    assert_eq!(lab.reports("unsupported-media-type").await, 1);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_out_of_its_place_is_refused() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let first = host.first(Status::Pass);
    assert_eq!(host.post(&lab, first.clone()).await.status(), StatusCode::OK);
    let other = host.first(Status::Fail);
    let problem = assert_refused(&lab, &host, &host.client, other, 409, "fork").await;
    assert_eq!(problem["last_sequence"], 1);
    let mut later = host.report(4, &sha256_hex(&first), Status::Pass);
    let problem = assert_refused(&lab, &host, &host.client, body(&later), 409, "gap").await;
    assert_eq!(problem["last_sequence"], 1);
    assert_eq!(lab.get("/api/v1/hosts").await["hosts"][0]["forks"], 1);
    later.dropped_reports = 2;
    assert_eq!(
        host.post(&lab, body(&later)).await.status(),
        StatusCode::OK,
        "a gap that is named is taken"
    );
    assert_eq!(lab.get("/api/v1/hosts").await["hosts"][0]["missing_reports"], 2);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_enrolment_and_health_is_open_at_the_agents_door() {
    let lab = Lab::start().await;
    let client = lab.client(None);
    let health = client.get(lab.agent_url("/healthz")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    for (method, path) in [
        (Method::GET, "/agent/v1/plan"),
        (Method::POST, "/agent/v1/renew"),
        (Method::GET, "/api/v1/hosts"),
        (Method::GET, "/metrics"),
        (Method::GET, "/nothing"),
    ] {
        let response = client.request(method, lab.agent_url(path)).send().await.unwrap();
        assert_problem(response, 401, "missing-certificate").await;
    }
    lab.stop().await;
}
