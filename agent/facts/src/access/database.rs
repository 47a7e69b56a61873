//! Database servers that run, and what of reading they are set to record, from the files that they read at start. What
//! was set in a session since, only a login would tell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::antivirus::processes;
use crate::host::{Host, ReadError};
use crate::known::Known;

/// Largest file of settings taken, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Most files of settings read of one server, and how deep they include others.
const MOST_FILES: usize = 256;
const DEEPEST: usize = 10;

/// A database server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Database {
    /// What it is.
    pub engine: Engine,
    /// Its data directory or settings file, to tell several apart.
    pub name: String,
    /// Settings about recording, by name; `Err` of a file that could not be read.
    #[serde(skip)]
    pub settings: Known<BTreeMap<String, Setting>>,
}

/// A database product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// MariaDB or MySQL.
    Mariadb,
    /// PostgreSQL.
    Postgresql,
}

/// A value, and where it was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// As it stands there, unquoted.
    pub value: String,
    /// The file.
    pub file: String,
}

impl Database {
    /// A setting's value; empty where there is none.
    #[must_use]
    pub fn value<'a>(settings: &'a BTreeMap<String, Setting>, name: &str) -> &'a str {
        settings.get(name).map_or("", |setting| setting.value.as_str())
    }
}

/// Servers that run.
pub(super) fn read(host: &Host) -> Known<Vec<Database>> {
    let running = match processes::read(host, &["mariadbd", "mysqld", "postgres"]) {
        Ok(running) => running,
        Err(unknown) => return unknown.into(),
    };
    let mut databases = Vec::new();
    if running
        .iter()
        .any(|process| process.is("mariadbd") || process.is("mysqld"))
    {
        databases.push(mariadb(host));
    }
    for process in running.iter().filter(|process| process.is("postgres")) {
        // Its children carry a title in place of arguments: `postgres: checkpointer`.
        if let Some(database) = postgresql(host, &process.arguments) {
            databases.push(database);
        }
    }
    Known::Value(databases)
}

/// Files of settings, read as one.
struct Files<'h> {
    host: &'h Host,
    left: usize,
    settings: BTreeMap<String, Setting>,
}

impl Files<'_> {
    fn text(&mut self, path: &Path, must: bool) -> Result<Option<String>, ReadError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(ReadError::TooLarge {
                path: path.to_owned(),
                limit: MOST_FILES as u64,
            });
        };
        self.left = left;
        match self.host.read_text(path, LARGEST) {
            Ok(text) => Ok(Some(text)),
            Err(ReadError::NotFound(_)) if !must => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set(&mut self, name: &str, value: &str, file: &Path) {
        let file = file.display().to_string();
        let value = value.to_owned();
        self.settings.insert(name.to_owned(), Setting { value, file });
    }

    /// Files of a directory with this end, in order.
    fn directory(&self, path: &Path, end: &str) -> Result<Vec<PathBuf>, ReadError> {
        let names = match self.host.list(path) {
            Ok(names) => names,
            Err(ReadError::NotFound(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let names = names
            .iter()
            .filter(|name| name.ends_with(end) && !name.starts_with('.'));
        Ok(names.map(|name| path.join(name)).collect())
    }

    /// Option files of MariaDB: the server's groups, `!include` and `!includedir`.
    fn option_file(&mut self, path: &Path, depth: usize) -> Result<(), ReadError> {
        const GROUPS: [&str; 6] = ["mysqld", "server", "mariadb", "mariadbd", "mysqld_safe", "galera"];
        let Some(text) = self.text(path, false)? else {
            return Ok(());
        };
        let mut ours = false;
        for line in text.lines().map(str::trim) {
            if let Some(group) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let plain = group.split_once('-').map_or(group, |(name, _)| name);
                ours = GROUPS.contains(&plain);
            } else if let Some(included) = line.strip_prefix("!includedir ") {
                for file in self.directory(&resolved(path, included), ".cnf")? {
                    self.included(&file, depth, Self::option_file)?;
                }
            } else if let Some(included) = line.strip_prefix("!include ") {
                self.included(&resolved(path, included), depth, Self::option_file)?;
            } else if ours && !line.is_empty() && !line.starts_with(['#', ';']) {
                let (name, value) = line.split_once('=').unwrap_or((line, "ON"));
                let name = name.trim().replace('-', "_").to_ascii_lowercase();
                let value = value
                    .split(" #")
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .trim_matches(['"', '\'']);
                self.option(name.strip_prefix("loose_").unwrap_or(&name), value, path);
            }
        }
        Ok(())
    }

    fn option(&mut self, name: &str, value: &str, file: &Path) {
        if matches!(name, "plugin_load_add" | "plugin_load") {
            // `plugin_load` begins the list anew.
            let before = Database::value(&self.settings, "plugin_load");
            let all = if name == "plugin_load" {
                value.to_owned()
            } else {
                format!("{before};{value}")
            };
            self.set("plugin_load", &all, file);
        } else if name.starts_with("server_audit") {
            self.set(name, value, file);
        }
    }

    /// A settings file of PostgreSQL: `name = value`, `include`, `include_if_exists` and `include_dir`.
    fn configuration(&mut self, path: &Path, depth: usize) -> Result<(), ReadError> {
        let Some(text) = self.text(path, true)? else {
            return Ok(());
        };
        for line in text.lines() {
            let Some((name, value)) = assignment(line) else {
                continue;
            };
            match name.as_str() {
                "include" => self.included(&resolved(path, &value), depth, Self::configuration)?,
                "include_if_exists" => {
                    let file = resolved(path, &value);
                    if self.host.exists(&file) {
                        self.included(&file, depth, Self::configuration)?;
                    }
                }
                "include_dir" => {
                    for file in self.directory(&resolved(path, &value), ".conf")? {
                        self.included(&file, depth, Self::configuration)?;
                    }
                }
                _ if is_about_recording(&name) => self.set(&name, &value, path),
                _ => {}
            }
        }
        Ok(())
    }

    fn included(
        &mut self,
        path: &Path,
        depth: usize,
        read: fn(&mut Self, &Path, usize) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if depth == DEEPEST {
            return Err(ReadError::TooLarge {
                path: path.to_owned(),
                limit: DEEPEST as u64,
            });
        }
        read(self, path, depth + 1)
    }
}

fn mariadb(host: &Host) -> Database {
    let mut files = files(host);
    let tops = ["/etc/my.cnf", "/etc/mysql/my.cnf"];
    let read: Result<Vec<()>, ReadError> = tops
        .iter()
        .map(|top| files.option_file(Path::new(top), 0))
        .collect();
    Database {
        engine: Engine::Mariadb,
        name: "mariadb".to_owned(),
        settings: known(read.map(|_| files.settings)),
    }
}

fn postgresql(host: &Host, arguments: &[String]) -> Option<Database> {
    let after = |flag: &str| {
        let place = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(place + 1).cloned()
    };
    let settings = arguments.iter().zip(arguments.iter().skip(1));
    let by_command_line: Vec<(String, String)> = settings
        .filter(|(flag, _)| *flag == "-c")
        .filter_map(|(_, setting)| assignment(setting))
        .collect();
    let given = |name: &str| {
        by_command_line
            .iter()
            .rfind(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    let data = after("-D").or_else(|| given("data_directory"));
    let file = given("config_file").or_else(|| Some(format!("{}/postgresql.conf", data.as_deref()?)))?;
    let mut files = files(host);
    let read = files.configuration(Path::new(&file), 0).and_then(|()| {
        let automatic = data.as_deref().map(|data| format!("{data}/postgresql.auto.conf"));
        match automatic.map(|file| files.configuration(Path::new(&file), 0)) {
            Some(Err(ReadError::NotFound(_))) | None => Ok(()),
            Some(read) => read,
        }
    });
    for (name, value) in by_command_line
        .iter()
        .filter(|(name, _)| is_about_recording(name))
    {
        files.set(name, value, Path::new("command line"));
    }
    Some(Database {
        engine: Engine::Postgresql,
        name: data.unwrap_or_else(|| file.clone()),
        settings: known(read.map(|()| files.settings)),
    })
}

fn files(host: &Host) -> Files<'_> {
    Files {
        host,
        left: MOST_FILES,
        settings: BTreeMap::new(),
    }
}

fn known<T>(read: Result<T, ReadError>) -> Known<T> {
    match read {
        Ok(value) => Known::Value(value),
        Err(ReadError::Denied(path)) => Known::denied(path.display().to_string(), super::NEEDS),
        Err(error) => error.into_known(),
    }
}

fn is_about_recording(name: &str) -> bool {
    name.starts_with("pgaudit.")
        || matches!(
            name,
            "shared_preload_libraries"
                | "log_statement"
                | "log_connections"
                | "logging_collector"
                | "log_destination"
        )
}

/// `name = value`, `name value`, quoted or not, up to a comment; names are alike in any case.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let end = line.find(|c: char| c == '=' || c.is_whitespace())?;
    let (name, rest) = line.split_at_checked(end)?;
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let value = match rest.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next().unwrap_or_default(),
        None => rest
            .split(|c: char| c == '#' || c.is_whitespace())
            .next()
            .unwrap_or_default(),
    };
    Some((name.to_ascii_lowercase(), value.to_owned()))
}

/// A path in a file, from that file's directory where it is not absolute.
fn resolved(file: &Path, included: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("/")).join(included.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let host = Host::at(dir.path()).unwrap();
        (dir, host)
    }

    #[test]
    fn postgresql_reads_includes_then_what_was_altered_then_the_command_line() {
        let (_dir, host) = host(&[
            (
                "/etc/postgresql/15/main/postgresql.conf",
                "log_connections = on # yes\nlog_statement = 'none'\ninclude_dir 'conf.d'\ninclude_if_exists = 'none.conf'\n",
            ),
            (
                "/etc/postgresql/15/main/conf.d/10.conf",
                "Log_Statement = ddl\nshared_preload_libraries = 'pg_stat, pgaudit'\n",
            ),
            (
                "/etc/postgresql/15/main/conf.d/20.conf.bak",
                "log_statement = mod\n",
            ),
            (
                "/var/lib/postgresql/15/main/postgresql.auto.conf",
                "pgaudit.log = 'read, write'\nlog_connections = 'off'\n",
            ),
        ]);
        let arguments: Vec<String> = [
            "/usr/lib/postgresql/15/bin/postgres",
            "-D",
            "/var/lib/postgresql/15/main",
            "-c",
            "config_file=/etc/postgresql/15/main/postgresql.conf",
            "-c",
            "log_statement=all",
        ]
        .map(str::to_owned)
        .to_vec();
        let database = postgresql(&host, &arguments).unwrap();
        let Known::Value(settings) = &database.settings else {
            panic!("{database:?}")
        };
        let value = |name| Database::value(settings, name);
        assert_eq!(value("log_statement"), "all");
        assert_eq!(value("log_connections"), "off");
        assert_eq!(value("pgaudit.log"), "read, write");
        assert_eq!(value("shared_preload_libraries"), "pg_stat, pgaudit");
        assert!(postgresql(&host, &["postgres: checkpointer".to_owned()]).is_none());
    }

    #[test]
    fn mariadb_reads_its_groups_and_included_files_in_order() {
        let (_dir, host) = host(&[
            (
                "/etc/mysql/my.cnf",
                "[client]\nserver_audit_logging=ON\n[mysqld]\nplugin-load-add = server_audit\n!includedir /etc/mysql/conf.d\n",
            ),
            (
                "/etc/mysql/conf.d/a.cnf",
                "[mariadb-10.11]\nloose-server_audit_logging = off\nserver-audit-events = 'CONNECT,QUERY'\n",
            ),
            (
                "/etc/mysql/conf.d/b.cnf",
                "[mariadbd]\nserver_audit_logging\n# server_audit_logging = off\n",
            ),
        ]);
        let database = mariadb(&host);
        let Known::Value(settings) = &database.settings else {
            panic!("{database:?}")
        };
        let value = |name| Database::value(settings, name);
        assert_eq!(value("server_audit_logging"), "ON");
        assert_eq!(value("server_audit_events"), "CONNECT,QUERY");
        assert!(value("plugin_load").contains("server_audit"));
    }

    #[test]
    fn a_file_that_includes_itself_ends_in_an_error_and_not_in_a_value() {
        let (_dir, host) = host(&[
            ("/data/postgresql.conf", "include 'postgresql.conf'\n"),
            ("/etc/my.cnf", "!include /etc/my.cnf\n"),
        ]);
        let arguments = ["postgres", "-D", "/data"].map(str::to_owned);
        assert!(matches!(
            postgresql(&host, &arguments).unwrap().settings,
            Known::Failed { .. }
        ));
        assert!(matches!(mariadb(&host).settings, Known::Failed { .. }));
    }

    proptest! {
        #[test]
        fn any_settings_are_read_without_panic(text: String) {
            let (_dir, host) = host(&[("/etc/my.cnf", &text), ("/data/postgresql.conf", &text)]);
            mariadb(&host);
            postgresql(&host, &["postgres", "-D", "/data"].map(str::to_owned));
        }
    }
}
