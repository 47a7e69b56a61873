//! A real OpenID Connect provider: Glewlwyd, from the Debian package of that name, with all it owns in one directory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::lab::{Answer, free_port};
use crate::wait_for;

/// The tables that the package installs, with an administrator whose password is `password`.
const TABLES: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";

/// How the provider signs.
#[derive(Clone, Copy, Debug)]
pub enum Signing {
    Rsa,
    Ecdsa,
    EdDsa,
}

/// A running provider; killed when dropped.
pub struct Provider {
    directory: PathBuf,
    port: u16,
    process: Option<Child>,
}

/// A browser: a jar of cookies.
pub struct Browser {
    jar: PathBuf,
    trusts: PathBuf,
}

/// An answer to a browser.
pub struct Visit {
    pub status: u16,
    pub location: String,
    pub body: String,
}

impl Provider {
    /// Starts a provider that sends people back to `redirect_uri` and knows the collector by `secret`; `None`, and says so, where it is not installed.
    pub fn start(directory: &Path, redirect_uri: &str, secret: &str) -> Option<Self> {
        let installed = Command::new("glewlwyd").arg("--version").output().is_ok();
        let Some(tables) = std::fs::read_to_string(TABLES).ok().filter(|_| installed) else {
            eprintln!(
                "SKIPPED: glewlwyd is not installed; signing in at an OpenID Connect provider is not tested"
            );
            return None;
        };
        let directory = directory.join("provider");
        std::fs::create_dir_all(&directory).unwrap();
        let database = rusqlite::Connection::open(directory.join("db")).unwrap();
        database.execute_batch(&tables).unwrap();
        drop(database);
        make_certificate(&directory);
        let mut provider = Self {
            port: free_port(),
            directory,
            process: None,
        };
        provider.run();
        let admin = provider.admin();
        let answer = provider.send(&admin, "POST", "/mod/plugin/", &provider.plugin(Signing::Rsa));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let client = json!({
            "client_id": "plumbline", "name": "plumbline", "enabled": true, "confidential": true, "password": secret,
            "redirect_uri": [redirect_uri], "authorization_type": ["code"],
            "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"], "scope": [],
        });
        let answer = provider.send(&admin, "POST", "/client/", &client);
        assert_eq!(answer.status, 200, "{}", answer.body);
        Some(provider)
    }

    fn run(&mut self) {
        let place = |name: &str| self.directory.join(name).display().to_string();
        let settings = format!(
            "port={port}\nbind_address=\"127.0.0.1\"\nexternal_url=\"https://localhost:{port}\"\n\
             login_url=\"login.html\"\napi_prefix=\"api\"\nlog_mode=\"console\"\nlog_level=\"INFO\"\n\
             cookie_domain=\"localhost\"\ncookie_secure=1\nsession_expiration=3600\n\
             session_key=\"GLEWLWYD2_SESSION_ID\"\nadmin_scope=\"g_admin\"\nprofile_scope=\"g_profile\"\n\
             user_module_path=\"/usr/lib/glewlwyd/user\"\nuser_middleware_module_path=\"/usr/lib/glewlwyd/user\"\n\
             client_module_path=\"/usr/lib/glewlwyd/client\"\n\
             user_auth_scheme_module_path=\"/usr/lib/glewlwyd/scheme\"\n\
             plugin_module_path=\"/usr/lib/glewlwyd/plugin\"\nuse_secure_connection=true\n\
             secure_connection_key_file=\"{key}\"\nsecure_connection_pem_file=\"{certificate}\"\n\
             hash_algorithm=\"SHA512\"\ndatabase={{ type=\"sqlite3\"; path=\"{database}\"; }};\n",
            port = self.port,
            key = place("tls.key"),
            certificate = place("tls.pem"),
            database = place("db"),
        );
        std::fs::write(self.directory.join("glewlwyd.conf"), settings).unwrap();
        let log = File::create(self.directory.join("log")).unwrap();
        let child = Command::new("glewlwyd")
            .arg("--config-file")
            .arg(self.directory.join("glewlwyd.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(child);
        let nobody = Browser::new(&self.directory, "nobody", &self.ca_file());
        wait_for("the provider to answer", || {
            (nobody.get(&self.api("/config")).status != 0).then_some(())
        });
    }

    pub fn issuer(&self) -> String {
        self.api("/oidc")
    }

    pub fn ca_file(&self) -> PathBuf {
        self.directory.join("tls.pem")
    }

    fn api(&self, path: &str) -> String {
        format!("https://localhost:{}/api{path}", self.port)
    }

    /// Signs from now on in another way, with a new key.
    pub fn sign_by(&self, signing: Signing) {
        let answer = self.send(&self.admin(), "PUT", "/mod/plugin/oidc", &self.plugin(signing));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let reset = self.send(&self.admin(), "PUT", "/mod/plugin/oidc/reset/", &json!({}));
        assert_eq!(reset.status, 200, "{}", reset.body);
    }

    /// Makes or changes a person, who belongs to one group.
    pub fn person(&self, name: &str, group: &str) {
        let admin = self.admin();
        let person = json!({
            "username": name, "name": group, "email": format!("{name}@example.com"), "enabled": true,
            "password": format!("password of {name}"), "scope": ["openid", "g_profile"],
        });
        let known = self
            .send(&admin, "GET", &format!("/user/{name}"), &Value::Null)
            .status
            == 200;
        let answer = if known {
            self.send(&admin, "PUT", &format!("/user/{name}"), &person)
        } else {
            self.send(&admin, "POST", "/user/", &person)
        };
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// A browser in which a person is signed in at the provider and has agreed that the collector may know them.
    pub fn browser_of(&self, name: &str) -> Browser {
        let browser = Browser::new(&self.directory, name, &self.ca_file());
        let _begun_anew = std::fs::remove_file(&browser.jar);
        let credentials = json!({"username": name, "password": format!("password of {name}")});
        assert_eq!(self.send(&browser, "POST", "/auth/", &credentials).status, 200);
        let grant = self.send(
            &browser,
            "PUT",
            "/auth/grant/plumbline",
            &json!({"scope": "openid"}),
        );
        assert_eq!(grant.status, 200, "{}", grant.body);
        browser
    }

    fn admin(&self) -> Browser {
        let browser = Browser::new(&self.directory, "admin", &self.ca_file());
        let credentials = json!({"username": "admin", "password": "password"});
        assert_eq!(self.send(&browser, "POST", "/auth/", &credentials).status, 200);
        browser
    }

    fn send(&self, browser: &Browser, method: &str, path: &str, body: &Value) -> Answer {
        let mut arguments = vec!["--request".to_owned(), method.to_owned()];
        if !body.is_null() {
            arguments.push("--header".to_owned());
            arguments.push("Content-Type: application/json".to_owned());
            arguments.push("--data".to_owned());
            arguments.push(body.to_string());
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let visit = browser.visit(&self.api(path), &arguments);
        Answer {
            status: visit.status,
            body: visit.body,
        }
    }

    fn plugin(&self, signing: Signing) -> Value {
        let (kind, options): (&str, &[&str]) = match signing {
            Signing::Rsa => ("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
            Signing::Ecdsa => (
                "ecdsa",
                &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            ),
            Signing::EdDsa => ("eddsa", &["-algorithm", "ED25519"]),
        };
        let (private, public) = (self.directory.join("sign.key"), self.directory.join("sign.pub"));
        openssl(
            Command::new("openssl")
                .arg("genpkey")
                .args(options)
                .arg("-out")
                .arg(&private),
        );
        openssl(
            Command::new("openssl")
                .args(["pkey", "-pubout", "-in"])
                .arg(&private)
                .arg("-out")
                .arg(&public),
        );
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        json!({"module": "oidc", "name": "oidc", "display_name": "oidc", "enabled": true, "parameters": {
            "iss": self.issuer(), "jwt-type": kind, "jwt-key-size": "256", "key": text(&private), "cert": text(&public),
            "access-token-duration": 3600, "refresh-token-duration": 3600, "code-duration": 600,
            "refresh-token-rolling": false, "allow-non-oidc": false, "auth-type-code-enabled": true,
            "auth-type-token-enabled": false, "auth-type-id-token-enabled": false, "auth-type-none-enabled": false,
            "auth-type-password-enabled": false, "auth-type-client-enabled": false, "auth-type-device-enabled": false,
            "auth-type-refresh-enabled": false, "jwks-show": true, "pkce-allowed": true,
            "pkce-method-plain-allowed": false, "pkce-required": true, "subject-type": "public", "scope": [],
            "additional-parameters": [], "name-claim": "no", "email-claim": "mandatory", "scope-claim": "no",
            "claims": [
                {"name": "preferred_username", "user-property": "username", "type": "string", "mandatory": true},
                {"name": "groups", "user-property": "name", "type": "string", "mandatory": true},
            ],
        }})
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; then there is nothing to kill.
            let _gone = process.kill();
            let _status = process.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(20).collect();
            eprintln!(
                "--- glewlwyd\n{}",
                lines.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
    }
}

impl Browser {
    /// A browser with the jar of this name, that trusts the certificates of a file.
    pub fn new(directory: &Path, name: &str, trusts: &Path) -> Self {
        Self {
            jar: directory.join(format!("{name}.jar")),
            trusts: trusts.to_owned(),
        }
    }

    /// The same jar towards a server of other certificates.
    pub fn towards(&self, trusts: &Path) -> Self {
        Self {
            jar: self.jar.clone(),
            trusts: trusts.to_owned(),
        }
    }

    /// GET, without following where it leads.
    pub fn get(&self, url: &str) -> Visit {
        self.visit(url, &[])
    }

    /// A request with more arguments of curl; status 0 when there was no answer.
    pub fn visit(&self, url: &str, arguments: &[&str]) -> Visit {
        let output = Command::new("curl")
            .args(["--silent", "--max-time", "20"])
            .args(["--write-out", "\n%{redirect_url}\n%{http_code}"])
            .arg("--cacert")
            .arg(&self.trusts)
            .arg("--cookie")
            .arg(&self.jar)
            .arg("--cookie-jar")
            .arg(&self.jar)
            .args(arguments)
            .arg(url)
            .output()
            .expect("curl can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut parts = text.rsplitn(3, '\n');
        let status = parts.next().and_then(|status| status.parse().ok()).unwrap_or(0);
        Visit {
            status,
            location: parts.next().unwrap_or_default().to_owned(),
            body: parts.next().unwrap_or_default().to_owned(),
        }
    }
}

/// A certificate for `localhost`, by itself.
fn make_certificate(directory: &Path) {
    let settings = "[req]\ndistinguished_name=name\nx509_extensions=extensions\nprompt=no\n[name]\nCN=localhost\n\
                    [extensions]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n";
    std::fs::write(directory.join("req.conf"), settings).unwrap();
    openssl(
        Command::new("openssl")
            .current_dir(directory)
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args([
                "-days", "30", "-config", "req.conf", "-keyout", "tls.key", "-out", "tls.pem",
            ]),
    );
}

fn openssl(command: &mut Command) {
    let output = command.output().expect("openssl can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
