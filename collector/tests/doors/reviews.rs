//! A review of the firewall's rules that changed nothing: the host can only ask for a person's word, and gets it on the
//! checklist for as long as the plan's interval.

use jiff::ToSpan;
use plumbline_config::Timestamp;
use plumbline_config::finding::Status;
use plumbline_config::state::StateSum;
use plumbline_config::wire::{FIRST_PREVIOUS, Os};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::host::{Host, body};
use crate::records::Office;

const LINE: &str = "7.1.4.firewall-update";

fn reviewed(days_ago: i32) -> Value {
    let today = Timestamp::now().in_tz("Asia/Taipei").unwrap().date();
    json!({
        "lines": [LINE],
        "effective_on": today - days_ago.days(),
        "performed_by": "王小明",
        "statement": "逐條檢視防火牆規則，無須變更。",
        "files": [],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attested_review_answers_hosts_whose_rules_did_not_change() {
    let office = Office::open().await;
    let host = Host::enrol(&office.lab).await;
    let mut report = host.report(1, FIRST_PREVIOUS, Status::Manual);
    let assessment = report.assessment.as_mut().unwrap();
    "firewall.review".clone_into(&mut assessment.findings[0].check);
    "7.1.4".clone_into(&mut assessment.findings[0].clause);
    "host".clone_into(&mut assessment.findings[0].subject);
    assessment.checks = vec!["firewall.review".to_owned()];
    let sum = StateSum::of(&assessment.findings);
    report.state = Some(sum.digest(&assessment.plan, "web-1", &Os::default()));
    assert_eq!(
        host.post(&office.lab, body(&report)).await.status(),
        StatusCode::OK
    );

    let line = async || {
        let line = office.line(LINE).await;
        (
            line["status"].clone(),
            line["basis"].clone(),
            line["hosts"]["manual"].clone(),
        )
    };
    assert_eq!(
        line().await,
        (json!("nonconforming"), json!("measured"), json!(1))
    );
    // The usual interval is six months: a review before that is of no use.
    let operator = &office.operator;
    operator
        .made(&office.lab, "/api/v1/attestations", &reviewed(200))
        .await;
    assert_eq!(line().await.0, "nonconforming");
    operator
        .made(&office.lab, "/api/v1/attestations", &reviewed(100))
        .await;
    assert_eq!(line().await, (json!("conforming"), json!("attested"), json!(1)));
    // Under a plan that declares three months it is too old.
    let shorter = "version = \"2\"\n[service.intrusion.firewall]\nupdate_interval = \"3 months\"\n";
    let dir = tempfile::tempdir().unwrap();
    let plan = dir.path().join("plan.toml");
    std::fs::write(&plan, shorter).unwrap();
    let published = office.lab.run(&["plan", "publish", plan.to_str().unwrap()]);
    assert!(published.status.success());
    assert_eq!(line().await.0, "nonconforming");
    operator
        .made(&office.lab, "/api/v1/attestations", &reviewed(10))
        .await;
    assert_eq!(line().await.0, "conforming");
    office.close().await;
}
