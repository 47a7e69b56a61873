//! Users, signing in and out, and the record of it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::lab::{Lab, assert_problem};
use crate::people::{COOKIE, PASSWORD, acts, ask, cookie, sign_in};

async fn with_alice(role: &str) -> Lab {
    let lab = Lab::start().await;
    lab.json_with(&["user", "add", "alice", "--role", role], PASSWORD);
    lab
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_is_known_and_signs_out() {
    let lab = with_alice("auditor").await;
    let session = sign_in(&lab, "alice").await;
    assert!(session.starts_with("pls_"));
    let request = |method: Method, path: &str| {
        lab.browser()
            .request(method, lab.web_url(path))
            .header("cookie", format!("other=1; {COOKIE}={session}"))
    };
    let me: Value = request(Method::GET, "/api/v1/session")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&me["kind"], &me["name"], &me["role"]),
        (&json!("user"), &json!("alice"), &json!("auditor"))
    );
    let report = request(Method::GET, "/report").send().await.unwrap();
    assert_eq!(report.status(), StatusCode::OK, "a session works everywhere");
    assert_problem(
        request(Method::GET, "/api/v1/users").send().await.unwrap(),
        403,
        "forbidden",
    )
    .await;
    let out = request(Method::DELETE, "/api/v1/session").header("sec-fetch-site", "same-origin");
    let out = out.send().await.unwrap();
    assert_eq!(out.status(), StatusCode::OK);
    assert!(
        out.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_problem(
        request(Method::GET, "/report").send().await.unwrap(),
        401,
        "invalid-session",
    )
    .await;

    let kept: String = lab
        .database()
        .query_row("SELECT password FROM users", [], |row| row.get(0))
        .unwrap();
    assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
    let whats: Vec<_> = acts(&lab).await;
    let expected = [
        ("user:alice", "session.end", "user:alice"),
        ("user:alice", "session.create", "address:127.0.0.1"),
    ];
    for (act, expected) in whats.iter().zip(expected) {
        assert_eq!((act.0.as_str(), act.1.as_str(), act.2.as_str()), expected);
    }
    assert_eq!(
        (whats[2].1.as_str(), whats[2].2.as_str()),
        ("user.create", "alice as auditor")
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_sign_in_is_told_the_same_whatever_the_reason() {
    let lab = with_alice("viewer").await;
    lab.json_with(&["user", "add", "bob", "--role", "viewer"], PASSWORD);
    lab.json(&["user", "disable", "bob"]);
    let mut said = Vec::new();
    let long = "x".repeat(2_000);
    for (user, password) in [
        ("alice", "wrong"),
        ("alice", ""),
        ("bob", PASSWORD),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        (long.as_str(), PASSWORD),
    ] {
        let response = ask(&lab, user, password).await;
        assert!(cookie(&response).is_none());
        said.push(assert_problem(response, 401, "wrong-password").await);
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]));
    let mut refused = Vec::new();
    for _ in 0..100 {
        let acts = acts(&lab).await;
        refused = acts
            .into_iter()
            .filter(|act| act.1 == "session.refuse")
            .map(|act| (act.0, act.2))
            .collect();
        if refused.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    refused.sort();
    let of = |user: &str| ("address:127.0.0.1".to_owned(), format!("user:{user}"));
    assert_eq!(
        refused,
        [of("alice"), of("alice"), of("bob")],
        "of known users alone"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_slowed_down_also_all_at_once() {
    let lab = with_alice("viewer").await;
    let guesses = (0..16).map(|number| {
        let password = format!("guess number {number}");
        let lab = &lab;
        async move { ask(lab, "alice", &password).await.status() }
    });
    let mut statuses = Vec::new();
    for guess in futures_util::future::join_all(guesses).await {
        statuses.push(guess);
    }
    let count = |status| statuses.iter().filter(|each| **each == status).count();
    assert_eq!(count(StatusCode::UNAUTHORIZED), 10, "{statuses:?}");
    assert_eq!(count(StatusCode::TOO_MANY_REQUESTS), 6, "{statuses:?}");
    let response = ask(&lab, "alice", PASSWORD).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_problem(response, 429, "too-many-failures").await;
    assert_eq!(
        lab.request(Method::GET, "/api/v1/hosts")
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK,
        "API tokens are not held up"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_and_changed_over_the_api() {
    let lab = Lab::start().await;
    let post = |path: &str, body: Value| {
        let request = lab.request(Method::POST, &format!("/api/v1/users{path}"));
        request.json(&body).send()
    };
    let order = json!({"name": "e\u{301}mile", "role": "viewer", "password": PASSWORD});
    let made = post("", order.clone()).await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.unwrap();
    assert_eq!(
        (&made["name"], &made["has_password"]),
        (&json!("émile"), &json!(true))
    );
    assert!(!made.to_string().contains("argon2"));
    assert_problem(post("", order).await.unwrap(), 409, "name-taken").await;
    for (member, value) in [
        ("name", json!("a\u{202e}b")),
        ("name", json!("")),
        ("password", json!("too short")),
        ("password", Value::Null),
        ("oidc_subject", json!("1")),
    ] {
        let mut order = json!({"name": "bob", "role": "viewer", "password": PASSWORD});
        order[member] = value;
        assert_problem(post("", order).await.unwrap(), 422, "unsound-request").await;
    }
    let order = json!({"name": "bob", "role": "emperor", "password": PASSWORD});
    assert_problem(post("", order).await.unwrap(), 400, "bad-json").await;
    let order = json!({"name": "bob", "role": "viewer", "oidc_subject": "1"});
    assert_problem(post("", order).await.unwrap(), 422, "unsound-request").await;

    let changed = |path: &'static str, body: Value| {
        let answer = post(path, body);
        async move {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            answer.json::<Value>().await.unwrap()["changed"]
                .as_bool()
                .unwrap()
        }
    };
    let name = "/%C3%A9mile";
    assert_eq!(name, "/%C3%A9mile");
    assert!(changed("/%C3%A9mile/role", json!({"role": "operator"})).await);
    assert!(!changed("/%C3%A9mile/role", json!({"role": "operator"})).await);
    assert!(
        changed(
            "/%C3%A9mile/password",
            json!({"password": "another long password"})
        )
        .await
    );
    assert!(changed("/%C3%A9mile/disable", json!({})).await);
    assert_problem(
        ask(&lab, "émile", "another long password").await,
        401,
        "wrong-password",
    )
    .await;
    assert!(changed("/%C3%A9mile/enable", json!({})).await);
    assert_eq!(
        ask(&lab, "émile", "another long password").await.status(),
        StatusCode::CREATED
    );
    assert_problem(
        post("/nobody/disable", json!({})).await.unwrap(),
        404,
        "not-found",
    )
    .await;

    let users = lab.get("/api/v1/users").await;
    assert_eq!(users["users"][0]["role"], "operator");
    assert_eq!(
        lab.json(&["user", "list"]),
        users,
        "the command line says the same"
    );
    let whats: Vec<String> = acts(&lab).await.into_iter().map(|act| act.1).collect();
    let expected = ["session.create", "user.enable"];
    assert_eq!(whats[..2], expected);
    assert_eq!(
        whats.iter().filter(|what| *what == "user.role").count(),
        1,
        "what changed nothing is no act"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_tokens_are_made_narrowed_used_and_revoked_over_the_api() {
    let lab = Lab::start().await;
    let post = |path: &str, body: Value| lab.request(Method::POST, path).json(&body).send();
    let order = json!({"role": "viewer", "scopes": ["metrics"], "note": "prometheus"});
    let made: Value = post("/api/v1/api-tokens", order)
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let days = |made: &Value| {
        let at = |member: &str| {
            made[member]
                .as_str()
                .unwrap()
                .parse::<plumbline_config::Timestamp>()
                .unwrap()
        };
        at("expires_at").duration_since(at("created_at")).as_hours() / 24
    };
    assert_eq!(days(&made), 90, "unless told otherwise");
    let token = made["token"].as_str().unwrap();
    let get = |path: &str| lab.browser().get(lab.web_url(path)).bearer_auth(token).send();
    assert_eq!(get("/metrics").await.unwrap().status(), StatusCode::OK);
    assert_eq!(
        get("/api/v1/prometheus/targets").await.unwrap().status(),
        StatusCode::OK
    );
    assert_problem(get("/api/v1/hosts").await.unwrap(), 403, "out-of-scope").await;
    let listed = lab.get("/api/v1/api-tokens").await;
    assert!(!listed.to_string().contains(token), "a token is shown once");
    let find = |id: &Value| {
        let tokens = listed["tokens"].as_array().unwrap();
        tokens.iter().find(|token| token["id"] == *id).unwrap().clone()
    };
    let seen = find(&made["id"]);
    assert_eq!(seen["scopes"], json!(["metrics"]));
    assert!(seen["used_at"].is_string(), "{seen}");
    let never = json!({"role": "viewer", "never_expires": true});
    let never: Value = post("/api/v1/api-tokens", never)
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(never["expires_at"].is_null());
    let both = json!({"role": "viewer", "never_expires": true, "ttl_seconds": 1});
    assert_problem(
        post("/api/v1/api-tokens", both).await.unwrap(),
        422,
        "unsound-request",
    )
    .await;
    let unknown = json!({"role": "viewer", "scopes": ["all"]});
    assert_problem(
        post("/api/v1/api-tokens", unknown).await.unwrap(),
        400,
        "bad-json",
    )
    .await;
    let revoke = format!("/api/v1/api-tokens/{}/revoke", made["id"].as_str().unwrap());
    for revoked in [true, false] {
        let answer: Value = post(&revoke, json!({})).await.unwrap().json().await.unwrap();
        assert_eq!(answer["revoked"], revoked);
    }
    assert_problem(get("/metrics").await.unwrap(), 401, "invalid-token").await;
    assert_problem(
        post("/api/v1/api-tokens/t-none/revoke", json!({})).await.unwrap(),
        404,
        "not-found",
    )
    .await;
    assert_problem(
        post("/api/v1/api-tokens/%00/revoke", json!({})).await.unwrap(),
        404,
        "not-found",
    )
    .await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_are_paged() {
    let lab = Lab::start().await;
    for number in 0..5 {
        lab.json_with(
            &["user", "add", &format!("user-{number}"), "--role", "viewer"],
            PASSWORD,
        );
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = lab.get(&format!("/api/v1/acts?limit=2{cursor}")).await;
        seen.extend(page["acts"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_i64() else { break };
        cursor = format!("&cursor={next}");
    }
    let made = seen.iter().filter(|act| act["what"] == "user.create").count();
    assert_eq!((made, seen.len()), (5, 7), "with the plan and the first token");
    assert_eq!(lab.json(&["acts", "--limit", "1"])["acts"][0], seen[0]);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_signs_in_and_out_without_scripts() {
    let lab = with_alice("auditor").await;
    let browser = lab.browser();
    let page = browser
        .get(lab.web_url("/report?lang=en"))
        .header("accept", "text/html,application/xhtml+xml");
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SEE_OTHER, "once there are users");
    let location = page.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(location, "/login?next=%2Freport%3Flang%3Den");
    let page = browser
        .get(lab.web_url(&location))
        .header("accept-language", "en")
        .send()
        .await
        .unwrap();
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    let html = page.text().await.unwrap();
    assert!(
        html.contains("Sign in") && html.contains("width=device-width"),
        "{html}"
    );
    assert!(
        !html.contains("<script") && !html.contains("/oidc/start"),
        "{html}"
    );

    let form = |password: &str| {
        browser
            .post(lab.web_url("/login"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!(
                "user=alice&password={}&next=%2Freport%3Flang%3Den&lang=en",
                password.replace(' ', "+")
            ))
    };
    let foreign = form(PASSWORD)
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (foreign.status(), cookie(&foreign)),
        (StatusCode::FORBIDDEN, None)
    );
    let untold = form(PASSWORD).send().await.unwrap();
    assert_eq!((untold.status(), cookie(&untold)), (StatusCode::FORBIDDEN, None));
    let wrong = form("wrong").header("origin", lab.origin()).send().await.unwrap();
    assert_eq!((wrong.status(), cookie(&wrong)), (StatusCode::FORBIDDEN, None));
    let html = wrong.text().await.unwrap();
    assert!(
        html.contains("role=\"alert\"") && html.contains("value=\"alice\""),
        "{html}"
    );
    let right = form(PASSWORD)
        .header("origin", lab.origin())
        .send()
        .await
        .unwrap();
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    assert_eq!(right.headers()["location"], "/report?lang=en");
    let session = cookie(&right).unwrap();

    let get = |path: &str| {
        browser
            .get(lab.web_url(path))
            .header("cookie", format!("{COOKIE}={session}"))
            .header("accept", "text/html")
            .send()
    };
    assert_eq!(get("/report?lang=en").await.unwrap().status(), StatusCode::OK);
    let html = get("/login?lang=zh-TW").await.unwrap().text().await.unwrap();
    assert!(
        html.contains("已登入：alice") && html.contains("稽核者"),
        "{html}"
    );
    let out = || {
        browser
            .post(lab.web_url("/logout"))
            .header("cookie", format!("{COOKIE}={session}"))
    };
    out()
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(
        get("/report").await.unwrap().status(),
        StatusCode::OK,
        "another site signs nobody out"
    );
    let left = out().header("origin", lab.origin()).send().await.unwrap();
    assert_eq!(left.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        get("/report").await.unwrap().headers()["location"],
        "/login?next=%2Freport"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn until_there_are_users_a_browser_asks_for_a_token() {
    let lab = Lab::start().await;
    let get = || {
        lab.browser()
            .get(lab.web_url("/report"))
            .header("accept", "text/html")
    };
    let response = get().send().await.unwrap();
    let challenges = response.headers().get_all("www-authenticate").iter();
    assert_eq!(challenges.count(), 2, "Bearer and Basic");
    assert_problem(response, 401, "missing-token").await;
    let basic = get().basic_auth("anyone", Some(&lab.admin)).send().await.unwrap();
    assert_eq!(basic.status(), StatusCode::OK);
    lab.json_with(&["user", "add", "alice", "--role", "viewer"], PASSWORD);
    let basic = get().basic_auth("anyone", Some(&lab.admin)).send().await.unwrap();
    assert_eq!(basic.status(), StatusCode::OK, "also when there are");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_and_cookies_have_their_bounds() {
    let lab = with_alice("viewer").await;
    let browser = lab.browser();
    let post = |kind: &'static str, body: String| {
        browser
            .post(lab.web_url("/login"))
            .header("origin", lab.origin())
            .header("content-type", kind)
            .body(body)
            .send()
    };
    let form = "application/x-www-form-urlencoded";
    assert_problem(post(form, "x".repeat(100_000)).await.unwrap(), 413, "too-large").await;
    assert_problem(
        post("text/plain", String::new()).await.unwrap(),
        415,
        "unsupported-media-type",
    )
    .await;
    let odd = post(
        form,
        "user=%00%ff&password=%ff&next=//evil.example&user=alice".to_owned(),
    );
    let html = odd.await.unwrap().text().await.unwrap();
    assert!(html.contains("name=\"next\" value=\"/\""), "{html}");
    let long = browser
        .get(lab.web_url("/api/v1/hosts"))
        .header("cookie", format!("{COOKIE}={}", "x".repeat(10_000)));
    assert_problem(long.send().await.unwrap(), 401, "missing-token").await;
    let body = json!({"user": "alice", "password": "x".repeat(10_000)});
    let large = browser.post(lab.web_url("/api/v1/session")).json(&body);
    assert_problem(large.send().await.unwrap(), 413, "too-large").await;
    lab.stop().await;
}
