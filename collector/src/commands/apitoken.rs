//! `apitoken …`: what opens the API.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::{act, duration};
use crate::access::Access;
use crate::cli::Place;
use crate::store::ApiToken;
use crate::tokens;

/// Commands on API tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token; it is shown once
    #[command(after_help = "Example: plumbline-collector apitoken create --role viewer --note prometheus")]
    Create {
        /// What its holder may do: viewer, auditor, operator or admin
        #[arg(long)]
        role: Access,
        /// What it is for
        #[arg(long, default_value = "", value_name = "TEXT")]
        note: String,
        /// How long it lives; until it is revoked otherwise
        #[arg(long, value_parser = duration, value_name = "TIME")]
        ttl: Option<SignedDuration>,
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
struct View {
    id: String,
    role: Access,
    note: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<ApiToken> for View {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            role: token.access,
            note: token.note,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

#[derive(Serialize)]
struct NewToken<'a> {
    token: &'a str,
    #[serde(flatten)]
    view: View,
}

/// Runs the command.
pub(crate) fn run(command: Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    match command {
        Command::Create { role, note, ttl } => create(role, note, ttl, place, output),
        Command::List => list(place, output),
        Command::Revoke { id } => revoke(&id, place, output),
    }
}

fn create(
    access: Access,
    note: String,
    ttl: Option<SignedDuration>,
    place: &Place,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (token, stored) = tokens::api(access, note, ttl, Timestamp::now())?;
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
            .arg("role", stored.access);
        output.line(&message.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}

fn list(place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (_, store) = place.store_to_read()?;
    let tokens: Vec<View> = store.api_tokens()?.into_iter().map(View::from).collect();
    if output.format == Format::Json {
        output.json(&serde_json::json!({ "tokens": tokens }))?;
        return Ok(Outcome::Clean);
    }
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    output.table_under(
        [
            "collector-heading-token",
            "collector-heading-role",
            "collector-heading-note",
            "collector-heading-ends",
            "collector-heading-revoked",
        ],
        tokens.into_iter().map(|token| {
            [
                token.id,
                token.role.to_string(),
                token.note,
                time(token.expires_at),
                time(token.revoked_at),
            ]
        }),
    )?;
    Ok(Outcome::Clean)
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
