//! More daemons of the zoo: Apache, HAProxy, Postfix, MariaDB, Prosody. Those called `mended` have the settings that the
//! checks' remedies name, so that a remedy that its program does not take would show.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::keepers::{Keeper, STATIC, free_port, home, program, start, starttls};
use crate::pki::{NAME, pki};
use crate::zoo::{Animal, Truth, tls};

const NOBODY: u32 = 65_534;
const STRONG: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// All of them.
pub(crate) fn services() -> Vec<Animal> {
    [apache(), haproxy(), postfix(), mariadb(), prosody()]
        .into_iter()
        .flatten()
        .collect()
}

fn clear(protocol: &'static str) -> Truth {
    Truth {
        protocol,
        versions: "nnnnnn",
        ..tls("", "", "", "")
    }
}

fn is_root(what: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: {what} needs root; its endpoints were not visited");
    }
    root
}

/// A certificate and its key in one file.
fn bundle(home: &Path, name: &str) -> PathBuf {
    let part = |ending: &str| std::fs::read_to_string(pki().join(format!("{name}.{ending}"))).unwrap();
    let file = home.join(format!("{name}.both"));
    std::fs::write(&file, part("key") + &part("pem")).unwrap();
    file
}

fn write(home: &Path, name: &str, text: &str) -> PathBuf {
    let file = home.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn own(path: &Path, user: u32) {
    std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
}

fn apache() -> Vec<Animal> {
    let Some(server) = program("apache2", "apache2") else {
        return Vec::new();
    };
    let [old, mended] = std::array::from_fn(|_| free_port());
    let (home, pki) = (home(), pki().display());
    let at = home.path().display();
    let modules: String = [
        ("mpm_event", "mpm_event"),
        ("authz_core", "authz_core"),
        ("socache_shmcb", "socache_shmcb"),
        ("ssl", "ssl"),
    ]
    .iter()
    .map(|(name, file)| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{file}.so\n"))
    .collect();
    let host = |address: SocketAddr, settings: &str| {
        format!(
            "Listen {address}\n<VirtualHost {address}>\nSSLEngine on\nSSLCertificateFile {pki}/good.pem\n\
             SSLCertificateKeyFile {pki}/good.key\n{settings}\n</VirtualHost>\n"
        )
    };
    let text = format!(
        "ServerName {NAME}\nServerRoot {at}\nPidFile {at}/pid\nErrorLog {at}/errors\nDefaultRuntimeDir {at}\n\
         Mutex file:{at}\n{modules}User nobody\nGroup nogroup\n{}{}",
        host(
            old,
            "SSLProtocol all\nSSLCipherSuite ECDHE:AES128-SHA:@SECLEVEL=0"
        ),
        host(
            mended,
            &format!("SSLProtocol -all +TLSv1.2 +TLSv1.3\nSSLCipherSuite {STRONG}")
        ),
    );
    let file = write(home.path(), "conf", &text);
    let mut command = Command::new(server);
    command.args(["-DFOREGROUND", "-f"]).arg(&file);
    let daemon = start(&mut command, home, &[old, mended]);
    // NULL suites are never among those of Apache, whatever is asked for.
    vec![
        Animal::new(
            "apache-old",
            old,
            tls("nnyyyy", STATIC, "", "rsa"),
            Some(Keeper::Daemon(daemon)),
        ),
        Animal::new("apache-mended", mended, tls("nnnnyy", "", "", "rsa"), None),
    ]
}

fn haproxy() -> Vec<Animal> {
    let Some(server) = program("haproxy", "haproxy") else {
        return Vec::new();
    };
    let [old, mended, plain] = std::array::from_fn(|_| free_port());
    let home = home();
    let both = bundle(home.path(), "good");
    let text = format!(
        "global\n ssl-default-bind-options ssl-min-ver TLSv1.2\n ssl-default-bind-ciphers {STRONG}\n\
         defaults\n mode http\n timeout client 60s\n timeout connect 5s\n timeout server 60s\n\
         frontend old\n bind {old} ssl crt {both} ssl-min-ver TLSv1.0 ciphers ECDHE+AES:AES128-SHA:@SECLEVEL=0\n http-request return status 200\n\
         frontend mended\n bind {mended} ssl crt {both}\n http-request return status 200\n\
         frontend plain\n bind {plain}\n http-request redirect scheme https\n",
        both = both.display()
    );
    let file = write(home.path(), "conf", &text);
    let mut command = Command::new(server);
    command.args(["-db", "-f"]).arg(&file);
    let daemon = start(&mut command, home, &[old, mended, plain]);
    vec![
        Animal::new(
            "haproxy-old",
            old,
            tls("nnyyyy", STATIC, "", "rsa"),
            Some(Keeper::Daemon(daemon)),
        ),
        Animal::new("haproxy-mended", mended, tls("nnnnyy", "", "", "rsa"), None),
        Animal::new("haproxy-plain", plain, clear("http"), None),
    ]
}

fn postfix() -> Vec<Animal> {
    let Some(_postconf) = program("postconf", "postfix").filter(|_| is_root("Postfix")) else {
        return Vec::new();
    };
    let Some(user) = nix::unistd::User::from_name("postfix").ok().flatten() else {
        eprintln!("SKIPPED: there is no user postfix; its endpoints were not visited");
        return Vec::new();
    };
    let [smtps, submission, odd, mended, plain] = std::array::from_fn(|_| free_port());
    let home = home();
    let at = home.path().display();
    let both = bundle(home.path(), "good");
    for part in [
        "queue",
        "data",
        "queue/active",
        "queue/bounce",
        "queue/corrupt",
        "queue/defer",
        "queue/deferred",
        "queue/flush",
        "queue/hold",
        "queue/incoming",
        "queue/private",
        "queue/public",
        "queue/maildrop",
        "queue/pid",
        "queue/saved",
        "queue/trace",
    ] {
        let path = home.path().join(part);
        std::fs::create_dir(&path).unwrap();
        if !matches!(part, "queue" | "queue/pid") {
            own(&path, user.uid.as_raw());
        }
    }
    let conf = home.path().join("conf");
    std::fs::create_dir(&conf).unwrap();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\n\
         daemon_directory = /usr/lib/postfix/sbin\ncommand_directory = /usr/sbin\nmail_owner = postfix\n\
         setgid_group = postdrop\nmyhostname = mail.example.test\nmydestination =\nalias_maps =\n\
         inet_interfaces = 127.0.0.1\nsmtpd_peername_lookup = no\nmaillog_file =\n\
         smtpd_tls_chain_files = {}\nsmtpd_tls_loglevel = 0\n",
        both.display()
    );
    write(&conf, "main.cf", &main);
    let listens = |address: SocketAddr, options: &str| format!("{address} inet n - n - - smtpd {options}\n");
    let high = "smtpd_tls_mandatory_ciphers=high";
    let mut master = listens(
        smtps,
        &format!("-o smtpd_tls_wrappermode=yes -o smtpd_tls_security_level=encrypt -o {high}"),
    );
    master += &listens(
        submission,
        &format!("-o smtpd_tls_security_level=encrypt -o {high}"),
    );
    master += &listens(odd, "-o smtpd_tls_security_level=may");
    master += &listens(
        mended,
        "-o smtpd_tls_security_level=may -o smtpd_tls_protocols=>=TLSv1.2 -o smtpd_tls_mandatory_protocols=>=TLSv1.2 \
         -o smtpd_tls_ciphers=high -o { smtpd_tls_exclude_ciphers = aNULL, eNULL, EXPORT, RC4, 3DES, kRSA }",
    );
    master += &listens(plain, "-o smtpd_tls_security_level=none");
    for (name, wakes, most, command) in [
        ("rewrite", "-", "-", "trivial-rewrite"),
        ("proxymap", "-", "-", "proxymap"),
        ("anvil", "-", "1", "anvil"),
        ("tlsmgr", "1000?", "1", "tlsmgr"),
    ] {
        master += &format!("{name} unix - - n {wakes} {most} {command}\n");
    }
    write(&conf, "master.cf", &master);
    let mut command = Command::new("/usr/lib/postfix/sbin/master");
    command.arg("-c").arg(&conf).arg("-d");
    let daemon = start(&mut command, home, &[smtps, submission, odd, mended, plain]);
    // Anonymous suites of 128 bits get a group of 1,024 bits: OpenSSL chooses by the strength of the suite where there is no
    // certificate to go by.
    vec![
        Animal::new(
            "postfix-smtps",
            smtps,
            tls("nnyyyy", "anonymous dh-below-2048 no-forward-secrecy", "", "rsa"),
            Some(Keeper::Daemon(daemon)),
        ),
        Animal::new(
            "postfix-submission",
            submission,
            starttls(
                "starttls-smtp",
                tls("nnyyyy", "anonymous dh-below-2048 no-forward-secrecy", "", "rsa"),
            ),
            None,
        ),
        Animal::new(
            "postfix-odd",
            odd,
            starttls(
                "starttls-smtp",
                tls("nnyyyy", "anonymous dh-below-2048 no-forward-secrecy", "", "rsa"),
            ),
            None,
        ),
        Animal::new(
            "postfix-mended",
            mended,
            starttls("starttls-smtp", tls("nnnnyy", "", "", "rsa")),
            None,
        ),
        Animal::new("postfix-plain", plain, clear("smtp"), None),
    ]
}

fn mariadb() -> Vec<Animal> {
    use std::os::unix::fs::PermissionsExt;
    let Some(server) = program("mariadbd", "mariadb-server").filter(|_| is_root("MariaDB")) else {
        return Vec::new();
    };
    let install = Path::new("/usr/bin/mariadb-install-db");
    let one = |name: &str, settings: &[&str], truth: Truth| {
        let (home, address) = (home(), free_port());
        own(home.path(), NOBODY);
        let [data, certificate, key] = ["data", "pem", "key"].map(|name| home.path().join(name));
        for (file, copy) in [("good.pem", &certificate), ("good.key", &key)] {
            std::fs::copy(pki().join(file), copy).unwrap();
            std::fs::set_permissions(copy, std::fs::Permissions::from_mode(0o600)).unwrap();
            own(copy, NOBODY);
        }
        let made = Command::new(install)
            .args(["--no-defaults", "--skip-test-db", "--user=nobody"])
            .arg(format!("--datadir={}", data.display()))
            .arg("--auth-root-authentication-method=normal")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut command = Command::new(&server);
        let at = home.path().display();
        command
            .args([
                "--no-defaults",
                "--user=nobody",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
            ])
            .args(["--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M"])
            .arg(format!("--datadir={at}/data"))
            .arg(format!("--socket={at}/socket"))
            .arg(format!("--pid-file={at}/pid"))
            .arg(format!("--port={}", address.port()))
            .args(
                settings
                    .iter()
                    .map(|setting| setting.replace("HOME", &at.to_string())),
            );
        let daemon = start(&mut command, home, &[address]);
        Animal::new(name, address, truth, Some(Keeper::Daemon(daemon)))
    };
    let certificate = ["--ssl-cert=HOME/pem", "--ssl-key=HOME/key"];
    let mended = [
        "--tls-version=TLSv1.2,TLSv1.3",
        "--ssl-cipher=ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
    ];
    vec![
        one(
            "mariadb",
            &certificate,
            starttls("starttls-mysql", tls("nnnnyy", STATIC, "", "rsa")),
        ),
        one(
            "mariadb-mended",
            &[&certificate[..], &mended].concat(),
            starttls("starttls-mysql", tls("nnnnyy", "", "", "rsa")),
        ),
        one("mariadb-plain", &["--skip-ssl"], clear("mysql")),
    ]
}

fn prosody() -> Vec<Animal> {
    let Some(server) = program("prosody", "prosody").filter(|_| is_root("Prosody")) else {
        return Vec::new();
    };
    let pki = pki().display();
    let one = |name: &str, more: &str, truths: [Truth; 2]| {
        let (home, [clients, servers]) = (home(), std::array::from_fn(|_| free_port()));
        let at = home.path().display();
        let text = format!(
            "run_as_root = true\ndaemonize = false\npidfile = \"{at}/pid\"\ndata_path = \"{at}\"\n\
             interfaces = {{ \"127.0.0.1\" }}\nc2s_ports = {{ {} }}\ns2s_ports = {{ {} }}\n\
             c2s_direct_tls_ports = {{}}\ns2s_direct_tls_ports = {{}}\n\
             modules_disabled = {{ \"http\" }}\nlog = {{ error = \"{at}/errors\" }}\n{more}\n\
             VirtualHost \"{NAME}\"\n ssl = {{ key = \"{pki}/good.key\"; certificate = \"{pki}/good.pem\"; }}\n",
            clients.port(),
            servers.port(),
        );
        let file = write(home.path(), "conf.lua", &text);
        let mut command = Command::new(&server);
        command.arg("-F").arg("--config").arg(&file);
        let daemon = start(&mut command, home, &[clients, servers]);
        let [of_clients, of_servers] = truths;
        vec![
            Animal::new(
                &format!("{name}-c2s"),
                clients,
                of_clients,
                Some(Keeper::Daemon(daemon)),
            ),
            Animal::new(&format!("{name}-s2s"), servers, of_servers, None),
        ]
    };
    let secure = tls("nnnnyy", "", "", "rsa");
    let mut found = one(
        "prosody",
        "modules_enabled = { \"tls\", \"saslauth\", \"dialback\" }",
        [
            starttls("starttls-xmpp", secure),
            starttls("starttls-xmpp-server", secure),
        ],
    );
    found.extend(one(
        "prosody-plain",
        "modules_enabled = { \"saslauth\", \"dialback\" }\nc2s_require_encryption = false\ns2s_require_encryption = false\n\
         s2s_secure_auth = false\nallow_unencrypted_plain_auth = true",
        [clear("xmpp"), clear("xmpp-server")],
    ));
    found
}
