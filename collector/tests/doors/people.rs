//! People who sign in as a program does, for the other tests.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::lab::Lab;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Name of the cookie.
pub(crate) const COOKIE: &str = "__Host-plumbline-session";

/// Asks to sign in over the API.
pub(crate) async fn ask(lab: &Lab, user: &str, password: &str) -> Response {
    lab.browser()
        .post(lab.web_url("/api/v1/session"))
        .json(&json!({"user": user, "password": password}))
        .send()
        .await
        .unwrap()
}

/// Signs in, and gives the cookie's value.
pub(crate) async fn sign_in(lab: &Lab, user: &str) -> String {
    let response = ask(lab, user, PASSWORD).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    cookie(&response).unwrap()
}

/// The value of the cookie that an answer sets.
pub(crate) fn cookie(response: &Response) -> Option<String> {
    let header = response.headers().get("set-cookie")?.to_str().unwrap();
    let (pair, attributes) = header.split_once("; ").unwrap();
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(attributes.split("; ").any(|each| each == attribute), "{header}");
    }
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!(name, COOKIE);
    Some(value.to_owned())
}

/// What people did, newest first: who, what, on.
pub(crate) async fn acts(lab: &Lab) -> Vec<(String, String, String)> {
    let text = |act: &Value, member: &str| act[member].as_str().unwrap().to_owned();
    let page = lab.get("/api/v1/acts").await;
    let acts = page["acts"].as_array().unwrap();
    acts.iter()
        .map(|act| (text(act, "who"), text(act, "what"), text(act, "on")))
        .collect()
}
