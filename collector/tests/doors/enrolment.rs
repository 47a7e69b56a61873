//! Enrolment: a token and a key for an identity, and what is refused.

use plumbline_config::wire::EnrollReply;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::host::{Host, ask_to_enrol, csr, enrol_request, new_key};
use crate::lab::{Lab, assert_problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_made_on_the_command_line_enrols_at_either_door() {
    let lab = Lab::start().await;
    let made = lab.json(&[
        "token",
        "create",
        "--role",
        "office",
        "--uses",
        "2",
        "--label",
        "site=taipei",
    ]);
    let token = made["token"].as_str().unwrap();
    let host = Host::enrol_as(&lab, token, "").await;
    assert_eq!(host.reply.role.name(), "office");
    assert_eq!(host.reply.ca_pem, lab.ca_pem());
    assert!(
        lab.agent_url("").starts_with(&host.reply.agent_url),
        "{}",
        host.reply.agent_url
    );
    let request = enrol_request(token, "", &new_key());
    let url = lab.agent_url("/agent/v1/enroll");
    let response = lab.client(None).post(url).json(&request).send().await.unwrap();
    let reply: EnrollReply = response.json().await.unwrap();
    assert_ne!(reply.host_id, *host.id());
    assert_eq!(
        lab.get("/api/v1/hosts").await["hosts"][0]["labels"],
        json!({"site": "taipei"})
    );
    let tokens = lab.get("/api/v1/enrolment-tokens").await;
    assert_eq!(tokens["tokens"][0]["used"], 2);
    assert!(!tokens.to_string().contains(token), "a token is shown once");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_opens_nothing_is_refused() {
    let lab = Lab::start().await;
    let token = lab.service_token().await;
    let key = new_key();
    let request = enrol_request(&token, "", &key);
    let first: EnrollReply = ask_to_enrol(&lab, &request).await.json().await.unwrap();
    let again: EnrollReply = ask_to_enrol(&lab, &request).await.json().await.unwrap();
    assert_eq!(
        again.host_id, first.host_id,
        "a lost answer can be asked for again, with the same key"
    );
    let other_key = ask_to_enrol(&lab, &enrol_request(&token, "", &new_key())).await;
    assert_problem(other_key, 401, "invalid-token").await;
    let unknown = ask_to_enrol(&lab, &enrol_request("ple_unknown", "", &key)).await;
    assert_problem(unknown, 401, "invalid-token").await;
    assert_eq!(
        lab.get("/api/v1/hosts").await["hosts"].as_array().unwrap().len(),
        1
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_can_not_be_meant_spends_no_token() {
    let lab = Lab::start().await;
    let token = lab.service_token().await;
    let sound = json!({"token": token, "csr_pem": csr(&new_key()), "name": "web", "machine": "", "agent_version": "1",
        "os": {"id": "", "version": "", "name": "", "kernel": "", "architecture": ""}});
    for (member, value) in [
        ("csr_pem", json!("no PEM")),
        ("name", json!("")),
        ("name", json!("a\u{7}")),
        ("machine", json!("not a hash")),
        ("token", json!("x".repeat(1_000))),
    ] {
        let mut unsound = sound.clone();
        unsound[member] = value;
        let url = lab.web_url("/agent/v1/enroll");
        let response = lab.client(None).post(url).json(&unsound).send().await.unwrap();
        assert_problem(response, 422, "unsound-request").await;
    }
    let url = lab.web_url("/agent/v1/enroll");
    let response = lab
        .client(None)
        .post(&url)
        .json(&json!({"token": 1}))
        .send()
        .await
        .unwrap();
    assert_problem(response, 400, "bad-json").await;
    let response = lab
        .client(None)
        .post(&url)
        .json(&json!({"x": "y".repeat(100_000)}))
        .send()
        .await
        .unwrap();
    assert_problem(response, 413, "too-large").await;
    assert_eq!(
        lab.client(None)
            .post(&url)
            .json(&sound)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down() {
    let lab = Lab::start().await;
    let key = new_key();
    let client = lab.client(None);
    let request = enrol_request("ple_guess", "", &key);
    for _ in 0..200 {
        let response = client
            .post(lab.web_url("/agent/v1/enroll"))
            .json(&request)
            .send()
            .await
            .unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(response.headers().contains_key("retry-after"));
            let problem: Value = assert_problem(response, 429, "too-many-failures").await;
            assert_eq!(problem["detail"], "wait, then try again");
            return lab.stop().await;
        }
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    panic!("never slowed down");
}
