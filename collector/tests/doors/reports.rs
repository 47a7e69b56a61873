//! Reports that are let in.

use plumbline_config::finding::Status;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{Ack, RenewReply, SignedPlan};
use reqwest::{Method, StatusCode};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::json;

use crate::host::{Host, body, csr, new_key, post};
use crate::lab::{Lab, assert_problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_kept_once_and_seen_everywhere() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let first = host.first(Status::Fail);
    let ack: Ack = host.post(&lab, first.clone()).await.json().await.unwrap();
    assert_eq!((ack.sequence, ack.duplicate), (1, false));
    let again: Ack = host.post(&lab, first.clone()).await.json().await.unwrap();
    assert_eq!((again.sequence, again.duplicate), (1, true));

    let hosts = lab.get("/api/v1/hosts").await;
    assert_eq!(hosts["hosts"][0]["id"], host.id().as_str());
    assert_eq!(hosts["hosts"][0]["state"], "fresh");
    assert_eq!(
        (&hosts["hosts"][0]["reports"], &hosts["hosts"][0]["last_sequence"]),
        (&json!(1), &json!(1))
    );
    let findings = lab
        .get("/api/v1/findings?check=tls.protocol-versions&status=fail&role=service")
        .await;
    let finding = &findings["findings"][0];
    assert_eq!(
        (&finding["host"]["name"], &finding["status"]),
        (&json!("web-1"), &json!("fail"))
    );
    assert_eq!(finding["summary"]["zh-TW"], "摘要");
    assert_eq!(
        lab.get("/api/v1/findings?status=pass").await["findings"],
        json!([])
    );
    let fails = "plumbline_findings{check=\"tls.protocol-versions\",role=\"service\",severity=\"high\",status=\"fail\"}";
    assert_eq!(lab.metric(fails).await, 1);
    assert_eq!(
        lab.metric("plumbline_hosts{role=\"service\",state=\"fresh\"}")
            .await,
        1
    );
    assert_eq!(
        (lab.reports("kept").await, lab.reports("duplicate").await),
        (1, 1)
    );

    let second = body(&host.report(2, &sha256_hex(&first), Status::Pass));
    assert_eq!(host.post(&lab, second).await.status(), StatusCode::OK);
    assert_eq!(lab.metric(fails).await, 0);
    let detail = lab.get(&format!("/api/v1/hosts/{}", host.id())).await;
    assert_eq!(detail["findings"][0]["status"], "pass");
    let changes: Vec<_> = detail["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["change"].as_str().unwrap())
        .collect();
    assert_eq!(changes, ["changed", "opened"]);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hosts_at_once_are_all_kept() {
    let lab = Lab::start().await;
    let mut hosts = Vec::new();
    for _ in 0..8 {
        hosts.push(Host::enrol(&lab).await);
    }
    let posts = hosts.iter().map(|host| host.post(&lab, host.first(Status::Pass)));
    for response in futures_util::future::join_all(posts).await {
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(lab.reports("kept").await, 8);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart_of_the_store() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    assert_eq!(
        host.post(&lab, host.first(Status::Fail)).await.status(),
        StatusCode::OK
    );
    let database = lab.path("collector.db");
    let store = plumbline_collector::store::SqliteStore::open_read_only(&database).unwrap();
    use plumbline_collector::store::Store;
    assert_eq!(store.host(host.id()).unwrap().unwrap().last_sequence, 1);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_takes_over_and_the_old_key_still_seals() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let key = new_key();
    let request = json!({"csr_pem": csr(&key)});
    let url = lab.agent_url("/agent/v1/renew");
    let reply: RenewReply = host
        .client
        .post(url)
        .json(&request)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let renewed = lab.client(Some((&reply.certificate_pem, &key)));
    let first = host.first(Status::Pass);
    let response = post(&lab, &renewed, first.clone(), &host.seal(&first)).await;
    assert_eq!(
        response.status(),
        StatusCode::OK,
        "sealed before the key was renewed"
    );
    let url = lab.agent_url("/agent/v1/renew");
    let response = host
        .client
        .post(url)
        .json(&json!({"csr_pem": "x"}))
        .send()
        .await
        .unwrap();
    assert_problem(response, 422, "unsound-request").await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_is_handed_out_signed_and_only_when_it_changed() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let url = lab.agent_url("/agent/v1/plan");
    let plan: SignedPlan = host.client.get(&url).send().await.unwrap().json().await.unwrap();
    let key = hex::decode(&host.reply.plan_key).unwrap();
    let signature = hex::decode(&plan.signature).unwrap();
    UnparsedPublicKey::new(&ED25519, key)
        .verify(plan.toml.as_bytes(), &signature)
        .unwrap();
    assert_eq!(plan.sha256, sha256_hex(plan.toml.as_bytes()));
    let tag = format!("\"{}\"", plan.sha256);
    let response = host
        .client
        .get(&url)
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);

    let text = format!("{}\n# reviewed\n", plan.toml);
    let response = lab
        .request(Method::PUT, "/api/v1/plan")
        .body(text.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let ack: Ack = host
        .post(&lab, host.first(Status::Pass))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(ack.plan_sha256, Some(sha256_hex(text.as_bytes())));
    let response = host
        .client
        .get(&url)
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(response.json::<SignedPlan>().await.unwrap().toml, text);

    let bad = lab
        .request(Method::PUT, "/api/v1/plan")
        .body("versoin = \"1\"\n")
        .send()
        .await
        .unwrap();
    let problem = assert_problem(bad, 422, "unsound-plan").await;
    assert!(
        problem["detail"].as_str().unwrap().contains("`version`"),
        "{problem}"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_tls_session_is_the_same_host() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let first = host.first(Status::Pass);
    // No connection is kept, so each request makes its own and resumes the session of the one before.
    let client = lab.client_without_pool(Some((&host.reply.certificate_pem, &host.key)));
    for duplicate in [false, true, true] {
        let response = post(&lab, &client, first.clone(), &host.seal(&first)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.json::<Ack>().await.unwrap().duplicate, duplicate);
    }
    assert_eq!(lab.json(&["revoke", host.id().as_str()])["revoked"], true);
    let response = post(&lab, &client, first.clone(), &host.seal(&first)).await;
    assert_problem(response, 403, "revoked").await;
    lab.stop().await;
}
