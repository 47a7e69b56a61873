//! Real servers other than OpenSSL's own, each started by itself on a port of loopback and stopped when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::pki::pki;
use crate::support::Openssl;
use crate::zoo::{Animal, Truth, tls};

/// What keeps an endpoint alive.
pub(crate) enum Keeper {
    Openssl(#[allow(dead_code, reason = "kept to be dropped")] Openssl),
    Daemon(#[allow(dead_code, reason = "kept to be dropped")] Daemon),
}

/// A process of our own and its directory.
pub(crate) struct Daemon {
    child: Child,
    _home: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Daemons with children of their own end them when asked, and not when killed.
        let pid = nix_pid(&self.child);
        let _asked = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn nix_pid(child: &Child) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// The program's path, or a word that it is missing.
pub(crate) fn program(name: &str, package: &str) -> Option<PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/local/sbin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: {package} is not installed; its endpoints were not visited");
    }
    found
}

/// A port for a daemon that binds it later. It is below those that the kernel gives out by itself (ip(7),
/// ip_local_port_range), and given out once, so that no other test's server takes it meanwhile.
pub(crate) fn free_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Starts a program and waits until each of `addresses` accepts connections.
pub(crate) fn start(command: &mut Command, home: tempfile::TempDir, addresses: &[SocketAddr]) -> Daemon {
    start_until(command, home, addresses, |address| {
        TcpStream::connect(address).is_ok()
    })
}

/// Starts a program and waits until it has a UDP socket at `address`.
pub(crate) fn start_datagrams(command: &mut Command, home: tempfile::TempDir, address: SocketAddr) -> Daemon {
    let bound = |address: SocketAddr| {
        let port = format!(":{:04X} ", address.port());
        let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        table.contains(&port)
    };
    start_until(command, home, &[address], bound)
}

fn start_until(
    command: &mut Command,
    home: tempfile::TempDir,
    addresses: &[SocketAddr],
    listens: fn(SocketAddr) -> bool,
) -> Daemon {
    let log = std::fs::File::create(home.path().join("log")).unwrap();
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut daemon = Daemon { child, _home: home };
    let end = Instant::now() + Duration::from_secs(30);
    for address in addresses {
        while !listens(*address) {
            let ended = daemon.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < end,
                "{command:?} does not listen: {ended:?}\n{}",
                std::fs::read_to_string(daemon._home.path().join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    daemon
}

/// A directory that daemons which change their user can look into.
pub(crate) fn home() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    home
}

pub(crate) const STATIC: &str = "no-forward-secrecy";

pub(crate) fn gnutls() -> Vec<Animal> {
    let Some(server) = program("gnutls-serv", "gnutls-bin") else {
        return Vec::new();
    };
    let all = "NORMAL:+VERS-ALL:+ARCFOUR-128:+3DES-CBC:+NULL:+ANON-DH:+ANON-ECDH:+MD5:%COMPAT";
    let cases: [(&str, &str, bool, Truth); 7] = [
        ("gnutls", "NORMAL", true, tls("nnyyyy", STATIC, "", "rsa")),
        (
            "gnutls-all",
            all,
            true,
            tls("nnyyyn", "3des anonymous no-forward-secrecy null rc4", "", "rsa"),
        ),
        (
            "gnutls-1.0",
            "NORMAL:-VERS-ALL:+VERS-TLS1.0",
            true,
            tls("nnynnn", STATIC, "", "rsa"),
        ),
        (
            "gnutls-1.2",
            "SECURE128:-VERS-ALL:+VERS-TLS1.2:-RSA",
            true,
            tls("nnnnyn", "", "", "rsa"),
        ),
        (
            "gnutls-1.3",
            "NORMAL:-VERS-ALL:+VERS-TLS1.3",
            true,
            tls("nnnnny", "", "", "rsa"),
        ),
        (
            "gnutls-rc4",
            "NORMAL:-VERS-ALL:+VERS-TLS1.1:-CIPHER-ALL:+ARCFOUR-128",
            true,
            tls("nnnynn", "no-forward-secrecy rc4", "", "rsa"),
        ),
        (
            "gnutls-anonymous",
            "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH",
            false,
            tls("nnnnyn", "anonymous", "", ""),
        ),
    ];
    let pki = pki();
    cases
        .into_iter()
        .map(|(name, priority, certificate, truth)| {
            let address = free_port();
            let mut command = Command::new(&server);
            command
                .args([
                    "--http",
                    "--quiet",
                    "--disable-client-cert",
                    "--priority",
                    priority,
                    "--port",
                ])
                .arg(address.port().to_string());
            if certificate {
                command
                    .arg("--x509certfile")
                    .arg(pki.join("good.pem"))
                    .arg("--x509keyfile")
                    .arg(pki.join("good.key"));
            }
            let daemon = start(&mut command, home(), &[address]);
            Animal::new(name, address, truth, Some(Keeper::Daemon(daemon)))
        })
        .collect()
}

/// nginx, Dovecot, OpenLDAP, vsftpd, sshd and PostgreSQL, each with a configuration of a few lines.
pub(crate) fn daemons() -> Vec<Animal> {
    [nginx(), dovecot(), slapd(), vsftpd(), sshd(), postgresql()]
        .into_iter()
        .flatten()
        .collect()
}

fn nginx() -> Vec<Animal> {
    let Some(server) = program("nginx", "nginx-light") else {
        return Vec::new();
    };
    let [two, strict, sends_on, plain] = std::array::from_fn(|_| free_port());
    let (home, pki) = (home(), pki().display());
    let at = home.path().display();
    let both = format!(
        "ssl_certificate {pki}/good.pem; ssl_certificate_key {pki}/good.key; \
         ssl_certificate {pki}/elliptic.pem; ssl_certificate_key {pki}/elliptic.key;"
    );
    let one = format!("ssl_certificate {pki}/good.pem; ssl_certificate_key {pki}/good.key;");
    let text = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/errors;\nevents {{}}\nhttp {{ access_log off;\n\
         client_body_temp_path {at}/1; proxy_temp_path {at}/2; fastcgi_temp_path {at}/3; uwsgi_temp_path {at}/4; scgi_temp_path {at}/5;\n\
         server {{ listen {two} ssl; {both} ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:!aNULL:!kRSA:@SECLEVEL=0; }}\n\
         server {{ listen {strict} ssl; ssl_reject_handshake on; ssl_protocols TLSv1.2 TLSv1.3; }}\n\
         server {{ listen {strict} ssl; server_name zoo.example.test; {one} ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; }}\n\
         server {{ listen {sends_on}; return 301 https://$host/; }}\n\
         server {{ listen {plain}; return 200 here; }}\n}}\n"
    );
    let file = home.path().join("conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(server);
    command.arg("-c").arg(&file);
    let daemon = start(&mut command, home, &[two, strict, sends_on, plain]);
    let http = Truth {
        protocol: "http",
        versions: "nnnnnn",
        ..tls("", "", "", "")
    };
    vec![
        Animal::new(
            "nginx-two",
            two,
            tls("nnyyyy", "", "", "ec rsa"),
            Some(Keeper::Daemon(daemon)),
        ),
        Animal::new("nginx-strict-name", strict, tls("nnnnyy", "", "", "rsa"), None),
        Animal::new("nginx-sends-on", sends_on, http, None),
        Animal::new("nginx-plain", plain, http, None),
    ]
}

pub(crate) const fn starttls(protocol: &'static str, truth: Truth) -> Truth {
    Truth { protocol, ..truth }
}

fn dovecot() -> Vec<Animal> {
    let Some(server) = program("dovecot", "dovecot-imapd and dovecot-pop3d") else {
        return Vec::new();
    };
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/lib/dovecot/pop3-login").exists() {
        eprintln!("SKIPPED: Dovecot needs root, and its POP3 server; its endpoints were not visited");
        return Vec::new();
    }
    let [imap, pop3, imaps] = std::array::from_fn(|_| free_port());
    let (home, pki) = (home(), pki().display());
    let at = home.path().display();
    let inet = |name: &str, address: SocketAddr, ssl: &str| {
        let (ip, port) = (address.ip(), address.port());
        format!("inet_listener {name} {{\n address = {ip}\n port = {port}\n {ssl}\n}}\n")
    };
    let services = [
        (
            "imap-login",
            inet("imap", imap, "") + &inet("imaps", imaps, "ssl = yes"),
        ),
        (
            "pop3-login",
            inet("pop3", pop3, "") + "inet_listener pop3s {\n port = 0\n}\n",
        ),
        ("anvil", String::new()),
        ("stats", String::new()),
    ];
    let services: String = services
        .iter()
        .map(|(name, more)| format!("service {name} {{\n chroot =\n{more}}}\n"))
        .collect();
    let text = format!(
        "base_dir = {at}/run\nlog_path = {at}/errors\nprotocols = imap pop3\nssl = yes\nssl_cert = <{pki}/good.pem\n\
         ssl_key = <{pki}/good.key\nssl_min_protocol = TLSv1.2\nssl_cipher_list = ECDHE+AESGCM:ECDHE+CHACHA20\npassdb {{\n driver = static\n args = password=x\n}}\n\
         default_internal_user = nobody\ndefault_login_user = daemon\ndefault_internal_group = nogroup\n{services}"
    );
    let file = home.path().join("conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(server);
    command.arg("-F").arg("-c").arg(&file);
    let daemon = start(&mut command, home, &[imap, pop3, imaps]);
    let truth = tls("nnnnyy", "", "", "rsa");
    vec![
        Animal::new(
            "dovecot-imap",
            imap,
            starttls("starttls-imap", truth),
            Some(Keeper::Daemon(daemon)),
        ),
        Animal::new("dovecot-pop3", pop3, starttls("starttls-pop3", truth), None),
        Animal::new("dovecot-imaps", imaps, truth, None),
    ]
}

fn slapd() -> Vec<Animal> {
    let Some(server) = program("slapd", "slapd") else {
        return Vec::new();
    };
    let one = |name: &str, settings: &str, truth: Truth| {
        let [plain, implicit] = std::array::from_fn(|_| free_port());
        let (home, pki) = (home(), pki().display());
        let text =
            format!("TLSCertificateFile {pki}/good.pem\nTLSCertificateKeyFile {pki}/good.key\n{settings}");
        let file = home.path().join("conf");
        std::fs::write(&file, text).unwrap();
        let urls = format!("ldap://{plain}/ ldaps://{implicit}/");
        let mut command = Command::new(&server);
        command.args(["-d", "0", "-h", &urls, "-f"]).arg(&file);
        let daemon = start(&mut command, home, &[plain, implicit]);
        let first = Animal::new(
            name,
            plain,
            starttls("starttls-ldap", truth),
            Some(Keeper::Daemon(daemon)),
        );
        [
            first,
            Animal::new(&format!("{name}-implicit"), implicit, truth, None),
        ]
    };
    // As Debian builds it, with GnuTLS and the versions that GnuTLS has.
    let usual = one("slapd", "", tls("nnyyyy", STATIC, "", "rsa"));
    let mended = one(
        "slapd-mended",
        "TLSProtocolMin 3.3\nTLSCipherSuite SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA\n",
        tls("nnnnyy", "", "", "rsa"),
    );
    usual.into_iter().chain(mended).collect()
}

fn vsftpd() -> Vec<Animal> {
    let Some(server) = program("vsftpd", "vsftpd") else {
        return Vec::new();
    };
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: vsftpd needs root; it was not visited");
        return Vec::new();
    }
    let address = free_port();
    let (home, pki) = (home(), pki().display());
    let text = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={}\nbackground=NO\nanonymous_enable=NO\nlocal_enable=YES\n\
         secure_chroot_dir={}\nssl_enable=YES\nrsa_cert_file={pki}/good.pem\nrsa_private_key_file={pki}/good.key\n\
         ssl_tlsv1=NO\nssl_sslv2=NO\nssl_sslv3=NO\nssl_ciphers=ECDHE+AESGCM:ECDHE+CHACHA20\n\
         seccomp_sandbox=NO\n",
        address.port(),
        home.path().display(),
    );
    let file = home.path().join("conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(server);
    command.arg(&file);
    let daemon = start(&mut command, home, &[address]);
    vec![Animal::new(
        "vsftpd",
        address,
        starttls("starttls-ftp", tls("nnnnyy", "", "", "rsa")),
        Some(Keeper::Daemon(daemon)),
    )]
}

/// PostgreSQL, which refuses to run as root and so runs as nobody.
fn postgresql() -> Vec<Animal> {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<PathBuf> = installed
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    let Some(bin) = versions.pop().filter(|bin| bin.join("initdb").exists()) else {
        eprintln!("SKIPPED: postgresql is not installed; its endpoint was not visited");
        return Vec::new();
    };
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: PostgreSQL is started as nobody, which needs root; it was not visited");
        return Vec::new();
    }
    let (home, address) = (home(), free_port());
    chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let [data, certificate, key] = ["data", "pem", "key"].map(|name| home.path().join(name));
    for (file, copy) in [("good.pem", &certificate), ("good.key", &key)] {
        std::fs::copy(pki().join(file), copy).unwrap();
        std::fs::set_permissions(copy, std::fs::Permissions::from_mode(0o600)).unwrap();
        chown(copy, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut made = Command::new(bin.join("initdb"));
    made.args(["--no-sync", "-A", "trust", "-U", "zoo", "-D"])
        .arg(&data);
    let made = made
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={}", address.port()),
        format!("unix_socket_directories={}", home.path().display()),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", certificate.display()),
        format!("ssl_key_file={}", key.display()),
        "ssl_min_protocol_version=TLSv1.2".to_owned(),
        "ssl_ciphers=ECDHE+AESGCM:ECDHE+CHACHA20".to_owned(),
    ];
    let mut command = Command::new(bin.join("postgres"));
    command
        .arg("-D")
        .arg(&data)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir(home.path());
    for setting in settings {
        command.args(["-c", &setting]);
    }
    let daemon = start(&mut command, home, &[address]);
    let truth = starttls("starttls-postgresql", tls("nnnnyy", "", "", "rsa"));
    vec![Animal::new(
        "postgresql",
        address,
        truth,
        Some(Keeper::Daemon(daemon)),
    )]
}

pub(crate) fn sshd() -> Vec<Animal> {
    let Some(server) = program("sshd", "openssh-server") else {
        return Vec::new();
    };
    let address = free_port();
    let home = home();
    let key = home.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "3072", "-N", "", "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) || std::fs::create_dir_all("/run/sshd").is_err() {
        eprintln!("SKIPPED: sshd needs a key and /run/sshd; it was not visited");
        return Vec::new();
    }
    let mut command = Command::new(server);
    command
        .args([
            "-D",
            "-e",
            "-f",
            "/dev/null",
            "-p",
            &address.port().to_string(),
            "-o",
            "ListenAddress=127.0.0.1",
            "-h",
        ])
        .arg(&key);
    let daemon = start(&mut command, home, &[address]);
    let truth = Truth {
        protocol: "ssh",
        versions: "nnnnnn",
        ..tls("", "", "", "")
    };
    vec![Animal::new("sshd", address, truth, Some(Keeper::Daemon(daemon)))]
}
