//! `store`: what the collector keeps, brought up to date, counted anew, moved to another engine, saved and put back.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use plumbline_config::message::Message;
use plumbline_config::settings::StoreAddress;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde_json::json;

use crate::cli::Place;
use crate::store::copy::copy;
use crate::store::{self, Engine, SqliteStore, copy_file, open_to_copy};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Bring the store to this program's schema
    #[command(
        after_help = "Example: plumbline-collector store migrate --config /etc/plumbline/collector.toml"
    )]
    Migrate,
    /// Copy everything from one store to another, which must be empty; stop the collectors first
    #[command(
        after_help = "Example: plumbline-collector store copy --from sqlite:/var/lib/plumbline/collector/collector.db \
                      --to postgres://plumbline@db.example/plumbline"
    )]
    Copy {
        /// Store to copy
        #[arg(long, value_name = "ADDRESS")]
        from: StoreAddress,
        /// Store to copy to
        #[arg(long, value_name = "ADDRESS")]
        to: StoreAddress,
    },
    /// Count the totals anew, beside running servers: after collectors with different catalogues ran side by side
    #[command(
        after_help = "Example: plumbline-collector store recount --config /etc/plumbline/collector.toml"
    )]
    Recount,
    /// Write a copy of the SQLite database to a new file, beside a running server
    #[command(after_help = "Example: plumbline-collector store backup -o /backup/collector-2026-11-22.db")]
    Backup {
        /// File to write; nothing is overwritten
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Put a copy of the SQLite database back, where there is none
    #[command(after_help = "Example: plumbline-collector store restore /backup/collector-2026-11-22.db")]
    Restore {
        /// File that `store backup` wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(command: Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    match command {
        Command::Migrate => migrate(place, output),
        Command::Copy { from, to } => copied(&from, &to, place, output),
        Command::Recount => recount(place, output),
        Command::Backup { output: file } => {
            copy_file(&database(place, SAVE)?, &file)?;
            say(
                output,
                Message::new("store-saved").arg("file", file.display()),
                json!({ "file": file }),
            )
        }
        Command::Restore { file } => restore(&file, place, output),
    }
}

fn migrate(place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let settings = place.settings()?;
    store::open(&settings, true)?;
    say(output, Message::new("store-current"), json!({ "current": true }))
}

fn recount(place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let counted = store::open(&place.settings()?, false)?.recount()?;
    let message = Message::new("store-recounted")
        .arg("hosts", counted.hosts)
        .arg("corrected", counted.corrected);
    let made = json!({ "hosts": counted.hosts, "corrected": counted.corrected });
    say(output, message, made)
}

fn copied(
    from: &StoreAddress,
    to: &StoreAddress,
    place: &Place,
    output: &Output,
) -> Result<Outcome, Failure> {
    let settings = place.settings()?;
    if let Engine::Sqlite(file) = Engine::parse(from.reveal())?
        && !file.exists()
    {
        return Err(Failure::new(format!("there is no {from} to copy from")));
    }
    let source = open_to_copy(&settings, from)?;
    let target = open_to_copy(&settings, to)?;
    let loud = output.format == Format::Table && std::io::stderr().is_terminal();
    let copied = copy(source.as_ref(), target.as_ref(), &mut |table, done, all| {
        if loud {
            // Progress is for people; where it can't be written, the copy goes on.
            let _written = write!(std::io::stderr(), "\r{table}: {done}/{all}\u{1b}[K");
        }
    });
    if loud {
        let _written = writeln!(std::io::stderr());
    }
    let copied = copied?;
    let message = Message::new("store-copied")
        .arg("rows", copied.rows)
        .arg("leaves", copied.edge.size())
        .arg("root", copied.edge.root())
        .arg("store", to);
    let made =
        json!({ "rows": copied.rows, "ledger_size": copied.edge.size(), "ledger_root": copied.edge.root() });
    say(output, message, made)
}

fn restore(file: &Path, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let database = database(place, RESTORE)?;
    for log in ["-wal", "-shm"] {
        let mut beside = database.clone().into_os_string();
        beside.push(log);
        if PathBuf::from(&beside).exists() {
            return Err(Failure::new(format!(
                "{} is there and belongs to another database; move it away with that one",
                PathBuf::from(beside).display()
            )));
        }
    }
    copy_file(file, &database)?;
    // Refuses what is no collector's database; brings one of an older program up to date.
    let opened = SqliteStore::open(&database);
    if let Err(error) = opened {
        std::fs::remove_file(&database)?;
        return Err(error.into());
    }
    let message = Message::new("store-restored").arg("file", database.display());
    say(output, message, json!({ "file": database }))
}

/// How to do with PostgreSQL what its own tools do.
const SAVE: &str = "`pg_dump --format=custom --file=FILE URL` writes such a copy, and continuous archiving (PostgreSQL manual, 26.3) \
                    one of every moment";
const RESTORE: &str =
    "`pg_restore --exit-on-error --dbname=URL FILE` puts a copy by pg_dump into a new database";

/// The SQLite file; PostgreSQL has tools of its own.
fn database(place: &Place, instead: &str) -> Result<PathBuf, Failure> {
    match Engine::of(&place.settings()?)? {
        Engine::Sqlite(file) => Ok(file),
        Engine::Postgres(_) => Err(Failure::new(format!("the store is in PostgreSQL: {instead}"))),
    }
}

fn say(output: &Output, message: Message, value: serde_json::Value) -> Result<Outcome, Failure> {
    if output.format == Format::Json {
        output.json(&value)?;
    } else {
        output.line(&message.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}
