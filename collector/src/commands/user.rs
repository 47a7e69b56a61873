//! `user …`: people who sign in.

use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde_json::json;

use super::{act, password};
use crate::access::Access;
use crate::cli::Place;
use crate::store::{Store, UserChange};
use crate::users::{self, Password, UserName, UserView};

/// Commands on users.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a user; the password is asked for, or read from standard input
    #[command(after_help = "Example: plumbline-collector user add alice --role auditor\n\
                      Example: plumbline-collector user add bob --role viewer --oidc-subject 248289761001")]
    Add {
        /// Name that the user signs in by
        #[arg(value_name = "NAME")]
        name: String,
        /// What the user may do: viewer, auditor, operator or admin
        #[arg(long)]
        role: Access,
        /// Who the user is at the identity provider of the settings; then there is no password
        #[arg(long, value_name = "SUBJECT")]
        oidc_subject: Option<String>,
    },
    /// List users
    #[command(after_help = "Example: plumbline-collector user list")]
    List,
    /// Disable a user and end their sessions
    #[command(after_help = "Example: plumbline-collector user disable alice")]
    Disable {
        /// Name of the user
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Let a disabled user sign in again
    #[command(after_help = "Example: plumbline-collector user enable alice")]
    Enable {
        /// Name of the user
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Give a user another role, and end their sessions
    #[command(after_help = "Example: plumbline-collector user role alice operator")]
    Role {
        /// Name of the user
        #[arg(value_name = "NAME")]
        name: String,
        /// viewer, auditor, operator or admin
        #[arg(value_name = "ROLE")]
        role: Access,
    },
    /// Give a user a new password, asked for or read from standard input, and end their sessions
    #[command(after_help = "Example: plumbline-collector user password alice")]
    Password {
        /// Name of the user
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Runs the command.
pub(crate) fn run(command: Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    match command {
        Command::Add {
            name,
            role,
            oidc_subject,
        } => add(&name, role, oidc_subject.as_deref(), place, output),
        Command::List => list(place, output),
        Command::Disable { name } => change(&name, &UserChange::Disable, place, output),
        Command::Enable { name } => change(&name, &UserChange::Enable, place, output),
        Command::Role { name, role } => change(&name, &UserChange::Role(role), place, output),
        Command::Password { name } => {
            let user = UserName::new(&name)?;
            let password = password::ask(&name, output)?;
            let hash = Password::new(&password, &user)?.hash()?;
            change(&name, &UserChange::Password(hash), place, output)
        }
    }
}

fn add(
    name: &str,
    role: Access,
    subject: Option<&str>,
    place: &Place,
    output: &Output,
) -> Result<Outcome, Failure> {
    let name = UserName::new(name)?;
    let now = Timestamp::now();
    let user = match subject {
        Some(subject) => {
            let settings = place.settings()?;
            let Some(oidc) = &settings.oidc else {
                return Err(Failure::new(
                    "the settings name no identity provider; fill in the section [oidc] first",
                ));
            };
            let subject = users::subject(&oidc.issuer, subject)?;
            users::with_subject(&name, role, subject, now)
        }
        None => {
            let password = password::ask(name.as_str(), output)?;
            users::with_password(&name, role, &Password::new(&password, &name)?, now)?
        }
    };
    let (_, store) = place.store_to_write()?;
    if !store.add_user(&user, &act("user.create", format!("{name} as {role}")))? {
        return Err(Failure::new(format!(
            "there is a user of that name or that subject already; `plumbline-collector user list` shows them, not {name} again"
        )));
    }
    if output.format == Format::Json {
        output.json(&UserView::from(user))?;
    } else {
        let message = Message::new("people-user-added")
            .arg("user", &name)
            .arg("role", output.text(role.key()));
        output.line(&message.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}

fn list(place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (_, store) = place.store_to_read()?;
    let users: Vec<UserView> = store.users()?.into_iter().map(UserView::from).collect();
    if output.format == Format::Json {
        output.json(&json!({ "users": users }))?;
        return Ok(Outcome::Clean);
    }
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    output.table_under(
        [
            "people-heading-user",
            "collector-heading-role",
            "people-heading-signs-in",
            "people-heading-created",
            "people-heading-disabled",
        ],
        users.into_iter().map(|user| {
            let with = match &user.oidc {
                Some(subject) => Message::new("people-with-provider").arg("subject", &subject.subject),
                None => Message::new("people-with-password"),
            };
            [
                user.name,
                output.text(user.role.key()),
                with.render_in(output.lang),
                user.created_at.to_string(),
                time(user.disabled_at),
            ]
        }),
    )?;
    Ok(Outcome::Clean)
}

fn change(name: &str, change: &UserChange, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let name = UserName::new(name)?;
    let (_, store) = place.store_to_write()?;
    if store.user(name.as_str())?.is_none() {
        return Err(Failure::new(format!(
            "there is no user {name}; `plumbline-collector user list` shows those there are"
        )));
    }
    let changed = store.change_user(
        name.as_str(),
        change,
        &act(change.act(), change.on(name.as_str())),
    )?;
    if output.format == Format::Json {
        output.json(&json!({ "user": name.as_str(), "changed": changed }))?;
        return Ok(Outcome::Clean);
    }
    let message = match change {
        UserChange::Disable => Message::new("people-user-disabled"),
        UserChange::Enable => Message::new("people-user-enabled"),
        UserChange::Role(role) | UserChange::ClaimedRole(role) => {
            Message::new("people-user-role").arg("role", output.text(role.key()))
        }
        UserChange::Password(_) => Message::new("people-user-password"),
    };
    output.line(&message.arg("user", &name).render_in(output.lang))?;
    Ok(Outcome::Clean)
}
