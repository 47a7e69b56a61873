//! Signing in at a real OpenID Connect provider: the collector, the provider and a browser's cookies, over real TLS.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use plumbline_tests::lab::Lab;
use plumbline_tests::provider::{Browser, Provider, Signing, Visit};
use plumbline_tests::wait_for;
use serde_json::Value;

/// A secret that HTTP Basic takes as it is, and one that goes in the body.
const PLAIN: &str = "a-secret-of-the-client";
const ODD: &str = "a secret: 100% +/?&";

struct Scene {
    lab: Lab,
    provider: Provider,
}

impl Scene {
    /// A collector that gives roles by group and recognises users by their names; `None` without a provider.
    fn set(client_secret: &str) -> Option<Self> {
        let mut provider = None;
        let lab = Lab::start_with(|directory, web_port| {
            let redirect = format!("https://127.0.0.1:{web_port}/oidc/callback");
            provider = Provider::start(directory, &redirect, client_secret);
            let Some(provider) = &provider else {
                return String::new();
            };
            let secret = directory.join("client.secret");
            std::fs::write(&secret, format!("{client_secret}\n")).unwrap();
            std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
            format!(
                "[oidc]\nissuer = \"{}\"\nclient_id = \"plumbline\"\nclient_secret_file = \"{}\"\n\
                 redirect_uri = \"{redirect}\"\nca_file = \"{}\"\nrole_claim = \"groups\"\n\
                 users_by = \"preferred-username\"\nscopes = []\n\
                 [oidc.roles]\n\"the-auditors\" = \"auditor\"\n\"the-admins\" = \"admin\"\n",
                provider.issuer(),
                secret.display(),
                provider.ca_file().display()
            )
        });
        provider.map(|provider| Self { lab, provider })
    }

    /// Goes the whole way in a browser that is signed in at the provider; the answer to the last step.
    fn arrive(&self, browser: &Browser) -> Visit {
        let back = self.leave_and_return(browser);
        self.here(browser).get(&back)
    }

    /// From the collector to the provider and back; the address that the provider sends the browser to.
    fn leave_and_return(&self, browser: &Browser) -> String {
        let start = format!("{}/oidc/start?next=%2Freport%3Flang%3Den&lang=en", self.lab.web());
        let away = self.here(browser).get(&start);
        assert_eq!(away.status, 303, "{}", away.body);
        assert!(
            away.location.starts_with(&self.provider.issuer()),
            "{}",
            away.location
        );
        for part in [
            "code_challenge_method=S256",
            "state=",
            "nonce=",
            "response_type=code",
        ] {
            assert!(away.location.contains(part), "{}", away.location);
        }
        // What the provider's page appends when the person has chosen the account.
        let back = browser.get(&format!("{}&g_continue", away.location));
        let callback = format!("{}/oidc/callback?", self.lab.web());
        assert!(
            back.location.starts_with(&callback),
            "{} {}",
            back.status,
            back.location
        );
        back.location
    }

    fn here(&self, browser: &Browser) -> Browser {
        browser.towards(&self.lab.ca_certificate())
    }

    /// Who is signed in at the collector in this browser.
    fn whoami(&self, browser: &Browser) -> Option<Value> {
        let visit = self
            .here(browser)
            .get(&format!("{}/api/v1/session", self.lab.web()));
        (visit.status == 200).then(|| serde_json::from_str(&visit.body).unwrap())
    }

    fn acts(&self, what: &str) -> Vec<String> {
        let acts = self.lab.collector_json(&["acts"]);
        let acts = acts["acts"].as_array().unwrap();
        let acts = acts.iter().filter(|act| act["what"] == what);
        acts.map(|act| format!("{} {}", act["who"].as_str().unwrap(), act["on"].as_str().unwrap()))
            .collect()
    }
}

#[test]
fn a_group_gives_a_role_and_takes_it_away() {
    let Some(scene) = Scene::set(PLAIN) else { return };
    scene.provider.person("alice", "the-auditors");
    let browser = scene.provider.browser_of("alice");
    assert!(scene.whoami(&browser).is_none());
    let arrived = scene.arrive(&browser);
    assert_eq!(arrived.status, 303, "{}", arrived.body);
    assert_eq!(arrived.location, format!("{}/report?lang=en", scene.lab.web()));
    let alice = scene.whoami(&browser).unwrap();
    assert_eq!(
        (&alice["name"], &alice["role"]),
        (&"alice".into(), &"auditor".into())
    );
    let report = scene.here(&browser).get(&arrived.location);
    assert!(
        report.status == 200 && report.body.contains("<html"),
        "{}",
        report.status
    );
    let users = scene.lab.collector_json(&["user", "list"]);
    assert_eq!(users["users"][0]["role_claimed"], true);
    assert_eq!(users["users"][0]["oidc"]["issuer"], scene.provider.issuer());
    assert_eq!(scene.acts("user.create"), ["user:alice alice as auditor"]);

    scene.provider.person("alice", "the-admins");
    let other = scene.provider.browser_of("alice");
    assert_eq!(scene.arrive(&other).status, 303);
    assert_eq!(scene.whoami(&other).unwrap()["role"], "admin");
    assert_eq!(scene.acts("user.role"), ["user:alice alice as admin"]);

    scene.provider.person("alice", "the-others");
    let refused = scene.arrive(&scene.provider.browser_of("alice"));
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("no role here"), "{}", refused.body);
    wait_for("the refusal to be recorded", || {
        (scene.acts("session.refuse") == ["address:127.0.0.1 user:alice"]).then_some(())
    });
    assert_eq!(scene.acts("session.create").len(), 2);
}

#[test]
fn who_is_not_known_here_stays_out_until_an_administrator_says_otherwise() {
    let Some(scene) = Scene::set(ODD) else { return };
    scene.provider.person("bob", "nobodys");
    let browser = scene.provider.browser_of("bob");
    let refused = scene.arrive(&browser);
    assert!(
        refused.status == 403 && scene.whoami(&browser).is_none(),
        "{}",
        refused.body
    );

    let made = scene.lab.run_with(
        "plumbline-collector",
        &["user", "add", "bob", "--role", "operator"],
        "a password that is long\n",
    );
    assert!(made.status.success());
    assert_eq!(scene.arrive(&browser).status, 303);
    assert_eq!(scene.whoami(&browser).unwrap()["role"], "operator");
    scene.lab.collector_json(&["user", "disable", "bob"]);
    assert!(scene.whoami(&browser).is_none(), "his session has ended");
    assert_eq!(scene.arrive(&browser).status, 403);
}

#[test]
fn an_answer_is_good_once_and_in_the_browser_that_asked() {
    let Some(scene) = Scene::set(PLAIN) else { return };
    scene.provider.person("alice", "the-auditors");
    let browser = scene.provider.browser_of("alice");
    let back = scene.leave_and_return(&browser);
    let jar: PathBuf = scene.lab.path().to_owned();
    let stranger = Browser::new(&jar, "stranger", &scene.lab.ca_certificate());
    let refused = stranger.get(&format!("{back}&lang=en"));
    assert!(
        refused.status == 400 && refused.body.contains("was begun in this browser"),
        "{}",
        refused.body
    );

    let forged = scene.leave_and_return(&browser).replace("state=", "state=x");
    assert_eq!(scene.here(&browser).get(&forged).status, 400, "another state");
    let back = scene.leave_and_return(&browser);
    let other = back.replace("code=", "code=x");
    assert_eq!(scene.here(&browser).get(&other).status, 403, "another code");
    assert_eq!(scene.here(&browser).get(&back).status, 400, "the flow is over");
    let denied = scene
        .leave_and_return(&browser)
        .replace("code=", "error=access_denied&none=");
    let denied = scene.here(&browser).get(&denied);
    assert!(
        denied.status == 403 && denied.body.contains("did not sign you in"),
        "{}",
        denied.body
    );
    assert!(scene.whoami(&browser).is_none());
    assert_eq!(scene.arrive(&browser).status, 303, "and now as it should be");
}

#[test]
fn the_provider_changes_its_key_and_its_algorithm() {
    let Some(scene) = Scene::set(PLAIN) else { return };
    scene.provider.person("alice", "the-auditors");
    assert_eq!(
        scene.arrive(&scene.provider.browser_of("alice")).status,
        303,
        "RS256"
    );
    for signing in [Signing::Ecdsa, Signing::EdDsa] {
        scene.provider.sign_by(signing);
        // Keys are fetched again at most twice a minute.
        wait_for("the new key to be known", || {
            let arrived = scene.arrive(&scene.provider.browser_of("alice")).status;
            if arrived != 303 {
                std::thread::sleep(Duration::from_secs(5));
            }
            (arrived == 303).then_some(())
        });
    }
}
