//! An authority and what it issued, good and bad, made by OpenSSL once for all tests.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The name that every certificate but one is for.
pub(crate) const NAME: &str = "zoo.example.test";

const LEAF: &str = "subjectAltName=DNS:zoo.example.test\nbasicConstraints=critical,CA:FALSE\n";
const OTHER: &str = "subjectAltName=DNS:other.example.test\nbasicConstraints=critical,CA:FALSE\n";
const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
const CA_CONF: &str = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\ndefault_md=sha256\nunique_subject=no\n[p]\ncommonName=supplied\n";

/// Name, key, authority, hash, extensions, begin, end.
type Issue = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const LONG_AGO: &str = "20200101000000Z";
const YESTERYEAR: &str = "20240101000000Z";
const FAR: &str = "20491231000000Z";
const FARTHER: &str = "20501231000000Z";

const ISSUES: &[Issue] = &[
    ("int", "rsa:2048", "ca", "sha256", "authority", YESTERYEAR, FAR),
    ("good", "rsa:2048", "ca", "sha256", "leaf", YESTERYEAR, FAR),
    ("elliptic", "P-256", "ca", "sha256", "leaf", YESTERYEAR, FAR),
    ("p521", "P-521", "ca", "sha384", "leaf", YESTERYEAR, FAR),
    ("edwards", "ed25519", "ca", "sha256", "leaf", YESTERYEAR, FAR),
    ("pss", "rsa-pss", "ca", "sha256", "leaf", YESTERYEAR, FAR),
    ("short", "rsa:1024", "ca", "sha256", "leaf", YESTERYEAR, FAR),
    ("sha1", "rsa:2048", "ca", "sha1", "leaf", YESTERYEAR, FAR),
    ("md5", "rsa:2048", "ca", "md5", "leaf", YESTERYEAR, FAR),
    (
        "expired", "rsa:2048", "ca", "sha256", "leaf", LONG_AGO, YESTERYEAR,
    ),
    (
        "expired-elliptic",
        "P-256",
        "ca",
        "sha256",
        "leaf",
        LONG_AGO,
        YESTERYEAR,
    ),
    ("future", "rsa:2048", "ca", "sha256", "leaf", FAR, FARTHER),
    ("other", "rsa:2048", "ca", "sha256", "other", YESTERYEAR, FAR),
    ("stranger", "rsa:2048", "rogue", "sha256", "leaf", YESTERYEAR, FAR),
    ("under", "rsa:2048", "int", "sha256", "leaf", YESTERYEAR, FAR),
];

/// The directory with `NAME.pem` and `NAME.key` of each, `ca.pem`, `rogue.pem`, and the chains `under-int.pem`,
/// `stranger-rogue.pem`.
pub(crate) fn pki() -> &'static Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        for (file, text) in [("leaf", LEAF), ("other", OTHER), ("authority", AUTHORITY), ("ca.conf", CA_CONF), ("index", "")] {
            std::fs::write(at.join(file), text).unwrap();
        }
        for (name, subject) in [("ca", "/CN=Zoo Root"), ("rogue", "/CN=Rogue Root")] {
            openssl(
                at,
                &format!(
                    "req -x509 -nodes -newkey rsa:2048 -keyout {name}.key -out {name}.pem -days 3650 -addext keyUsage=keyCertSign -subj"
                ),
                &[subject],
            );
        }
        openssl(
            at,
            "req -x509 -nodes -newkey rsa:2048 -keyout self.key -out self.pem -days 3650 -addext subjectAltName=DNS:zoo.example.test -subj",
            &["/CN=zoo"],
        );
        for issue in ISSUES {
            make(at, issue);
        }
        openssl(at, "dsaparam -out dsa.par 2048", &[]);
        openssl(at, "gendsa -out dsa.key dsa.par", &[]);
        openssl(at, "req -new -key dsa.key -out dsa.csr -subj /CN=zoo", &[]);
        sign(at, &("dsa", "", "ca", "sha256", "leaf", YESTERYEAR, FAR));
        for (chain, parts) in [("under-int", ["under", "int"]), ("stranger-rogue", ["stranger", "rogue"])] {
            let pem: Vec<String> = parts
                .iter()
                .map(|part| std::fs::read_to_string(at.join(format!("{part}.pem"))).unwrap())
                .collect();
            std::fs::write(at.join(format!("{chain}.pem")), pem.concat()).unwrap();
        }
        dir
    })
    .path()
}

fn make(at: &Path, issue: &Issue) {
    let (name, key, ..) = issue;
    let key = match *key {
        curve @ ("P-256" | "P-521") => format!("ec -pkeyopt ec_paramgen_curve:{curve}"),
        other => other.to_owned(),
    };
    let subject = if *name == "int" {
        "/CN=Zoo Intermediate"
    } else {
        "/CN=zoo"
    };
    openssl(
        at,
        &format!("req -nodes -newkey {key} -keyout {name}.key -out {name}.csr -subj"),
        &[subject],
    );
    sign(at, issue);
}

fn sign(at: &Path, (name, _, authority, hash, extensions, begin, end): &Issue) {
    openssl(
        at,
        &format!(
            "ca -batch -notext -config ca.conf -cert {authority}.pem -keyfile {authority}.key -md {hash} -in {name}.csr \
             -out {name}.pem -startdate {begin} -enddate {end} -extfile {extensions}"
        ),
        &[],
    );
}

fn openssl(at: &Path, words: &str, more: &[&str]) {
    let output = Command::new("openssl")
        .args(words.split_whitespace())
        .args(more)
        .current_dir(at)
        .stdin(Stdio::null())
        .output()
        .expect("the tests need the openssl program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {words}: {said}");
}
