//! The collector and a PostgreSQL server that speaks TLS and asks for a password.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use plumbline_tests::lab::free_port;
use plumbline_tests::postgres::Postgres;
use plumbline_tests::programs::program;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

const PASSWORD: &str = "a password of the database";

/// A certification authority that issues one certificate.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key for a name, PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A server on a port of loopback that lets nobody in without a password.
struct Server {
    cluster: Postgres,
    port: u16,
}

impl Server {
    fn start(certificate: Option<(String, String)>) -> Option<Self> {
        let port = free_port();
        let ssl = if certificate.is_some() {
            "ssl=on"
        } else {
            "ssl=off"
        };
        let mut cluster = Postgres::make(tempfile::tempdir().unwrap(), &[ssl])?;
        if let Some((certificate, key)) = certificate {
            cluster.put("server.crt", &certificate);
            cluster.put("server.key", &key);
        }
        cluster.put(
            "pg_hba.conf",
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
        );
        cluster.listen_on(port);
        cluster.restart();
        cluster.ask(&format!("ALTER ROLE plumbline PASSWORD '{PASSWORD}'"));
        Some(Self { cluster, port })
    }
}

/// A directory with settings, and what the collector says of the store that they name.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// `store migrate` against `name` as the server's.
    fn migrate(&self, server: &Server, name: &str, ca: &Path, password: &Path) -> Output {
        let settings = format!(
            "data_dir = \"{}\"\nstore = \"postgres://plumbline@{name}:{}/postgres?hostaddr=127.0.0.1&sslmode=verify-full\"\n\
             store_ca_file = \"{}\"\nstore_password_file = \"{}\"\n",
            self.0.path().join("data").display(),
            server.port,
            ca.display(),
            password.display()
        );
        let file = self.file("collector.toml", &settings);
        Command::new(program("plumbline-collector"))
            .args(["store", "migrate", "--config"])
            .arg(file)
            .env("LANG", "en_US.UTF-8")
            .output()
            .expect("the collector can be run")
    }
}

/// One sentence on standard error that holds all of this, and nothing of the password.
fn assert_refused(output: &Output, says: &[&str]) {
    let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{sentence}");
    assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
    assert!(!sentence.contains(PASSWORD), "{sentence}");
    for part in says {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
}

#[test]
fn the_server_is_who_its_certificate_says_or_nothing_is_told_to_it() {
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let Some(server) = Server::start(Some(right.issue("db.test"))) else {
        return;
    };
    let scene = Scene::new();
    let right = scene.file("right.pem", &right.0.pem());
    let wrong = scene.file("wrong.pem", &wrong.0.pem());
    let password = scene.file("password", &format!("{PASSWORD}\n"));
    let made = scene.migrate(&server, "db.test", &right, &password);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let there = server.cluster.ask("SELECT count(*) FROM hosts");
    assert_eq!(there.trim(), "0");

    let of_another = scene.migrate(&server, "db.test", &wrong, &password);
    assert_refused(
        &of_another,
        &["postgres on db.test", "UnknownIssuer; `store_ca_file`"],
    );
    let by_another_name = scene.migrate(&server, "other.test", &right, &password);
    assert_refused(
        &by_another_name,
        &["postgres on other.test", "for the name in `store`"],
    );
    let guess = scene.file("guess", "a guess");
    assert_refused(
        &scene.migrate(&server, "db.test", &right, &guess),
        &["password authentication failed", "`store_password_file`"],
    );
    let nowhere = scene.0.path().join("none");
    assert_refused(&scene.migrate(&server, "db.test", &right, &nowhere), &["none"]);
    assert_refused(&scene.migrate(&server, "db.test", &nowhere, &password), &["none"]);
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_refused(
        &scene.migrate(&server, "db.test", &right, &password),
        &["chmod 600"],
    );
}

#[test]
fn a_server_without_tls_is_not_spoken_to_where_tls_is_wanted() {
    let Some(server) = Server::start(None) else {
        return;
    };
    let scene = Scene::new();
    let ca = scene.file("ca.pem", &Authority::new("any").0.pem());
    let password = scene.file("password", PASSWORD);
    assert_refused(
        &scene.migrate(&server, "db.test", &ca, &password),
        &[
            "postgres on db.test",
            "server does not support TLS; set `ssl = on`",
        ],
    );
}
