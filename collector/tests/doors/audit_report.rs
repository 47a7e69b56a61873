//! The audit report: sent while it is made, broken off where it fails, and never more than two at a time.

use std::time::Duration;

use plumbline_config::finding::Status;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::host::Host;
use crate::lab::{Lab, assert_problem};

/// A lab with one host that fails.
async fn with_host() -> (Lab, Host) {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let response = host.post(&lab, host.first(Status::Fail)).await;
    assert_eq!(response.status(), StatusCode::OK);
    (lab, host)
}

async fn ask(lab: &Lab, path: &str) -> Response {
    lab.request(Method::GET, path).send().await.unwrap()
}

/// The report of this year, as quarters and years are counted where the plan does not say otherwise.
fn this_year() -> String {
    let now = plumbline_config::Timestamp::now().in_tz("Asia/Taipei").unwrap();
    format!("/api/v1/reports/{}?format=json", now.year())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_holds_what_hosts_said() {
    let (lab, host) = with_host().await;
    let page = ask(&lab, "/report?lang=en").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("style-src 'sha256-")
    );
    let page = page.text().await.unwrap();
    assert!(
        page.contains(host.id().as_str()) && page.ends_with("</html>"),
        "{page}"
    );

    let response = ask(&lab, &this_year()).await;
    assert!(
        response.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .ends_with(".json\"")
    );
    let report: Value = response.json().await.unwrap();
    assert_eq!(report["attention"][0]["shown"], "fail");
    assert_eq!(report["hosts"][0]["id"], host.id().as_str());
    assert_eq!(report["hosts"][0]["findings"], report["attention"]);
    let table = ask(&lab, &this_year().replace("json", "csv")).await;
    assert!(table.text().await.unwrap().starts_with('\u{feff}'));
    let never = ask(&lab, "/api/v1/reports/2999?format=json").await;
    assert_problem(never, 400, "bad-request").await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_says_how_things_stand_and_leads_who_may_to_the_report() {
    let (lab, _host) = with_host().await;
    let viewer = lab.json(&["apitoken", "create", "--role", "viewer"]);
    let viewer = viewer["token"].as_str().unwrap().to_owned();
    let page = ask(&lab, "/?lang=en").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = page.text().await.unwrap();
    let (_, attention) = page.split_once("Checks that need attention").unwrap();
    assert!(attention.contains("tls.protocol-versions"), "{page}");
    assert!(
        attention.contains("<td class=\"status fresh\">fresh</td><td>1</td><td>0</td>"),
        "{page}"
    );
    assert!(page.contains("href=\"/report?lang=en#item-12\""), "{page}");
    let client = lab.client(None);
    let narrow = client.get(lab.web_url("/")).bearer_auth(viewer);
    let narrow = narrow.header("accept-language", "zh-TW,zh");
    let page = narrow.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("<html lang=\"zh-TW\">") && !page.contains("href=\"/report"),
        "{page}"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_comes_as_what_it_is() {
    let (lab, host) = with_host().await;
    let checkpoint = ask(&lab, "/api/v1/ledger/checkpoint").await.text().await.unwrap();
    let office = "application/vnd.openxmlformats-officedocument";
    let docx = format!("{office}.wordprocessingml.document");
    let xlsx = format!("{office}.spreadsheetml.sheet");
    let folder = tempfile::tempdir().unwrap();
    for (format, kind, file, begins) in [
        ("pdf", "application/pdf", "pdf", b"%PDF-1.7".as_slice()),
        ("docx", docx.as_str(), "docx", b"PK\x03\x04"),
        ("xlsx", &xlsx, "xlsx", b"PK\x03\x04"),
        ("csv", "text/csv; charset=utf-8", "csv", "\u{feff}".as_bytes()),
        ("oscal", "application/oscal+json", "oscal.json", b"{"),
        ("ocsf", "application/x-ndjson", "ocsf.jsonl", b"{"),
    ] {
        let response = ask(&lab, &this_year().replace("json", format)).await;
        assert_eq!(response.status(), StatusCode::OK, "{format}");
        assert_eq!(response.headers()["content-type"], kind);
        let disposition = response.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(disposition.starts_with("attachment; ") && disposition.ends_with(&format!(".{file}\"")));
        let body = response.bytes().await.unwrap();
        assert!(body.starts_with(begins), "{format}");
        let path = folder.path().join(format!("report.{file}"));
        let output = lab.run(&["report", "-o", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert!(
            std::fs::read(path).unwrap().starts_with(begins),
            "the name tells the format: {format}"
        );
    }
    let events = ask(&lab, &this_year().replace("json", "ocsf"))
        .await
        .text()
        .await
        .unwrap();
    for event in events.lines() {
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(event["class_uid"], 2003);
        assert_eq!(event["resources"][0]["uid"], host.id().as_str());
    }
    let report: Value = ask(&lab, &this_year()).await.json().await.unwrap();
    let size = report["ledger"]["size"].as_u64().unwrap();
    assert!(checkpoint.lines().nth(1).unwrap().parse::<u64>().unwrap() <= size);
    let refused = ask(&lab, &this_year().replace("json", "pptx")).await;
    assert_problem(refused, 400, "bad-request").await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_fails_half_way_does_not_look_whole() {
    let (lab, _host) = with_host().await;
    lab.database()
        .execute("UPDATE findings_latest SET finding = 'no finding'", ())
        .unwrap();
    for path in ["/report", &this_year()] {
        let response = ask(&lab, path).await;
        assert_eq!(response.status(), StatusCode::OK, "it was well when it began");
        assert!(response.bytes().await.is_err(), "{path}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    std::fs::write(&file, "the one before").unwrap();
    let output = lab.run(&["report", "-o", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "the one before");
    let left = folder.path().read_dir().unwrap().count();
    assert_eq!(left, 1, "nothing is left beside it");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reports_are_made_at_a_time_and_those_whose_readers_are_gone_end() {
    let (lab, _host) = with_host().await;
    // Far more than the sockets on the way hold.
    lab.database()
        .execute(
            "UPDATE findings_latest SET finding = json_set(finding, '$.evidence', hex(zeroblob(12000000)))",
            (),
        )
        .unwrap();
    let path = this_year();
    let (one, two) = (ask(&lab, &path).await, ask(&lab, &path).await);
    assert_eq!((one.status(), two.status()), (StatusCode::OK, StatusCode::OK));
    let third = ask(&lab, &path).await;
    assert!(third.headers().contains_key("retry-after"));
    assert_problem(third, 503, "busy").await;
    let table = ask(&lab, &path.replace("json", "csv")).await;
    assert_eq!(table.status(), StatusCode::OK, "the checklist wants no host");
    drop((one, two));
    let mut status = StatusCode::SERVICE_UNAVAILABLE;
    for _ in 0..600 {
        status = ask(&lab, &path).await.status();
        if status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, StatusCode::OK, "nobody reads the two any more");
    lab.stop().await;
}
