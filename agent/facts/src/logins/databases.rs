//! Logins as the databases of wtmpdb(8) and lastlog2(8) have them, which take the places of wtmp and lastlog where times
//! must last beyond 2038: Debian 13, openSUSE.

use jiff::Timestamp;

use super::event::{LoginEvent, Method, Outcome, Service, peer, terminal};
use super::packed::Events;
use super::said::Program;
use super::sqlite::{Database, DatabaseError, Row, Value};
use crate::host::{Host, ReadError};

/// Where wtmpdb keeps logins, and lastlog2 the last of each account.
pub(super) const WTMPDB: &str = "/var/lib/wtmpdb/wtmp.db";
pub(super) const LASTLOG2: &str = "/var/lib/lastlog/lastlog2.db";

/// The table of each.
const LOGINS: &str = "wtmp";
const LAST_LOGINS: &str = "Lastlog2";

/// `Type` of a login (wtmpdb.h): others are boots and changes of the run level.
const USER_PROCESS: Value<'_> = Value::Integer(3);

/// What was read of a database.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Rows.
    pub(super) rows: u64,
    /// Rows that are broken.
    pub(super) broken: u64,
    /// The number of the last row.
    pub(super) last: Option<i64>,
    /// Logins.
    pub(super) events: Events,
}

/// Why a database was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRead {
    /// It could not be opened.
    #[error(transparent)]
    File(#[from] ReadError),
    /// It could not be understood.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Reads the rows of `path` behind `after`, of those the ones at or after `since`. Numbers of rows only go up: where the
/// last one is not there any more the database is another, and all of it is read.
pub(super) fn read(host: &Host, path: &str, after: Option<i64>, since: Timestamp) -> Result<Read, NotRead> {
    let file = host.open_file(path)?;
    let log = host.open_file(format!("{path}-wal")).ok();
    let database = Database::open(file, log)?;
    let (name, table) = database.table(&[LOGINS, LAST_LOGINS])?;
    let walk = |after: Option<i64>| {
        let mut read = Read::default();
        // From the last row on, to see that it is still there.
        let behind = after.map_or(i64::MIN, |after| after.saturating_sub(1));
        let broken = database.rows(&table, behind, &mut |row| {
            read.last = Some(row.number);
            if Some(row.number) == after {
                return;
            }
            read.rows += 1;
            if let Some(event) = event(name, row).filter(|event| event.at >= since) {
                read.events.push(&LoginEvent {
                    line: u64::try_from(row.number).unwrap_or_default(),
                    ..event
                });
            }
        })?;
        read.broken = broken;
        Ok::<_, DatabaseError>(read)
    };
    let read = walk(after)?;
    Ok(match read.last {
        None if after.is_some() => walk(None)?,
        _ => read,
    })
}

/// When accounts last logged in, by name.
pub(super) fn last_logins(host: &Host) -> Result<Vec<(String, Timestamp)>, NotRead> {
    let read = read(host, LASTLOG2, None, Timestamp::UNIX_EPOCH)?;
    let last = |event: LoginEvent| Some((event.user?, event.at));
    Ok(read.events.iter().filter_map(last).collect())
}

/// The login that a row tells of, if any.
fn event(table: &str, row: &Row<'_>) -> Option<LoginEvent> {
    let text = |column: &str| row.get(column).bytes().filter(|text| !text.is_empty());
    let (user, at) = if table == LOGINS {
        if row.get("type") != USER_PROCESS {
            return None;
        }
        let microsecond = row.get("login").integer()?;
        (text("user")?, Timestamp::from_microsecond(microsecond).ok()?)
    } else {
        let second = row.get("time").integer().filter(|second| *second > 0)?;
        (text("name")?, Timestamp::from_second(second).ok()?)
    };
    let service = text("service").and_then(Program::of).map(Program::service);
    let source = text("remotehost").and_then(peer);
    Some(LoginEvent {
        at,
        // What is not known by name is known to be a record.
        service: service
            .filter(|service| *service != Service::Pam)
            .unwrap_or(Service::Utmp),
        user: Some(super::event::user_name(user)),
        unknown_user: false,
        by: None,
        source: source.or_else(|| text("tty").and_then(terminal)),
        outcome: Outcome::Accepted,
        method: Method::Unknown,
        count: 1,
        line: 0,
    })
}

#[cfg(test)]
mod tests;
