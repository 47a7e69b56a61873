//! `init`: a new collector.

use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_config::plan::LoadedPlan;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::act;
use crate::access::Access;
use crate::cli::Place;
use crate::home::{Home, write_private};
use crate::pki::{Authority, Signer};
use crate::store::{PublishedPlan, SqliteStore, Store};
use crate::tokens::{self, ApiOrder, USUAL_API_LIFE};

#[derive(Serialize)]
struct Made<'a> {
    data_dir: &'a std::path::Path,
    ca_sha256: String,
    ca_certificate: std::path::PathBuf,
    plan_version: String,
    admin_token: &'a str,
    admin_token_expires_at: Option<Timestamp>,
}

/// Runs the command.
pub(crate) fn run(place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let home = Home::new(place.settings()?.data_dir);
    let now = Timestamp::now();
    home.create()?;
    let authority = Authority::create(&home, now)?;
    let signer = Signer::create(&home)?;
    // SQLite makes its files with the mode of the process; this one is made before, for its owner alone.
    write_private(&home.database(), b"")?;
    let store = SqliteStore::open(&home.database())?;
    // A collector always has a plan: until the company's own is published, the form at its usual values.
    let plan = LoadedPlan::example()?;
    let published = PublishedPlan {
        signature: signer.sign(plan.text.as_bytes()),
        reference: plan.reference.clone(),
        toml: plan.text,
    };
    store.publish_plan(&published, &act("plan.publish", &plan.reference.sha256))?;
    let order = ApiOrder {
        access: Access::Admin,
        scopes: Vec::new(),
        note: "first administrator".to_owned(),
        life: Some(USUAL_API_LIFE),
    };
    let (token, stored) = tokens::api(order, now)?;
    store.add_api_token(&stored, &act("api-token.create", &stored.id))?;
    let made = Made {
        data_dir: home.root(),
        ca_sha256: authority.fingerprint(),
        ca_certificate: home.ca_certificate(),
        plan_version: plan.reference.version,
        admin_token: token.reveal(),
        admin_token_expires_at: stored.expires_at,
    };
    if output.format == Format::Json {
        output.json(&made)?;
    } else {
        let message = Message::new("collector-made")
            .arg("data_dir", made.data_dir.display())
            .arg("ca_sha256", &made.ca_sha256)
            .arg("ca_certificate", made.ca_certificate.display())
            .arg("plan_version", &made.plan_version)
            .arg("admin_token", made.admin_token)
            .arg("expires_at", stored.expires_at.unwrap_or(now));
        output.line(&message.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}
