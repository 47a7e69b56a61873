//! Every operation of the API with every kind of credential that does not open it: missing, unknown, expired, revoked, of
//! too low a role, for something else, of a session that is over, of a disabled user, and under another site's request.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::lab::{Lab, assert_problem};
use crate::people::{COOKIE, PASSWORD, sign_in};

/// Roles, least first.
const ROLES: [&str; 4] = ["viewer", "auditor", "operator", "admin"];

/// Scopes, each with the operations that it opens alone.
const SCOPES: [&str; 8] = [
    "enrolment",
    "findings",
    "hosts",
    "metrics",
    "people",
    "plan",
    "records",
    "reports",
];

/// One operation that wants a credential.
struct Operation {
    method: Method,
    path: String,
    /// Place of the least role among [`ROLES`].
    least: usize,
    scope: Option<String>,
}

/// Every operation of the document but those that want no credential.
async fn operations(lab: &Lab) -> Vec<Operation> {
    let document = lab.get("/api/v1/openapi.json").await;
    let mut operations = Vec::new();
    let mut open = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"] == serde_json::json!([]) {
                open.push(format!("{method} {path}"));
                continue;
            }
            let parts: Vec<&str> = path
                .split('/')
                .map(|part| if part.starts_with('{') { "h-none" } else { part })
                .collect();
            operations.push(Operation {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: parts.join("/"),
                least: ROLES
                    .iter()
                    .position(|role| operation["x-role"] == *role)
                    .unwrap(),
                scope: operation["x-scope"].as_str().map(str::to_owned),
            });
        }
    }
    assert_eq!(open, ["post /api/v1/session"], "nothing else is open");
    assert!(operations.len() >= 25, "{}", operations.len());
    operations
}

impl Operation {
    fn request(&self, lab: &Lab, client: &reqwest::Client) -> RequestBuilder {
        client.request(self.method.clone(), lab.web_url(&self.path))
    }

    /// Asserts that the operation is reached: what it then makes of a request without a body is its own affair.
    async fn assert_open(&self, request: RequestBuilder, with: &str) {
        let status = request.send().await.unwrap().status();
        let closed = [
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::METHOD_NOT_ALLOWED,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        assert!(
            !closed.contains(&status),
            "{} {} with {with}: {status}",
            self.method,
            self.path
        );
        assert!(
            !status.is_server_error(),
            "{} {} with {with}: {status}",
            self.method,
            self.path
        );
    }
}

fn token(lab: &Lab, arguments: &[&str]) -> Value {
    lab.json(&[&["apitoken", "create"], arguments].concat())
}

fn secret(made: &Value) -> String {
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_keeps_to_the_role_that_the_document_names() {
    let lab = Lab::start().await;
    let tokens = ROLES.map(|role| secret(&token(&lab, &["--role", role])));
    let client = lab.client(None);
    for operation in operations(&lab).await {
        assert_problem(
            operation.request(&lab, &client).send().await.unwrap(),
            401,
            "missing-token",
        )
        .await;
        for (index, token) in tokens.iter().enumerate() {
            let request = operation.request(&lab, &client).bearer_auth(token);
            if index < operation.least {
                assert_problem(request.send().await.unwrap(), 403, "forbidden").await;
            } else {
                operation.assert_open(request, ROLES[index]).await;
            }
        }
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_keeps_to_the_scope_that_the_document_names() {
    let lab = Lab::start().await;
    let tokens = SCOPES.map(|scope| secret(&token(&lab, &["--role", "admin", "--scope", scope])));
    let both = secret(&token(
        &lab,
        &["--role", "admin", "--scope", "metrics", "--scope", "hosts"],
    ));
    let client = lab.client(None);
    for operation in operations(&lab).await {
        for (scope, token) in SCOPES.iter().zip(&tokens) {
            let request = operation.request(&lab, &client).bearer_auth(token);
            if operation.scope.as_deref() == Some(scope) {
                operation.assert_open(request, scope).await;
            } else {
                assert_problem(request.send().await.unwrap(), 403, "out-of-scope").await;
            }
        }
        let request = operation.request(&lab, &client).bearer_auth(&both);
        match operation.scope.as_deref() {
            Some("metrics" | "hosts") => operation.assert_open(request, "two scopes").await,
            _ => drop(assert_problem(request.send().await.unwrap(), 403, "out-of-scope").await),
        }
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_a_session_that_is_over() {
    let lab = Lab::start().await;
    let mut sessions = Vec::new();
    for name in ["ended", "idle", "disabled", "changed", "signed-out"] {
        lab.json_with(&["user", "add", name, "--role", "admin"], PASSWORD);
        sessions.push(sign_in(&lab, name).await);
    }
    let database = lab.database();
    database
        .execute("UPDATE sessions SET expires_at = 1 WHERE user_name = 'ended'", [])
        .unwrap();
    let half_an_hour_ago = "UPDATE sessions SET seen_at = seen_at - 1800000000 WHERE user_name = 'idle'";
    database.execute(half_an_hour_ago, []).unwrap();
    drop(database);
    lab.json(&["user", "disable", "disabled"]);
    lab.json(&["user", "role", "changed", "viewer"]);
    lab.json(&["user", "role", "changed", "admin"]);
    let out = lab
        .browser()
        .delete(lab.web_url("/api/v1/session"))
        .header("cookie", format!("{COOKIE}={}", sessions[4]))
        .header("origin", lab.origin());
    assert_eq!(out.send().await.unwrap().status(), StatusCode::OK);
    sessions.push("pls_unknown".to_owned());
    // An API token is no session, and a session no API token.
    sessions.push(lab.admin.clone());
    let good = sign_in(&lab, "ended").await;

    let client = lab.client(None);
    for operation in operations(&lab).await {
        for session in &sessions {
            let request = operation
                .request(&lab, &client)
                .header("cookie", format!("{COOKIE}={session}"))
                .header("origin", lab.origin());
            assert_problem(request.send().await.unwrap(), 401, "invalid-session").await;
        }
        let as_token = operation.request(&lab, &client).bearer_auth(&good);
        let response = as_token.send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_problem(response, 429, "too-many-failures").await;
        } else {
            assert_problem(response, 401, "invalid-token").await;
        }
    }
    lab.stop().await;
}

/// Bad tokens are counted by source, so each kind meets a collector that has not seen the others.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_a_token_that_opens_nothing() {
    let kinds: [fn(&Lab) -> String; 3] = [
        |lab| {
            let revoked = token(lab, &["--role", "admin"]);
            lab.json(&["apitoken", "revoke", revoked["id"].as_str().unwrap()]);
            secret(&revoked)
        },
        |lab| {
            let expired = token(lab, &["--role", "admin"]);
            let past = "UPDATE api_tokens SET expires_at = 1 WHERE id = ?1";
            lab.database()
                .execute(past, [expired["id"].as_str().unwrap()])
                .unwrap();
            secret(&expired)
        },
        |_| "pla_unknown".to_owned(),
    ];
    for kind in kinds {
        let lab = Lab::start().await;
        let token = kind(&lab);
        token_is_refused(&lab, &token).await;
        lab.stop().await;
    }
}

async fn token_is_refused(lab: &Lab, token: &str) {
    let client = lab.client(None);
    let mut refused = 0;
    for operation in operations(lab).await {
        let response = operation
            .request(lab, &client)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_problem(response, 429, "too-many-failures").await;
        } else {
            assert_problem(response, 401, "invalid-token").await;
            refused += 1;
        }
    }
    assert!(refused >= 10, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_changes_nothing_at_another_sites_bidding() {
    let lab = Lab::start().await;
    lab.json_with(&["user", "add", "alice", "--role", "admin"], PASSWORD);
    let session = sign_in(&lab, "alice").await;
    let client = lab.browser();
    for operation in operations(&lab).await {
        let request = || {
            operation
                .request(&lab, &client)
                .header("cookie", format!("{COOKIE}={session}"))
        };
        if operation.method == Method::GET {
            let request = request().header("sec-fetch-site", "cross-site");
            operation.assert_open(request, "a link from elsewhere").await;
            continue;
        }
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("x-nothing", "said"),
        ] {
            let response = request().header(name, value).send().await.unwrap();
            assert_problem(response, 403, "cross-site").await;
        }
        let ends = operation.path == "/api/v1/session";
        if !ends {
            let request = request().header("sec-fetch-site", "same-origin");
            operation.assert_open(request, "a session").await;
        }
    }
    lab.stop().await;
}
