//! The API: what is no question, paging, and service discovery.

use plumbline_config::finding::Status;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::host::Host;
use crate::lab::{Lab, assert_problem};

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_token_opens_and_everything_else_is_a_problem() {
    let lab = Lab::start().await;
    let client = lab.client(None);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            client.get(lab.web_url(path)).send().await.unwrap().status(),
            StatusCode::OK
        );
    }
    for path in ["/metrics", "/api/v1/hosts", "/api/v1/openapi.json", "/anything"] {
        let response = client.get(lab.web_url(path)).send().await.unwrap();
        assert!(
            response.headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
        assert_problem(response, 401, "missing-token").await;
        let response = client
            .get(lab.web_url(path))
            .bearer_auth("pla_wrong")
            .send()
            .await
            .unwrap();
        assert_problem(response, 401, "invalid-token").await;
    }
    let basic = client
        .get(lab.web_url("/metrics"))
        .basic_auth("prometheus", Some(&lab.admin));
    assert_eq!(basic.send().await.unwrap().status(), StatusCode::OK);
    assert_problem(
        lab.request(Method::GET, "/anything").send().await.unwrap(),
        404,
        "not-found",
    )
    .await;
    let response = lab.request(Method::DELETE, "/api/v1/hosts").send().await.unwrap();
    assert_problem(response, 405, "method-not-allowed").await;

    let made = lab.json(&["apitoken", "create", "--role", "viewer", "--note", "prometheus"]);
    let get = || {
        client
            .get(lab.web_url("/api/v1/hosts"))
            .bearer_auth(made["token"].as_str().unwrap())
            .send()
    };
    assert_eq!(get().await.unwrap().status(), StatusCode::OK);
    lab.json(&["apitoken", "revoke", made["id"].as_str().unwrap()]);
    assert_problem(get().await.unwrap(), 401, "invalid-token").await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_can_not_be_meant_is_refused() {
    let lab = Lab::start().await;
    for query in [
        "limit=0",
        "limit=1001",
        "status=green",
        "severty=high",
        "cursor=!",
        "host=../x",
        "role=a",
    ] {
        let response = lab
            .request(Method::GET, &format!("/api/v1/findings?{query}"))
            .send()
            .await
            .unwrap();
        assert_problem(response, 400, "bad-request").await;
    }
    for path in ["/api/v1/hosts/h-none", "/api/v1/hosts/Bad%20Id"] {
        assert_problem(
            lab.request(Method::GET, path).send().await.unwrap(),
            404,
            "not-found",
        )
        .await;
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_turned_with_their_cursor() {
    let lab = Lab::start().await;
    for _ in 0..3 {
        let host = Host::enrol(&lab).await;
        assert_eq!(
            host.post(&lab, host.first(Status::Pass)).await.status(),
            StatusCode::OK
        );
    }
    for (path, list) in [("/api/v1/findings", "findings"), ("/api/v1/hosts", "hosts")] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = lab.get(&format!("{path}?limit=2{cursor}")).await;
            seen.extend(page[list].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), 3, "{path}");
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_finds_the_agents_that_say_where_they_are() {
    let lab = Lab::start().await;
    let token = lab
        .token(json!({"role": "service", "labels": {"metrics_port": "9464"}}))
        .await;
    let host = Host::enrol_as(&lab, &token, "").await;
    Host::enrol(&lab).await;
    let targets = lab.get("/api/v1/prometheus/targets").await;
    let labels = json!({"plumbline_host": host.id(), "plumbline_name": "web-1", "plumbline_role": "service"});
    assert_eq!(targets, json!([{"targets": ["web-1:9464"], "labels": labels}]));
    let all: Value = lab.get("/api/v1/prometheus/targets?port=9100").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_name_no_host_and_tell_of_the_process() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    assert_eq!(
        host.post(&lab, host.first(Status::Pass)).await.status(),
        StatusCode::OK
    );
    let metrics = lab.metrics().await;
    assert!(!metrics.contains(host.id().as_str()) && !metrics.contains("web-1"));
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "plumbline_http_request_duration_seconds_bucket{listener=\"agent\",method=\"POST\",route=\"/agent/v1/reports\"",
        "plumbline_hosts{role=\"office\",state=\"stale\"} 0",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    lab.stop().await;
}
