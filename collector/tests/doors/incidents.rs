//! Incidents from what a host reports to their end, over the API and at the command line, and where they show.

use std::fs;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::finding::{Severity, Status};
use plumbline_config::wire::FIRST_PREVIOUS;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::host::{Host, body};
use crate::lab::{Lab, assert_problem, json_of, run};
use crate::people::acts;
use crate::records::{Holder, Office};
use crate::records_commands::{done, page, refused, table};

const HOSTILE: &str = "=1+1<script>alert(1)</script>&\"'";

/// A report in which somebody got in after many attempts.
fn broke_in(host: &Host, sequence: u64, previous: &str, last_at: Timestamp) -> Vec<u8> {
    let mut report = host.report(sequence, previous, Status::Fail);
    report.state = None;
    let assessment = report.assessment.as_mut().unwrap();
    assessment.checks = vec!["logins.abnormal".to_owned()];
    let finding = &mut assessment.findings[0];
    finding.check = "logins.abnormal".to_owned();
    finding.clause = "7.1.5".to_owned();
    finding.severity = Severity::Critical;
    finding.subject = "source:203.0.113.7".to_owned();
    finding.evidence = json!({"anomalies": [{
        "kind": "success-after-failures", "first_at": last_at, "last_at": last_at,
        "users": ["wang.hsiao-ming"], "sources": ["203.0.113.7"],
    }]});
    body(&report)
}

/// The cases that there are, once there are so many.
async fn cases(lab: &Lab, number: usize) -> Vec<Value> {
    for _ in 0..300 {
        let page = lab.get("/api/v1/incidents").await;
        let found = page["incidents"].as_array().unwrap().clone();
        if found.len() >= number {
            return found;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("no case was opened");
}

fn ago(hours: i64) -> String {
    (Timestamp::now() - SignedDuration::from_hours(hours)).to_string()
}

fn assessed() -> Value {
    json!({
        "step": "assess", "personal_data": true, "grave": true, "customers": false, "harms": ["leak"],
        "categories": ["C001 辨識個人者"], "people": 1200, "records": 1500, "special_records": 0,
        "text": "密碼遭破解，會員資料遭下載。", "damage": "會員資料外流。", "consequences": "可能遭冒名。",
    })
}

fn told(whom: &str) -> Value {
    json!({"step": "notify", "whom": whom, "told_at": Timestamp::now(), "channel": "電子郵件", "text": "已通知。"})
}

fn steps(id: &str) -> String {
    format!("/api/v1/incidents/{id}/steps")
}

async fn notice(lab: &Lab, id: &str, query: &str) -> Vec<u8> {
    let path = format!("/api/v1/incidents/{id}/notice{query}");
    let response = lab.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_reports_is_a_case_until_all_is_done() {
    let office = Office::open().await;
    let (lab, operator) = (&office.lab, &office.operator);
    let host = Host::enrol(lab).await;
    let last_at = Timestamp::now();
    let first = broke_in(&host, 1, FIRST_PREVIOUS, last_at);
    assert_eq!(host.post(lab, first.clone()).await.status(), StatusCode::OK);
    let case = cases(lab, 1).await.remove(0);
    let id = case["id"].as_str().unwrap().to_owned();
    for (member, expected) in [
        ("state", json!("suspected")),
        ("clock", json!("running")),
        ("kind", json!("intrusion")),
        ("by", json!("collector")),
        ("culprit", json!("source:203.0.113.7")),
    ] {
        assert_eq!(case[member], expected, "{case}");
    }
    assert_eq!(case["host"]["id"], json!(host.id()));
    assert_eq!(
        case["known_at"], case["at"],
        "the company knew when the case was opened"
    );
    assert_ne!(case["known_at"], case["finding"]["observed_at"]);
    let moment = |member: &str| case[member].as_str().unwrap().parse::<Timestamp>().unwrap();
    let given = moment("deadline_at").duration_since(moment("known_at"));
    assert_eq!(given, SignedDuration::from_hours(72));

    // It goes on, and is the same case.
    let next = broke_in(
        &host,
        2,
        &plumbline_config::seal::sha256_hex(&first),
        Timestamp::now(),
    );
    assert_eq!(host.post(lab, next).await.status(), StatusCode::OK);
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(cases(lab, 1).await.len(), 1);

    let on_line = office.line("5.2").await["incidents"].clone();
    assert_eq!(
        (&on_line[0]["id"], &on_line[0]["clock"]),
        (&json!(id), &json!("running"))
    );
    assert_eq!(lab.metric("plumbline_incidents{state=\"suspected\"}").await, 1);
    let deadline = lab.metric("plumbline_incident_deadline_timestamp_seconds").await;
    assert_eq!(
        deadline,
        u64::try_from(moment("deadline_at").as_second()).unwrap()
    );
    let front = page(lab, "/?lang=zh-TW").await;
    for said in [id.as_str(), "未結案之個資事故", "待查明", "，剩 71 小時"] {
        assert!(front.contains(said), "{said}: {front}");
    }

    assert_problem(
        office.admins[0]
            .post(
                lab,
                &format!("/api/v1/incidents/{id}/close"),
                &json!({"text": "x"}),
            )
            .await,
        409,
        "out-of-order",
    )
    .await;
    assert_eq!(
        operator.done(lab, &steps(&id), &assessed()).await["state"],
        "confirmed"
    );
    let draft = String::from_utf8(notice(lab, &id, "?lang=zh-TW").await).unwrap();
    for said in [
        "草稿 DRAFT",
        "主機 web-1 於",
        "■ 洩漏",
        "總筆數約 1500 筆",
        "密碼遭破解，會員資料遭下載。",
        "□ 是　□ 否",
        "數位發展部",
    ] {
        assert!(draft.contains(said), "{said}: {draft}");
    }
    assert!(
        !draft.contains("wang.hsiao-ming") && !draft.contains("203.0.113.7"),
        "{draft}"
    );
    assert!(notice(lab, &id, "?format=pdf").await.starts_with(b"%PDF-"));
    assert!(notice(lab, &id, "?format=docx&lang=en").await.starts_with(b"PK"));

    let contain = json!({"step": "contain", "text": "已停用帳號。"});
    operator.done(lab, &steps(&id), &contain).await;
    operator.done(lab, &steps(&id), &told("authority")).await;
    let done = operator.done(lab, &steps(&id), &told("subjects")).await;
    assert_eq!(
        (&done["clock"], &done["left_seconds"]),
        (&json!("met"), &Value::Null)
    );
    assert_eq!(office.line("5.2").await["incidents"], json!([]));
    assert_eq!(
        office.line("5.5.3").await["incidents"][0]["id"],
        id,
        "prevention is still to come"
    );
    let metrics = lab.metrics().await;
    assert!(
        !metrics.contains("plumbline_incident_deadline_timestamp_seconds "),
        "{metrics}"
    );

    // Two close it at once.
    let close = format!("/api/v1/incidents/{id}/close");
    let text = json!({"text": "已排除。"});
    let [alice, bob] = &office.admins;
    let (one, other) = tokio::join!(alice.post(lab, &close, &text), bob.post(lab, &close, &text));
    let mut answers = [one.status(), other.status()];
    answers.sort();
    assert_eq!(answers, [StatusCode::OK, StatusCode::CONFLICT]);
    let closed = lab.get(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(closed["state"], "closed");
    let action = closed["end"]["action"].as_str().unwrap();
    let actions = lab.get("/api/v1/actions?state=open").await["actions"].clone();
    assert_eq!(actions.as_array().unwrap().len(), 1, "{actions}");
    assert_eq!(actions[0]["id"], action);
    assert_eq!(actions[0]["line"], "7.1.5.logins");
    assert!(actions[0]["text"].as_str().unwrap().contains(&id));
    let report = page(lab, "/report?lang=zh-TW").await;
    for said in ["結案（api:", "已停用帳號。", "已於期限"] {
        assert!(report.contains(said), "{said}");
    }
    let kinds: Vec<String> = acts(lab).await.into_iter().map(|(_, what, _)| what).collect();
    for what in ["open", "assess", "contain", "notify", "close"] {
        assert!(kinds.contains(&format!("incident.{what}")), "{what}: {kinds:?}");
    }
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_does_what_is_its_own() {
    let office = Office::open().await;
    let (lab, operator) = (&office.lab, &office.operator);
    let suspicion = json!({"kind": "loss", "text": "筆記型電腦遺失。"});
    for holder in [&office.viewer, &office.auditor] {
        assert_problem(
            holder.post(lab, "/api/v1/incidents", &suspicion).await,
            403,
            "forbidden",
        )
        .await;
    }
    let made = operator.made(lab, "/api/v1/incidents", &suspicion).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        (&made["by"], &made["finding"]),
        (&json!(operator.name), &Value::Null)
    );
    let client = lab.client(None);
    let get = |holder: &Holder, path: String| {
        let request = client.get(lab.web_url(&path)).bearer_auth(&holder.token);
        async move { request.send().await.unwrap().status() }
    };
    let paths = [
        "/api/v1/incidents".to_owned(),
        format!("/api/v1/incidents/{id}"),
        format!("/api/v1/incidents/{id}/notice"),
    ];
    for path in &paths {
        let drafts = path.ends_with("notice");
        let expected = if drafts {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        assert_eq!(get(&office.viewer, path.clone()).await, expected, "{path}");
        assert_eq!(get(&office.auditor, path.clone()).await, StatusCode::OK, "{path}");
    }
    let none = json!({"step": "assess", "personal_data": false, "text": "已尋獲，未遭開啟。"});
    let [alice, bob] = &office.admins;
    assert_eq!(alice.done(lab, &steps(id), &none).await["state"], "unfounded");
    let dismiss = format!("/api/v1/incidents/{id}/dismiss");
    let reason = json!({"reason": "已尋獲。"});
    assert_problem(operator.post(lab, &dismiss, &reason).await, 403, "forbidden").await;
    assert_problem(alice.post(lab, &dismiss, &reason).await, 403, "own-request").await;
    // Who may only take steps can't end a case by one.
    let hidden = json!({"step": "dismiss", "reason": "已尋獲。"});
    assert_problem(
        operator.post(lab, &steps(id), &hidden).await,
        400,
        "unsound-record",
    )
    .await;
    assert_eq!(bob.done(lab, &dismiss, &reason).await["state"], "dismissed");
    assert_problem(operator.post(lab, &steps(id), &none).await, 409, "closed").await;
    assert_problem(
        operator.post(lab, &steps("i-none"), &none).await,
        404,
        "not-found",
    )
    .await;
    let bad = get(
        &office.auditor,
        format!("/api/v1/incidents/{id}/notice?format=xlsx"),
    )
    .await;
    assert_eq!(bad, StatusCode::BAD_REQUEST);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_whose_time_is_over_is_said_to_be_overdue_everywhere() {
    let office = Office::open().await;
    let (lab, operator) = (&office.lab, &office.operator);
    let conforming = json!({
        "lines": ["5.2"], "effective_on": jiff::Zoned::now().date(), "performed_by": "王小明", "statement": "已訂定程序。",
    });
    operator.made(lab, "/api/v1/attestations", &conforming).await;
    assert_eq!(office.line("5.2").await["status"], "conforming");
    let suspicion = json!({"kind": "exposure", "text": "會員名單可公開下載。", "known_at": ago(10)});
    let made = operator.made(lab, "/api/v1/incidents", &suspicion).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["clock"], "running");
    // In the media for five hours: nineteen are left.
    let media = json!({"step": "media", "reported_at": ago(5), "text": "某報網站報導。"});
    let in_media = operator.done(lab, &steps(id), &media).await;
    let left = in_media["left_seconds"].as_i64().unwrap();
    assert!((18 * 3_600..=19 * 3_600).contains(&left), "{left}");
    // The company knew much earlier.
    let correct = json!({"step": "correct", "known_at": ago(80), "text": "客服早已接獲通報。"});
    let corrected = operator.done(lab, &steps(id), &correct).await;
    assert_eq!(corrected["clock"], "overdue", "{corrected}");
    assert!(corrected["left_seconds"].as_i64().unwrap() < -7 * 3_600);

    let line = office.line("5.2").await;
    assert_eq!(
        (&line["status"], &line["incidents"][0]["clock"]),
        (&json!("nonconforming"), &json!("overdue"))
    );
    for path in ["/", "/report"] {
        let shown = page(lab, &format!("{path}?lang=zh-TW")).await;
        assert!(
            shown.contains("<b class=\"fail\">通報期限") && shown.contains("已逾期 8 小時"),
            "{path}: {shown}"
        );
    }
    assert!(table(lab, &["incident", "list", "--open"]).contains("已逾期 8 小時"));
    assert!(table(lab, &["checklist"]).contains("已逾期 8 小時"));
    let draft = String::from_utf8(notice(lab, id, "").await).unwrap();
    assert!(draft.contains("■ 否，理由"), "{draft}");
    // Told too late: the line is met in part in this period.
    operator.done(lab, &steps(id), &told("authority")).await;
    assert_eq!(office.line("5.2").await["status"], "partly");
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_is_words_wherever_it_shows() {
    let office = Office::open().await;
    let (lab, operator) = (&office.lab, &office.operator);
    let host = Host::enrol(lab).await;
    let suspicion = json!({"kind": "other", "host": host.id(), "culprit": HOSTILE, "text": HOSTILE});
    let made = operator.made(lab, "/api/v1/incidents", &suspicion).await;
    let id = made["id"].as_str().unwrap();
    assert_problem(
        operator.post(lab, "/api/v1/incidents", &suspicion).await,
        409,
        "already-open",
    )
    .await;
    let mut hostile = assessed();
    for member in ["text", "damage", "consequences"] {
        hostile[member] = json!(HOSTILE);
    }
    hostile["categories"] = json!([HOSTILE]);
    operator.done(lab, &steps(id), &hostile).await;
    let year = jiff::Zoned::now().year();
    for path in [
        "/".to_owned(),
        "/report".to_owned(),
        format!("/api/v1/incidents/{id}/notice"),
        format!("/api/v1/reports/{year}?format=html"),
    ] {
        let shown = page(lab, &path).await;
        assert!(!shown.contains("<script"), "{path}");
        assert!(shown.contains(id), "{path}");
    }
    let csv = page(lab, &format!("/api/v1/reports/{year}?format=csv")).await;
    assert!(csv.contains(id) && !csv.contains("=1+1"), "{csv}");
    let json: Value =
        serde_json::from_str(&page(lab, &format!("/api/v1/reports/{year}?format=json")).await).unwrap();
    assert_eq!(json["incidents"][0]["id"], id);
    assert_eq!(json["incidents"][0]["text"], HOSTILE);
    for format in ["pdf", "docx", "xlsx"] {
        let path = format!("/api/v1/reports/{year}?format={format}");
        let response = lab.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{format}");
        assert!(response.bytes().await.unwrap().len() > 1_000, "{format}");
    }
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_taken_to_its_end_at_the_command_line() {
    let lab = Lab::start().await;
    let made = done(
        &lab,
        &[
            "incident",
            "open",
            "--kind",
            "exposure",
            "--text",
            "名單外流。",
            "--known-at",
            &ago(1),
        ],
    );
    let id = made["id"].as_str().unwrap();
    assert!(made["by"].as_str().unwrap().starts_with("cli:uid-"));
    let unknown = lab.run(&["incident", "open", "--kind", "theft", "--text", "x"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("use intrusion"));
    assert!(
        refused(
            &lab,
            &[
                "incident", "open", "--kind", "loss", "--text", "x", "--host", "h-none"
            ]
        )
        .contains("no host")
    );
    assert!(refused(&lab, &["incident", "show", "i-none"]).contains("no incident `i-none`"));
    let no = [
        "incident",
        "assess",
        id,
        "--personal-data",
        "no",
        "--text",
        "查無外流。",
    ];
    assert_eq!(done(&lab, &no)["state"], "unfounded");
    let own = refused(&lab, &["incident", "dismiss", id, "--reason", "查無外流。"]);
    assert!(own.contains("let another administrator"), "{own}");
    let yes = [
        "incident",
        "assess",
        id,
        "--personal-data",
        "yes",
        "--harm",
        "leak",
        "--harm",
        "theft",
        "--category",
        "C001 辨識個人者",
        "--people",
        "12",
        "--records",
        "30",
        "--text",
        "名單遭下載。",
    ];
    assert_eq!(done(&lab, &yes)["assessment"]["harms"], json!(["theft", "leak"]));
    let evidence = lab.path("處理紀錄.txt");
    fs::write(&evidence, "封鎖來源\n").unwrap();
    let contain = [
        "incident",
        "contain",
        id,
        "--text",
        "已下架。",
        "--file",
        evidence.to_str().unwrap(),
    ];
    let contained = done(&lab, &contain);
    let sha256 = contained["history"][3]["files"][0]["sha256"].as_str().unwrap();
    assert!(
        refused(&lab, &["incident", "close", id, "--text", "x"])
            .contains("telling the authority comes first")
    );
    let shown = table(&lab, &["incident", "show", id]);
    for said in [
        "確認為個資事故",
        "通報期限",
        "尚待：通報主管機關、通知當事人、研議矯正預防措施",
        "已下架。",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    for whom in ["authority", "subjects"] {
        let tell = [
            "incident",
            "notify",
            id,
            "--whom",
            whom,
            "--channel",
            "電子郵件",
            "--text",
            "已通知。",
        ];
        done(&lab, &tell);
    }
    done(&lab, &["incident", "media", id, "--text", "某報報導。"]);
    done(
        &lab,
        &[
            "incident",
            "correct",
            id,
            "--happened-at",
            "2026-01-05 03:00",
            "--text",
            "依紀錄更正。",
        ],
    );
    let file = lab.path("notice.pdf");
    let made = lab.run(&["incident", "notice", id, "-o", file.to_str().unwrap()]);
    assert_eq!(
        made.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    assert!(fs::read(&file).unwrap().starts_with(b"%PDF-"));
    let html = lab.run(&["incident", "notice", id, "--lang", "en"]);
    let html = String::from_utf8(html.stdout).unwrap();
    assert!(
        html.contains("2026-01-05 03:00 +08:00") && html.contains("■ theft"),
        "{html}"
    );
    let closed = done(
        &lab,
        &["incident", "close", id, "--text", "已改善。", "--line", "7.1.12"],
    );
    assert_eq!(closed["state"], "closed");
    let action = closed["end"]["action"].as_str().unwrap();
    assert_eq!(done(&lab, &["correct", "show", action])["line"], "7.1.12");
    assert!(refused(&lab, &["incident", "contain", id, "--text", "x"]).contains("has ended"));
    assert_eq!(
        done(&lab, &["incident", "list", "--open"])["incidents"],
        json!([])
    );
    assert_eq!(done(&lab, &["incident", "list"])["incidents"][0]["id"], id);
    assert!(
        page(&lab, "/report?lang=zh-TW").await.contains(sha256),
        "files of steps stand in the report"
    );
    let dir = lab.leave().await;
    let verified = run(&dir, &["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", json_of(&verified));
}
