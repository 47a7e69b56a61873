//! `apitoken …`: what opens the API.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::{act, duration};
use crate::access::{Access, Scope};
use crate::cli::Place;
use crate::tokens::{self, ApiOrder, ApiTokenView};

/// Commands on API tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token; it is shown once
    #[command(
        after_help = "Example: plumbline-collector apitoken create --role viewer --scope metrics --note prometheus"
    )]
    Create {
        /// What its holder may do: viewer, auditor, operator or admin
        #[arg(long)]
        role: Access,
        /// Where it may be used alone: enrolment, findings, hosts, metrics, people, plan, records or reports; may be given again
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// What it is for
        #[arg(long, default_value = "", value_name = "TEXT")]
        note: String,
        /// How long it lives; `never`: until it is revoked
        #[arg(long, default_value = "90d", value_parser = life, value_name = "TIME")]
        ttl: Life,
    },
    /// List tokens, newest first, without their secrets
    #[command(after_help = "Example: plumbline-collector apitoken list")]
    List,
    /// Revoke a token by the name that `list` shows
    #[command(after_help = "Example: plumbline-collector apitoken revoke t-k3w7qz5a")]
    Revoke {
        /// Name of the token, such as t-k3w7qz5a
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Serialize)]
struct NewToken<'a> {
    token: &'a str,
    #[serde(flatten)]
    view: ApiTokenView,
}

/// Runs the command.
pub(crate) fn run(command: Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    match command {
        Command::Create {
            role,
            scopes,
            note,
            ttl,
        } => {
            let order = ApiOrder {
                access: role,
                scopes,
                note,
                life: ttl.0,
            };
            create(order, place, output)
        }
        Command::List => list(place, output),
        Command::Revoke { id } => revoke(&id, place, output),
    }
}

fn create(order: ApiOrder, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (token, stored) = tokens::api(order, Timestamp::now())?;
    let (_, store) = place.store_to_write()?;
    store.add_api_token(&stored, &act("api-token.create", &stored.id))?;
    if output.format == Format::Json {
        output.json(&NewToken {
            token: token.reveal(),
            view: stored.into(),
        })?;
    } else {
        let message = Message::new("collector-api-token-made")
            .arg("token", token.reveal())
            .arg("id", &stored.id)
            .arg("role", output.text(stored.access.key()))
            .arg("scopes", scopes(&stored.scopes, output))
            .arg("expires_at", end(stored.expires_at, output));
        output.line(&message.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}

fn list(place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (_, store) = place.store_to_read()?;
    let tokens: Vec<ApiTokenView> = store.api_tokens()?.into_iter().map(ApiTokenView::from).collect();
    if output.format == Format::Json {
        output.json(&serde_json::json!({ "tokens": tokens }))?;
        return Ok(Outcome::Clean);
    }
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    output.table_under(
        [
            "collector-heading-token",
            "collector-heading-role",
            "people-heading-scopes",
            "collector-heading-note",
            "collector-heading-ends",
            "collector-heading-revoked",
            "people-heading-used",
        ],
        tokens.into_iter().map(|token| {
            [
                token.id,
                output.text(token.role.key()),
                scopes(&token.scopes, output),
                token.note,
                end(token.expires_at, output),
                time(token.revoked_at),
                time(token.used_at),
            ]
        }),
    )?;
    Ok(Outcome::Clean)
}

/// What a token opens, in words.
fn scopes(scopes: &[Scope], output: &Output) -> String {
    if scopes.is_empty() {
        return output.text("people-all-scopes");
    }
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    names.join(", ")
}

/// When a token ends, in words.
fn end(at: Option<Timestamp>, output: &Output) -> String {
    at.map_or_else(|| output.text("people-never"), |at| at.to_string())
}

/// How long a token lives; `None`: until it is revoked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life(Option<SignedDuration>);

fn life(text: &str) -> Result<Life, String> {
    if text == "never" {
        return Ok(Life(None));
    }
    duration(text)
        .map(|life| Life(Some(life)))
        .map_err(|error| format!("{error}, or never"))
}

fn revoke(id: &str, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (_, store) = place.store_to_write()?;
    if !store.revoke_api_token(id, &act("api-token.revoke", id))? {
        return Err(Failure::new(format!(
            "there is no API token `{id}` that still stands; `plumbline-collector apitoken list` shows them"
        )));
    }
    if output.format == Format::Json {
        output.json(&serde_json::json!({ "id": id, "revoked": true }))?;
    } else {
        output.line(
            &Message::new("collector-revoked")
                .arg("what", id)
                .render_in(output.lang),
        )?;
    }
    Ok(Outcome::Clean)
}
