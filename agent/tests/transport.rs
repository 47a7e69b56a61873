//! Enrolment and delivery over real TLS on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Collector, Instead, TOKEN};
use plumbline_agent::identity::Identity;
use plumbline_agent::identity::enroll::{About, EnrollError, enroll};
use plumbline_agent::transport::{Client, ClientError, Pin};
use plumbline_config::wire::{FIRST_PREVIOUS, Report};
use serde_json::json;

async fn enrol(collector: &Collector) -> Identity {
    let pin: Pin = collector.ca_sha256().parse().unwrap();
    let about = About {
        name: "web1".to_owned(),
        ..About::default()
    };
    enroll(&collector.url(), TOKEN, pin, about, None).await.unwrap()
}

fn body(identity: &Identity, sequence: u64) -> Vec<u8> {
    serde_json::to_vec(&Report {
        incarnation: identity.incarnation(),
        sequence,
        previous: FIRST_PREVIOUS.to_owned(),
        agent_version: "0".to_owned(),
        sealed_at: plumbline_config::Timestamp::UNIX_EPOCH,
        assessment: None,
        state: None,
        looked_age_seconds: None,
        dropped_reports: 0,
    })
    .unwrap()
}

#[tokio::test]
async fn the_right_pin_enrols_and_the_identity_is_taken() {
    let collector = Collector::start("localhost");
    let identity = enrol(&collector).await;
    let client = Client::new(&identity, None).unwrap();
    let ack = client.send(body(&identity, 1)).await.unwrap();
    assert_eq!((ack.sequence, ack.duplicate), (1, false));
    let ack = client.send(body(&identity, 1)).await.unwrap();
    assert_eq!((ack.sequence, ack.duplicate), (1, true));
}

#[tokio::test]
async fn a_wrong_pin_is_told_and_the_token_stays_here() {
    let collector = Collector::start("localhost");
    let pin: Pin = "00".repeat(32).parse().unwrap();
    let error = enroll(&collector.url(), TOKEN, pin, About::default(), None)
        .await
        .unwrap_err();
    let sentence = error.to_string();
    assert!(
        sentence.contains("does not hold the CA with the SHA-256 0000"),
        "{sentence}"
    );
    assert_eq!(collector.state().enrolments, 0);
}

#[tokio::test]
async fn a_certificate_for_another_host_name_is_refused_though_the_pin_is_right() {
    let collector = Collector::start("collector.example");
    let pin: Pin = collector.ca_sha256().parse().unwrap();
    let error = enroll(&collector.url(), TOKEN, pin, About::default(), None)
        .await
        .unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains("not valid for name"), "{sentence}");
    assert_eq!(collector.state().enrolments, 0);
}

#[tokio::test]
async fn a_refused_token_and_a_collector_that_is_not_there_are_told_apart() {
    let collector = Collector::start("localhost");
    let pin: Pin = collector.ca_sha256().parse().unwrap();
    let error = enroll(&collector.url(), "other", pin, About::default(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, EnrollError::Token { .. }), "{error}");
    assert!(!error.to_string().contains("other"), "the token is not repeated");
    let error = enroll("https://127.0.0.1:1", TOKEN, pin, About::default(), None)
        .await
        .unwrap_err();
    let unreachable = matches!(error, EnrollError::Client(ClientError::Unreachable { .. }));
    assert!(unreachable, "{error}");
}

#[tokio::test]
async fn a_collector_with_another_ca_is_not_spoken_to() {
    let one = Collector::start("localhost");
    let other = Collector::start("localhost");
    let at = one.url();
    one.state().url = other.url();
    let pin: Pin = one.ca_sha256().parse().unwrap();
    let moved = enroll(&at, TOKEN, pin, About::default(), None).await.unwrap();
    // Its own CA is in the identity, so the other's certificate does not verify.
    let error = Client::new(&moved, None)
        .unwrap()
        .send(body(&moved, 1))
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert_eq!(other.state().attempts, 0);
}

#[tokio::test]
async fn refusals_are_sorted_by_what_to_do_about_them() {
    let collector = Collector::start("localhost");
    let identity = enrol(&collector).await;
    let client = Client::new(&identity, None).unwrap();
    let sent = |status, retry_after, extra| {
        collector
            .state()
            .instead
            .push_back(Instead::Answer(status, retry_after, extra));
        client.send(body(&identity, 1))
    };
    let busy = sent(503, Some(7), json!({})).await.unwrap_err();
    let waits =
        matches!(&busy, ClientError::Busy { retry_after: Some(wait), .. } if *wait == Duration::from_secs(7));
    assert!(waits, "{busy}");
    let busy = sent(429, None, json!({})).await.unwrap_err();
    assert!(
        matches!(
            busy,
            ClientError::Busy {
                retry_after: None,
                ..
            }
        ),
        "{busy}"
    );
    let conflict = sent(409, None, json!({"last_sequence": 9})).await.unwrap_err();
    let told = matches!(&conflict, ClientError::Refused { refusal, .. } if refusal.last_sequence == Some(9));
    assert!(told, "{conflict}");
    for status in [400, 413, 422] {
        let refused = sent(status, None, json!({})).await.unwrap_err();
        assert!(matches!(refused, ClientError::Refused { .. }), "{refused}");
    }
    for status in [401, 403] {
        let refused = sent(status, None, json!({})).await.unwrap_err();
        assert!(matches!(refused, ClientError::Identity { .. }), "{refused}");
    }
    for status in [302, 404, 408, 500, 502] {
        let other = sent(status, None, json!({})).await.unwrap_err();
        assert!(matches!(other, ClientError::Unexpected { .. }), "{other}");
    }
}

#[tokio::test]
async fn a_body_goes_compressed_until_the_collector_takes_no_such_thing() {
    let collector = Collector::start("localhost");
    let identity = enrol(&collector).await;
    let client = Client::new(&identity, None).unwrap();
    let mut report: Report = serde_json::from_slice(&body(&identity, 1)).unwrap();
    report.agent_version = "x".repeat(1_000);
    let body = serde_json::to_vec(&report).unwrap();
    client.send(body.clone()).await.unwrap();
    assert_eq!(collector.state().compressed, 1);
    collector.state().knows_zstd = false;
    for _ in 0..2 {
        assert!(client.send(body.clone()).await.unwrap().duplicate);
    }
    assert_eq!(collector.state().compressed, 1);
    assert_eq!(collector.state().unsupported, 1, "it is not tried again");
    collector.state().knows_zstd = true;
    // What can't be read compressed is judged by itself.
    let again = Client::new(&identity, None).unwrap();
    collector
        .state()
        .instead
        .push_back(Instead::Answer(400, None, json!({})));
    assert!(again.send(body).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_plan_is_fetched_once_and_then_only_when_it_changed() {
    let collector = Collector::start("localhost");
    let identity = enrol(&collector).await;
    let client = Client::new(&identity, None).unwrap();
    assert!(client.plan(None).await.unwrap().is_none(), "none published");
    collector.publish("version = \"1\"\n");
    let plan = client.plan(None).await.unwrap().unwrap();
    assert!(client.plan(Some(&plan.sha256)).await.unwrap().is_none());
    collector.publish("version = \"2\"\n");
    assert!(client.plan(Some(&plan.sha256)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_certificate_is_renewed_for_the_same_key() {
    let collector = Collector::start("localhost");
    let identity = enrol(&collector).await;
    assert!(identity.validity().renew_at() <= plumbline_config::Timestamp::now());
    let client = Client::new(&identity, None).unwrap();
    let renewed = client.renew(&identity).await.unwrap();
    assert!(renewed.validity().not_after > identity.validity().not_after);
    let again = Client::new(&renewed, None).unwrap();
    assert_eq!(again.send(body(&renewed, 1)).await.unwrap().sequence, 1);
}
