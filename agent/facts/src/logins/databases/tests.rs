//! Databases as wtmpdb and lastlog2 lay them out.

use std::fs;

use rusqlite::Connection;

use super::*;

#[test]
fn logins_are_read_on_from_the_last_row() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("var/lib/wtmpdb")).unwrap();
    let host = Host::at(dir.path()).unwrap();
    let path = dir.path().join("var/lib/wtmpdb/wtmp.db");
    let connection = Connection::open(&path).unwrap();
    let table = "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT";
    connection.execute(table, ()).unwrap();
    let insert = |kind: i64, user: &str, second: i64, tty: &str, from: Option<&str>, service: &str| {
        let row = (kind, user, second * 1_000_000, tty, from, service);
        let insert =
            "INSERT INTO wtmp (Type, User, Login, TTY, RemoteHost, Service) VALUES (?, ?, ?, ?, ?, ?)";
        connection.execute(insert, row).unwrap();
    };
    insert(1, "reboot", 100, "~", Some("6.12.48"), "");
    insert(3, "ann", 5_000_000_000, "pts/0", Some("203.0.113.7"), "sshd");
    insert(3, "root", 300, "tty1", None, "login");
    let since = Timestamp::from_second(200).unwrap();
    let shown = |read: &Read| -> Vec<String> {
        let show = |event: LoginEvent| {
            let source = event.source.unwrap().to_string();
            format!(
                "{} {} {} {source}",
                event.at,
                event.service.name(),
                event.user.unwrap()
            )
        };
        read.events.iter().map(show).collect()
    };
    let first = read(&host, WTMPDB, None, since).unwrap();
    assert_eq!(
        shown(&first),
        [
            "2128-06-11T08:53:20Z sshd ann 203.0.113.7",
            "1970-01-01T00:05:00Z login root tty1"
        ]
    );
    assert_eq!((first.rows, first.last), (3, Some(3)));
    insert(3, "bob", 400, "pts/1", Some("pc.example.com"), "gdm-password");
    let second = read(&host, WTMPDB, first.last, since).unwrap();
    assert_eq!(
        shown(&second),
        ["1970-01-01T00:06:40Z greeter bob pc.example.com"]
    );
    assert_eq!(read(&host, WTMPDB, second.last, since).unwrap().rows, 0);
    // Another database, with fewer rows.
    connection.execute("DELETE FROM wtmp WHERE ID > 2", ()).unwrap();
    assert_eq!(read(&host, WTMPDB, second.last, since).unwrap().rows, 2);
}

#[test]
fn last_logins_are_read_by_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("var/lib/lastlog")).unwrap();
    let host = Host::at(dir.path()).unwrap();
    assert!(matches!(
        last_logins(&host),
        Err(NotRead::File(ReadError::NotFound(_)))
    ));
    let connection = Connection::open(dir.path().join("var/lib/lastlog/lastlog2.db")).unwrap();
    let table =
        "CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT)";
    connection.execute(table, ()).unwrap();
    let rows = "INSERT INTO Lastlog2 VALUES ('root', 1788250000, 'tty1', NULL, 'login'), ('never', 0, '', '', ''), ('ann', 1788249700, 'pts/0', '192.0.2.15', 'sshd')";
    connection.execute(rows, ()).unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    let expected = vec![
        ("root".to_owned(), at(1_788_250_000)),
        ("ann".to_owned(), at(1_788_249_700)),
    ];
    assert_eq!(last_logins(&host).unwrap(), expected);
}
