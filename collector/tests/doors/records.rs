//! What people put on record over the API: the life of each kind, what is refused, and where it shows.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use plumbline_config::finding::Status;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::host::Host;
use crate::lab::{Lab, assert_problem, json_of, run};
use crate::people::acts;

/// A check that a host of these tests fails.
const CHECK: &str = "tls.protocol-versions";

/// A collector and a token of each role that puts something on record.
pub(crate) struct Office {
    pub(crate) lab: Lab,
    pub(crate) viewer: Holder,
    pub(crate) auditor: Holder,
    pub(crate) operator: Holder,
    pub(crate) admins: [Holder; 2],
}

/// Who holds a token.
pub(crate) struct Holder {
    pub(crate) token: String,
    pub(crate) name: String,
}

impl Holder {
    fn new(lab: &Lab, role: &str) -> Self {
        let made = lab.json(&["apitoken", "create", "--role", role]);
        Self {
            token: made["token"].as_str().unwrap().to_owned(),
            name: format!("api:{}", made["id"].as_str().unwrap()),
        }
    }

    pub(crate) async fn post(&self, lab: &Lab, path: &str, body: &Value) -> Response {
        let client = lab.client(None);
        let request = client.post(lab.web_url(path)).bearer_auth(&self.token);
        request.json(body).send().await.unwrap()
    }

    async fn send_file(&self, lab: &Lab, name: &str, media_type: &str, bytes: &[u8]) -> Response {
        let client = lab.client(None);
        let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let request = client.post(lab.web_url(&format!("/api/v1/evidence?name={name}")));
        let request = request
            .bearer_auth(&self.token)
            .header("content-type", media_type);
        request.body(bytes.to_vec()).send().await.unwrap()
    }

    async fn file(&self, lab: &Lab, sha256: &str) -> Response {
        self.try_file(lab, sha256).await.unwrap()
    }

    async fn try_file(&self, lab: &Lab, sha256: &str) -> reqwest::Result<Response> {
        let client = lab.client(None);
        let request = client.get(lab.web_url(&format!("/api/v1/evidence/{sha256}")));
        request.bearer_auth(&self.token).send().await
    }

    pub(crate) async fn made(&self, lab: &Lab, path: &str, body: &Value) -> Value {
        answer(self.post(lab, path, body).await, StatusCode::CREATED).await
    }

    pub(crate) async fn done(&self, lab: &Lab, path: &str, body: &Value) -> Value {
        answer(self.post(lab, path, body).await, StatusCode::OK).await
    }
}

async fn answer(response: Response, status: StatusCode) -> Value {
    let got = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

impl Office {
    pub(crate) async fn open() -> Self {
        let lab = Lab::start().await;
        let office = Self::in_lab(lab);
        let sent = office
            .operator
            .send_file(&office.lab, "簽到表.pdf", "application/pdf", SHEET)
            .await;
        assert_eq!(sent.status(), StatusCode::CREATED);
        let kept: Value = sent.json().await.unwrap();
        assert_eq!(kept, training("2026-01-01")["files"][0]);
        office
    }

    fn in_lab(lab: Lab) -> Self {
        Self {
            viewer: Holder::new(&lab, "viewer"),
            auditor: Holder::new(&lab, "auditor"),
            operator: Holder::new(&lab, "operator"),
            admins: [Holder::new(&lab, "admin"), Holder::new(&lab, "admin")],
            lab,
        }
    }

    /// Stops the collector and verifies all that it leaves.
    pub(crate) async fn close(self) {
        let dir = self.lab.leave().await;
        let verified = run(&dir, &["verify"]);
        assert_eq!(verified.status.code(), Some(0), "{}", json_of(&verified));
    }

    pub(crate) async fn line(&self, id: &str) -> Value {
        let checklist = self.lab.get("/api/v1/checklist").await;
        let items = checklist["items"].as_array().unwrap();
        let mut lines = items.iter().flat_map(|item| item["lines"].as_array().unwrap());
        lines.find(|line| line["id"] == id).unwrap().clone()
    }

    async fn due(&self, line: &str) -> (usize, Value) {
        let page = self.lab.get("/api/v1/attestations/due").await;
        let mut due = page["due"].as_array().unwrap().iter().enumerate();
        let (place, due) = due.find(|(_, due)| due["line"] == line).unwrap();
        (place, due.clone())
    }
}

/// The day that it is where quarters are counted.
fn today() -> Date {
    Timestamp::now().in_tz("Asia/Taipei").unwrap().date()
}

fn in_days(days: i32) -> String {
    (today() + days.days()).to_string()
}

/// A file of evidence.
const SHEET: &[u8] = b"%PDF-1.7\n%abc\n";
const SHEET_SHA256: &str = "aaeeaf77a258315eb5adf9db0770492a0d98006c593f4554da10e689101c6091";

fn training(effective_on: &str) -> Value {
    json!({
        "lines": ["10.1"],
        "effective_on": effective_on,
        "performed_by": "王小明",
        "statement": "第四季一般訓練，全員參加。",
        "details": {
            "of": "training", "topic": "個資保護", "invited": 20, "attended": 19, "records": ["sign-in", "test"],
        },
        "files": [{
            "name": "簽到表.pdf", "media_type": "application/pdf", "size": 14, "sha256": SHEET_SHA256,
        }],
    })
}

fn waiver(from: i32, until: i32) -> Value {
    json!({
        "check": CHECK,
        "hosts": {"role": "service"},
        "reason": "舊版收費機僅支援 TLS 1.0。",
        "compensating": "僅限內部網段連線。",
        "from": in_days(from),
        "until": in_days(until),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_evidence_is_handed_out_as_it_came_and_only_when_a_record_names_it() {
    let office = Office::open().await;
    let (lab, operator, auditor) = (&office.lab, &office.operator, &office.auditor);
    assert_problem(auditor.file(lab, SHEET_SHA256).await, 404, "not-found").await;
    let unsent = |given: &mut Value| given["files"][0]["sha256"] = json!("ab".repeat(32));
    let mut unkept = training(&in_days(-1));
    unsent(&mut unkept);
    let refused = operator.post(lab, "/api/v1/attestations", &unkept).await;
    let problem = assert_problem(refused, 400, "unsound-record").await;
    assert!(
        problem["detail"].as_str().unwrap().contains("is not kept here"),
        "{problem}"
    );
    operator
        .made(lab, "/api/v1/attestations", &training(&in_days(-1)))
        .await;
    let handed = auditor.file(lab, SHEET_SHA256).await;
    assert_eq!(handed.status(), StatusCode::OK);
    assert_eq!(handed.headers()["content-type"], "application/pdf");
    let disposition = handed.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(disposition.starts_with("attachment; "), "{disposition}");
    assert_eq!(handed.bytes().await.unwrap(), SHEET);
    assert_problem(office.viewer.file(lab, SHEET_SHA256).await, 403, "forbidden").await;
    assert_problem(auditor.file(lab, "../../ca").await, 404, "not-found").await;

    let page = b"<html><script>alert(1)</script></html>";
    let sent = operator.send_file(lab, "../../x.html", "text/html", page).await;
    let kept = answer(sent, StatusCode::CREATED).await;
    assert_eq!(kept["name"], "x.html");
    let mut given = training(&in_days(-2));
    given["files"] = json!([kept]);
    operator.made(lab, "/api/v1/attestations", &given).await;
    let handed = auditor.file(lab, kept["sha256"].as_str().unwrap()).await;
    assert_eq!(handed.headers()["content-type"], "application/octet-stream");
    assert!(
        handed.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    let empty = operator.send_file(lab, "leer.pdf", "application/pdf", b"").await;
    assert_problem(empty, 400, "bad-request").await;
    let viewer = office
        .viewer
        .send_file(lab, "x.pdf", "application/pdf", SHEET)
        .await;
    assert_problem(viewer, 403, "forbidden").await;

    // Tampered with, it is not handed out as if it were whole.
    let folder = lab.path("evidence").join(&SHEET_SHA256[..2]);
    let file = folder.read_dir().unwrap().next().unwrap().unwrap().path();
    let mut bytes = SHEET.to_vec();
    bytes[10] ^= 1;
    std::fs::write(file, bytes).unwrap();
    // It may be broken off before its first byte was on the way.
    if let Ok(handed) = auditor.try_file(lab, SHEET_SHA256).await {
        assert!(handed.status() != StatusCode::OK || handed.bytes().await.is_err());
    }
    let dir = office.lab.leave().await;
    let verified = json_of(&run(&dir, &["verify"]));
    assert_eq!(verified["faults_total"], 1, "{verified}");
    assert_eq!(verified["faults"][0]["kind"], "evidence-changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_answers_its_line_until_it_is_taken_back() {
    let office = Office::open().await;
    let (lab, operator) = (&office.lab, &office.operator);
    assert_eq!(office.line("10.1").await["status"], "nonconforming");
    assert_eq!(office.due("10.1").await.1["state"], "never");

    let made = operator
        .made(lab, "/api/v1/attestations", &training(&in_days(-3)))
        .await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("a-") && id.len() == 18, "{id}");
    assert_eq!(made["by"], operator.name);
    assert_eq!(made["statement"], "第四季一般訓練，全員參加。");
    assert_eq!(lab.get(&format!("/api/v1/attestations/{id}")).await, made);
    let line = office.line("10.1").await;
    assert_eq!(
        (&line["status"], &line["basis"]),
        (&json!("conforming"), &json!("attested"))
    );
    assert_eq!(line["attestation"]["id"], id);
    let (place, due) = office.due("10.1").await;
    assert_eq!(due["state"], "in-force");
    assert_eq!(due["due_at"], line["due_at"]);
    let (before, never) = office.due("10.2").await;
    assert!(
        before < place && never["state"] == "never",
        "what is due stands first"
    );

    // A correction replaces it; a year and a day ago is overdue.
    let mut correction = training(&in_days(-367));
    correction["corrects"] = json!(id);
    let other = operator.made(lab, "/api/v1/attestations", &correction).await;
    let other = other["id"].as_str().unwrap();
    assert_eq!(
        lab.get(&format!("/api/v1/attestations/{id}")).await["corrected_by"],
        *other
    );
    let (place, due) = office.due("10.1").await;
    assert_eq!(
        (place, &due["state"], &due["attestation"]),
        (0, &json!("overdue"), &json!(other))
    );
    assert_eq!(office.line("10.1").await["status"], "nonconforming");

    let page = lab.get("/api/v1/attestations?line=10.1&limit=1").await;
    assert_eq!(page["attestations"][0]["id"], *other);
    let next = page["next"].as_str().unwrap();
    let page = lab
        .get(&format!("/api/v1/attestations?line=10.1&limit=1&cursor={next}"))
        .await;
    assert_eq!(
        (&page["attestations"][0]["id"], &page["next"]),
        (&json!(id), &Value::Null)
    );
    let page = lab.get("/api/v1/attestations?line=10.2").await;
    assert_eq!(page["attestations"], json!([]));

    let path = format!("/api/v1/attestations/{other}/withdraw");
    let withdrawn = operator.done(lab, &path, &json!({"reason": "日期有誤。"})).await;
    assert_eq!(withdrawn["withdrawn"]["by"], operator.name);
    let again = operator.post(lab, &path, &json!({"reason": "日期有誤。"})).await;
    assert_problem(again, 409, "gone").await;
    assert_eq!(
        office.line("10.1").await["status"],
        "conforming",
        "the first one stands again"
    );

    let done: Vec<String> = acts(lab)
        .await
        .into_iter()
        .filter(|(who, _, _)| *who == operator.name)
        .map(|(_, what, on)| format!("{what} {}", on.split(' ').next().unwrap()))
        .collect();
    let expected = [
        format!("attestation.withdraw {other}"),
        format!("attestation.give {other}"),
        format!("attestation.give {id}"),
    ];
    assert_eq!(done, expected);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiver_is_decided_by_somebody_else_and_shows_until_it_ends() {
    let office = Office::open().await;
    let (lab, operator, [alice, bob]) = (&office.lab, &office.operator, &office.admins);
    let host = Host::enrol(lab).await;
    let response = host.post(lab, host.first(Status::Fail)).await;
    assert_eq!(response.status(), StatusCode::OK);

    let made = alice.made(lab, "/api/v1/waivers", &waiver(0, 30)).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made["state"], &made["by"]),
        (&json!("requested"), &json!(alice.name))
    );
    let approve = format!("/api/v1/waivers/{id}/approve");
    let note = json!({"note": "同意至更換設備為止。"});
    assert_problem(alice.post(lab, &approve, &note).await, 403, "own-request").await;
    let shown = || async { lab.get("/api/v1/findings").await["findings"][0]["status"].clone() };
    assert_eq!(shown().await, "fail", "nobody has approved it");
    assert_eq!(bob.done(lab, &approve, &note).await["state"], "in-force");
    assert_problem(bob.post(lab, &approve, &note).await, 409, "decided").await;
    assert_eq!(shown().await, "waived");
    let in_force = lab.get("/api/v1/waivers?state=in-force").await;
    assert_eq!(in_force["waivers"][0]["id"], id);
    assert_eq!(
        lab.get("/api/v1/waivers?state=requested").await["waivers"],
        json!([])
    );
    assert_eq!(lab.metric("plumbline_waivers{state=\"in-force\"}").await, 1);

    let end = format!("/api/v1/waivers/{id}/end");
    let ended = operator.done(lab, &end, &json!({"note": "設備已更換。"})).await;
    assert_eq!(ended["ended"]["by"], operator.name);
    assert_eq!(shown().await, "fail");
    assert_problem(operator.post(lab, &end, &note).await, 409, "gone").await;

    let refused = operator.made(lab, "/api/v1/waivers", &waiver(1, 2)).await;
    let reject = format!("/api/v1/waivers/{}/reject", refused["id"].as_str().unwrap());
    assert_eq!(bob.done(lab, &reject, &note).await["state"], "rejected");
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_at_once_one_is_told_so() {
    let office = Office::open().await;
    let lab = &office.lab;
    for _ in 0..5 {
        let made = office.operator.made(lab, "/api/v1/waivers", &waiver(0, 3)).await;
        let id = made["id"].as_str().unwrap();
        let [alice, bob] = &office.admins;
        let (approve, reject) = (
            format!("/api/v1/waivers/{id}/approve"),
            format!("/api/v1/waivers/{id}/reject"),
        );
        let note = json!({"note": "已審閱。"});
        let (one, other) = tokio::join!(alice.post(lab, &approve, &note), bob.post(lab, &reject, &note));
        let mut answers = [one.status(), other.status()];
        answers.sort();
        assert_eq!(answers, [StatusCode::OK, StatusCode::CONFLICT]);
    }
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrective_action_goes_from_a_line_to_its_review() {
    let office = Office::open().await;
    let (lab, operator) = (&office.lab, &office.operator);
    let seen = json!({"line": "7.1.3", "text": "對外網站仍接受 TLS 1.0。"});
    let made = operator.made(lab, "/api/v1/actions", &seen).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made["stage"], &made["by"]),
        (&json!("open"), &json!(operator.name))
    );
    let again = assert_problem(
        operator.post(lab, "/api/v1/actions", &seen).await,
        409,
        "already-open",
    )
    .await;
    assert!(again["detail"].as_str().unwrap().contains(&id), "{again}");
    assert_eq!(office.line("7.1.3").await["corrective_action"]["id"], id);

    let steps = format!("/api/v1/actions/{id}/steps");
    let step = |name: &str| json!({"step": name, "text": "已完成。"});
    for early in ["measure", "result"] {
        assert_problem(
            operator.post(lab, &steps, &step(early)).await,
            409,
            "out-of-order",
        )
        .await;
    }
    let late = json!({"step": "assign", "owner": "陳經理", "due_on": in_days(-1)});
    assert_problem(operator.post(lab, &steps, &late).await, 400, "unsound-record").await;
    let assign = json!({"step": "assign", "owner": "陳經理", "due_on": in_days(14)});
    assert_eq!(operator.done(lab, &steps, &assign).await["owner"], "陳經理");
    for (name, stage) in [
        ("cause", "cause-known"),
        ("measure", "measure-taken"),
        ("result", "result-known"),
    ] {
        assert_eq!(operator.done(lab, &steps, &step(name)).await["stage"], stage);
    }
    let review = |effective: bool| json!({"step": "review", "effective": effective, "text": "已複查。"});
    let not_yet = operator.done(lab, &steps, &review(false)).await;
    assert_eq!(not_yet["stage"], "cause-known", "another measure is to follow");
    assert_eq!(
        lab.metric("plumbline_corrective_actions{stage=\"cause-known\"}")
            .await,
        1
    );
    operator.done(lab, &steps, &step("measure")).await;
    operator.done(lab, &steps, &step("result")).await;
    let closed = operator.done(lab, &steps, &review(true)).await;
    assert_eq!(closed["stage"], "closed");
    assert_eq!(closed["history"].as_array().unwrap().len(), 8);
    assert_problem(operator.post(lab, &steps, &review(true)).await, 409, "closed").await;
    assert_eq!(office.line("7.1.3").await["corrective_action"], Value::Null);
    assert_eq!(lab.get("/api/v1/actions?state=open").await["actions"], json!([]));
    assert_eq!(
        lab.get("/api/v1/actions?state=closed").await["actions"][0],
        closed
    );
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_its_reason() {
    let office = Office::open().await;
    let (lab, operator) = (&office.lab, &office.operator);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut given = training(&in_days(0));
        change(&mut given);
        given
    };
    for (given, said) in [
        (training(&in_days(1)), "lies in the future"),
        (
            with(&|given| given["lines"] = json!(["10.11"])),
            "did you mean `10.1`",
        ),
        (with(&|given| given["lines"] = json!([])), "no line"),
        (
            with(&|given| given["statement"] = json!(" ")),
            "statement is empty",
        ),
        (
            with(&|given| given["statement"] = json!("a\u{202e}b")),
            "control characters",
        ),
        (
            with(&|given| given["files"][0]["sha256"] = json!("AB")),
            "SHA-256",
        ),
        (with(&|given| given["files"][0]["size"] = json!(0)), "is empty"),
        (
            with(&|given| given["details"]["attended"] = json!(0)),
            "nobody came",
        ),
    ] {
        let refused = operator.post(lab, "/api/v1/attestations", &given).await;
        let problem = assert_problem(refused, 400, "unsound-record").await;
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
    let unknown = with(&|given| given["corrects"] = json!("a-none"));
    assert_problem(
        operator.post(lab, "/api/v1/attestations", &unknown).await,
        404,
        "not-found",
    )
    .await;
    let misspelt = with(&|given| given["note"] = json!("x"));
    assert_problem(
        operator.post(lab, "/api/v1/attestations", &misspelt).await,
        400,
        "bad-json",
    )
    .await;
    let large = with(&|given| given["statement"] = json!("字".repeat(24 * 1024)));
    assert_problem(
        operator.post(lab, "/api/v1/attestations", &large).await,
        413,
        "too-large",
    )
    .await;

    let mut nowhere = waiver(0, 3);
    nowhere["hosts"] = json!({});
    let mut no_check = waiver(0, 3);
    no_check["check"] = json!("tls.nothing");
    for (asked, said) in [
        (waiver(3, 2), "give a later end"),
        (waiver(-9, -1), "give a later end"),
        (waiver(0, 366), "at most 366 days"),
        (nowhere, "no host is named"),
        (no_check, "no check"),
    ] {
        let refused = operator.post(lab, "/api/v1/waivers", &asked).await;
        let problem = assert_problem(refused, 400, "unsound-record").await;
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
    let nowhere = json!({"line": "7.1.33", "text": "x"});
    let refused = operator.post(lab, "/api/v1/actions", &nowhere).await;
    let problem = assert_problem(refused, 400, "unsound-record").await;
    assert!(
        problem["detail"].as_str().unwrap().contains("did you mean"),
        "{problem}"
    );
    let note = json!({"note": "x"});
    for (path, body) in [
        ("/api/v1/attestations/a-none/withdraw", json!({"reason": "x"})),
        ("/api/v1/waivers/w-none/end", note.clone()),
        (
            "/api/v1/actions/c-none/steps",
            json!({"step": "cause", "text": "x"}),
        ),
    ] {
        assert_problem(operator.post(lab, path, &body).await, 404, "not-found").await;
    }
    for path in [
        "/api/v1/attestations?limit=0",
        "/api/v1/attestations?lines=10.1",
        "/api/v1/waivers?state=old",
        "/api/v1/actions?state=old",
    ] {
        let response = lab.request(Method::GET, path).send().await.unwrap();
        assert_problem(response, 400, "bad-request").await;
    }
    let response = lab.request(Method::GET, "/api/v1/attestations?line=10.11");
    assert_problem(response.send().await.unwrap(), 400, "unsound-record").await;

    for (who, path, body) in [
        (&office.viewer, "/api/v1/attestations", training(&in_days(0))),
        (&office.auditor, "/api/v1/attestations", training(&in_days(0))),
        (&office.auditor, "/api/v1/waivers", waiver(0, 3)),
        (
            &office.auditor,
            "/api/v1/actions",
            json!({"line": "7.1.3", "text": "x"}),
        ),
        (operator, "/api/v1/waivers/w-none/approve", note.clone()),
        (operator, "/api/v1/waivers/w-none/reject", note),
    ] {
        assert_problem(who.post(lab, path, &body).await, 403, "forbidden").await;
    }
    for path in ["attestations", "waivers", "actions"] {
        assert_eq!(
            lab.get(&format!("/api/v1/{path}")).await[path],
            json!([]),
            "nothing was kept"
        );
    }
    office.close().await;
}
