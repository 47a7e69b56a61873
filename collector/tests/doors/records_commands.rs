//! What people put on record at the command line, and where all of it is shown.

use std::fs;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use plumbline_config::finding::Status;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::host::Host;
use crate::lab::{Lab, json_of, run};
use crate::people::acts;

fn in_days(days: i32) -> String {
    let today: Date = Timestamp::now().in_tz("Asia/Taipei").unwrap().date();
    (today + days.days()).to_string()
}

/// Runs a command that is refused, and gives its sentence.
pub(crate) fn refused(lab: &Lab, arguments: &[&str]) -> String {
    let output = lab.run(arguments);
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {sentence}");
    assert!(output.stdout.is_empty());
    assert!(sentence.starts_with("plumbline-collector: "), "{sentence}");
    assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
    sentence
}

pub(crate) fn done(lab: &Lab, arguments: &[&str]) -> Value {
    let output = lab.run(arguments);
    let answer = json_of(&output);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    answer
}

pub(crate) fn table(lab: &Lab, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_plumbline-collector"));
    let output = command
        .args(arguments)
        .arg("--data-dir")
        .arg(lab.path(""))
        .args(["--format", "table", "--lang", "zh-TW"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) async fn page(lab: &Lab, path: &str) -> String {
    let response = lab.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.unwrap()
}

/// An attestation with a training's particulars and an evidence file, given at the command line.
fn attest(lab: &Lab, effective_on: &str) -> Value {
    let details = lab.path("training.json");
    let training =
        json!({"of": "training", "topic": "個資保護", "invited": 20, "attended": 19, "records": ["test"]});
    fs::write(&details, training.to_string()).unwrap();
    let evidence = lab.path("簽到表.pdf");
    fs::write(&evidence, "%PDF-1.7\n%abc\n").unwrap();
    done(
        lab,
        &[
            "attest",
            "--line",
            "10.1",
            "--effective-on",
            effective_on,
            "--performed-by",
            "王小明",
            "--statement",
            "全員參加。",
            "--details",
            details.to_str().unwrap(),
            "--file",
            evidence.to_str().unwrap(),
        ],
    )
}

/// SHA-256 of the evidence file.
const SHA256: &str = "aaeeaf77a258315eb5adf9db0770492a0d98006c593f4554da10e689101c6091";

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_is_given_listed_and_taken_back() {
    let lab = Lab::start().await;
    let made = attest(&lab, &in_days(-340));
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["files"][0]["sha256"], SHA256);
    assert_eq!(made["files"][0]["name"], "簽到表.pdf");
    assert_eq!(made["files"][0]["media_type"], "application/pdf");
    assert_eq!(made["details"]["attended"], 19);
    assert!(made["by"].as_str().unwrap().starts_with("cli:uid-"));
    assert_eq!(
        lab.get(&format!("/api/v1/attestations/{id}")).await,
        made,
        "the server sees it at once"
    );
    assert_eq!(
        done(&lab, &["attest", "list", "--line", "10.1"])["attestations"],
        json!([made])
    );
    assert_eq!(
        done(&lab, &["attest", "list", "--line", "10.2"])["attestations"],
        json!([])
    );
    let due = done(&lab, &["attest", "due"]);
    let due = due["due"].as_array().unwrap();
    let of_line = due.iter().find(|due| due["line"] == "10.1").unwrap();
    assert_eq!(of_line["state"], "due-soon");
    assert_eq!(due[0]["state"], "never");
    assert!(table(&lab, &["attest", "due"]).contains("即將到期"));
    assert!(table(&lab, &["attest", "list"]).contains("王小明"));

    let order = [
        "attest",
        "--line",
        "10.1",
        "--performed-by",
        "王小明",
        "--statement",
        "全員參加。",
    ];
    let with = |more: &[&'static str]| refused(&lab, &[&order[..], more].concat());
    assert!(with(&["--effective-on", "2999-01-01"]).contains("lies in the future"));
    assert!(with(&["--effective-on", "2026-01-01", "--file", "/dev/null"]).contains("regular file"));
    assert!(with(&["--effective-on", "2026-01-01", "--details", "/dev/null"]).contains("particulars"));
    assert!(
        refused(&lab, &["attest", "withdraw", "a-none", "--reason", "x"]).contains("no attestation `a-none`")
    );
    let withdrawn = done(&lab, &["attest", "withdraw", id, "--reason", "日期有誤。"]);
    assert_eq!(withdrawn["withdrawn"]["reason"], "日期有誤。");
    assert!(table(&lab, &["attest", "list"]).contains("已撤回：日期有誤。"));
    assert!(refused(&lab, &["attest", "withdraw", id, "--reason", "x"]).contains("already"));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiver_that_is_asked_for_at_the_command_line_is_approved_by_somebody_else() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    let response = host.post(&lab, host.first(Status::Fail)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let (from, until) = (in_days(0), in_days(9));
    let made = done(
        &lab,
        &[
            "waive",
            "--check",
            "tls.protocol-versions",
            "--host",
            host.id().as_str(),
            "--reason",
            "舊版收費機。",
            "--compensating",
            "僅限內部網段。",
            "--from",
            &from,
            "--until",
            &until,
        ],
    );
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["state"], "requested");
    let own = refused(&lab, &["waive", "approve", id, "--note", "同意。"]);
    assert!(own.contains("can't decide on it"), "{own}");
    let approve = lab.request(Method::POST, &format!("/api/v1/waivers/{id}/approve"));
    let approved = approve.json(&json!({"note": "同意。"})).send().await.unwrap();
    assert_eq!(approved.status(), StatusCode::OK);
    let listed = done(&lab, &["waive", "list", "--state", "in-force"]);
    assert_eq!(listed["waivers"][0]["id"], id);
    assert!(table(&lab, &["waive", "list"]).contains("生效中"));
    assert!(table(&lab, &["checklist"]).contains(&format!("豁免 {id}")));
    let findings = done(&lab, &["findings"]);
    assert_eq!(findings["findings"][0]["waived_by"], id);
    let report = page(&lab, "/report?lang=zh-TW").await;
    for said in [
        "舊版收費機。",
        "替代措施：僅限內部網段。",
        "生效中",
        "：同意。",
        host.id().as_str(),
    ] {
        assert!(report.contains(said), "{said}");
    }
    assert_eq!(
        done(&lab, &["waive", "end", id, "--note", "已更換。"])["state"],
        "ended"
    );
    assert!(page(&lab, "/report?lang=zh-TW").await.contains("終止：已更換。"));
    assert!(refused(&lab, &["waive", "reject", id, "--note", "x"]).contains("decided already"));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrective_action_is_taken_to_its_end() {
    let lab = Lab::start().await;
    let made = done(
        &lab,
        &["correct", "open", "--line", "7.1.3", "--text", "仍接受 TLS 1.0。"],
    );
    let id = made["id"].as_str().unwrap();
    assert!(table(&lab, &["checklist"]).contains(&format!("矯正措施 {id}：待查明原因")));
    assert!(
        page(&lab, "/?lang=zh-TW")
            .await
            .contains("未結案之矯正措施共 1 件。")
    );
    assert!(refused(&lab, &["correct", "open", "--line", "7.1.3", "--text", "x"]).contains(id));
    assert!(refused(&lab, &["correct", "result", id, "--text", "x"]).contains("comes first"));
    let due_on = in_days(7);
    done(
        &lab,
        &["correct", "assign", id, "--owner", "陳經理", "--due-on", &due_on],
    );
    done(&lab, &["correct", "cause", id, "--text", "範本未更新。"]);
    let evidence = lab.path("變更單.txt");
    fs::write(&evidence, "%PDF-1.7\n%abc\n").unwrap();
    let measure = [
        "correct",
        "measure",
        id,
        "--text",
        "已停用。",
        "--file",
        evidence.to_str().unwrap(),
    ];
    assert_eq!(done(&lab, &measure)["history"][2]["files"][0]["sha256"], SHA256);
    done(&lab, &["correct", "result", id, "--text", "複測符合。"]);
    let report = page(&lab, "/report?lang=zh-TW").await;
    for said in [
        format!("矯正措施 {id}：待審查成效；負責人員 陳經理，期限 {due_on}"),
        "原因（cli:uid-".to_owned(),
        "：範本未更新。".to_owned(),
        "：複測符合。".to_owned(),
        format!("佐證檔案：變更單.txt（14 位元組），SHA-256 {SHA256}"),
    ] {
        assert!(report.contains(&said), "{said}");
    }
    let review = [
        "correct",
        "review",
        id,
        "--effective",
        "yes",
        "--text",
        "未再發生。",
    ];
    assert_eq!(done(&lab, &review)["stage"], "closed");
    assert_eq!(done(&lab, &["correct", "list", "--open"])["actions"], json!([]));
    assert_eq!(done(&lab, &["correct", "list"])["actions"][0]["id"], id);
    let shown = table(&lab, &["correct", "show", id]);
    for said in ["已結案", "指派", "陳經理", "有效。未再發生。"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(
        page(&lab, "/report?lang=en")
            .await
            .contains("It helped. 未再發生。")
    );
    assert!(refused(&lab, &["correct", "cause", id, "--text", "x"]).contains("is closed"));
    let kinds: Vec<String> = acts(&lab).await.into_iter().map(|(_, what, _)| what).collect();
    assert_eq!(kinds.iter().filter(|what| what.starts_with("action.")).count(), 6);
    let dir = lab.leave().await;
    assert_eq!(run(&dir, &["verify"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn verifying_the_store_proves_the_files_of_evidence_too() {
    let lab = Lab::start().await;
    attest(&lab, &in_days(-3));
    let dir = lab.leave().await;
    let verified = || {
        let ran = run(&dir, &["verify"]);
        let found: Value = serde_json::from_slice(&ran.stdout).unwrap();
        (ran.status.code(), found)
    };
    let (code, found) = verified();
    assert_eq!(
        (code, &found["evidence"], &found["evidence_without_record"]),
        (Some(0), &json!(1), &json!(0))
    );

    let folder = dir.path().join("data/evidence").join(&SHA256[..2]);
    let kept = folder.join(SHA256);
    let bytes = fs::read(&kept).unwrap();
    fs::write(&kept, bytes.to_ascii_uppercase()).unwrap();
    let (code, found) = verified();
    let fault = &found["faults"][0];
    assert_eq!((code, &fault["kind"]), (Some(1), &json!("evidence-changed")));
    assert_eq!(fault["member"], format!("evidence/{SHA256}"));

    fs::write(&kept, &bytes).unwrap();
    let stray = folder.join(SHA256.replacen(&SHA256[2..4], "00", 1));
    fs::rename(&kept, &stray).unwrap();
    let (code, found) = verified();
    assert_eq!(
        (code, &found["faults"][0]["kind"]),
        (Some(1), &json!("evidence-missing"))
    );
    assert_eq!(found["evidence_without_record"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_shows_wherever_the_line_does() {
    let lab = Lab::start().await;
    let made = attest(&lab, &in_days(-340));
    let id = made["id"].as_str().unwrap();
    let listed = table(&lab, &["checklist"]);
    assert!(listed.contains("（王小明）"), "{listed}");
    let report = page(&lab, "/report?lang=zh-TW").await;
    for said in [
        id,
        "執行人員 王小明",
        "全員參加。",
        "有效至",
        "佐證檔案：簽到表.pdf（14 位元組）",
        SHA256,
    ] {
        assert!(report.contains(said), "{said}");
    }
    let front = page(&lab, "/?lang=en").await;
    let (_, due) = front.split_once("Attestations due soon or overdue").unwrap();
    assert!(
        due.contains("The first 20 of") && due.contains("never attested"),
        "{front}"
    );
    assert!(due.contains("No corrective action is open."));

    let year = Timestamp::now().in_tz("Asia/Taipei").unwrap().year();
    let csv = page(&lab, &format!("/api/v1/reports/{year}?format=csv&lang=en")).await;
    let heading = csv.lines().next().unwrap();
    let after =
        "attestation_id,attestation_effective_on,attestation_due_at,waivers,corrective_action,incidents";
    assert!(heading.ends_with(after), "{heading}");
    let line = csv.lines().find(|line| line.contains(",10.1,10.1,")).unwrap();
    assert!(line.contains(&format!(",{id},{},", in_days(-340))), "{line}");

    let due_at: Timestamp = done(&lab, &["checklist"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|item| item["lines"].as_array().unwrap())
        .find(|line| line["id"] == "10.1")
        .unwrap()["due_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let series = |line: &str| format!("plumbline_attestation_due_timestamp_seconds{{line=\"{line}\"}}");
    let told = lab.metric(&series("10.1")).await;
    assert_eq!(told, u64::try_from(due_at.as_second()).unwrap());
    assert!(
        lab.metrics().await.contains(&format!("{} 0\n", series("10.2"))),
        "never attested"
    );
    lab.stop().await;
}
