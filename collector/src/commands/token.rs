//! `token …`: what hosts enrol with.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::Role;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::{act, duration, label};
use crate::cli::Place;
use crate::tokens::{self, EnrolmentOrder};
use crate::view::TokenView;

/// Commands on enrolment tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token; it is shown once
    #[command(
        after_help = "Example: plumbline-collector token create --role service --uses 20 --ttl 24h --label site=taipei"
    )]
    Create {
        /// Role of the hosts: service (run for customers) or office (OA machines)
        #[arg(long)]
        role: Role,
        /// How many hosts it enrols
        #[arg(long, default_value_t = 1, value_name = "N")]
        uses: u32,
        /// How long it lives
        #[arg(long, default_value = "24h", value_parser = duration, value_name = "TIME")]
        ttl: SignedDuration,
        /// Label of the hosts; may be given again
        #[arg(long = "label", value_parser = label, value_name = "KEY=VALUE")]
        labels: Vec<(String, String)>,
    },
    /// List tokens, newest first, without their secrets
    #[command(after_help = "Example: plumbline-collector token list")]
    List,
}

#[derive(Serialize)]
struct NewToken<'a> {
    token: &'a str,
    #[serde(flatten)]
    view: TokenView,
}

/// Runs the command.
pub(crate) fn run(command: Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    match command {
        Command::Create {
            role,
            uses,
            ttl,
            labels,
        } => {
            let order = EnrolmentOrder {
                role,
                uses,
                life: ttl,
                labels: labels.into_iter().collect(),
            };
            create(order, place, output)
        }
        Command::List => list(place, output),
    }
}

fn create(order: EnrolmentOrder, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (token, stored) = tokens::enrolment(order, Timestamp::now())?;
    let (_, store) = place.store_to_write()?;
    store.add_enrolment_token(&stored, &act("enrolment-token.create", &stored.id))?;
    if output.format == Format::Json {
        output.json(&NewToken {
            token: token.reveal(),
            view: stored.into(),
        })?;
    } else {
        let message = Message::new("collector-token-made")
            .arg("token", token.reveal())
            .arg("role", output.text(stored.role.key()))
            .arg("uses", stored.uses)
            .arg("expires_at", stored.expires_at);
        output.line(&message.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}

fn list(place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (_, store) = place.store_to_read()?;
    let tokens: Vec<TokenView> = store
        .enrolment_tokens()?
        .into_iter()
        .map(TokenView::from)
        .collect();
    if output.format == Format::Json {
        output.json(&serde_json::json!({ "tokens": tokens }))?;
        return Ok(Outcome::Clean);
    }
    output.table_under(
        [
            "collector-heading-token",
            "collector-heading-role",
            "collector-heading-used",
            "collector-heading-ends",
        ],
        tokens.into_iter().map(|token| {
            [
                token.id,
                output.text(token.role.key()),
                format!("{} / {}", token.used, token.uses),
                token.expires_at.to_string(),
            ]
        }),
    )?;
    Ok(Outcome::Clean)
}
