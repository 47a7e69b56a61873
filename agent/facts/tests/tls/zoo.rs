//! A zoo of real servers and hand-made traps: of each, what is spoken, the exact versions, the exact kinds of weak suites,
//! and the exact faults of its certificates have to be told; of a trap, nothing that is not so.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use plumbline_facts::tls::{Depth, Endpoint, Options, Target, Trust, survey};

use crate::datagrams::datagrams;
use crate::keepers::{Keeper, daemons, gnutls, sshd};
use crate::pki::{NAME, pki};
use crate::services::services;
use crate::support::openssl;
use crate::traps;

/// What is true of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) protocol: &'static str,
    /// SSLv2 to TLSv1.3: `y` accepted, `n` not, `?` can't be told.
    pub(crate) versions: &'static str,
    /// What is weak about any of its suites, but for `cbc`; `?` where that can't be told.
    pub(crate) weak: &'static str,
    /// What is wrong with any of its certificates.
    pub(crate) faults: &'static str,
    /// How many chains it shows, by the keys of its own certificates.
    pub(crate) keys: &'static str,
}

/// An endpoint of the zoo.
pub(crate) struct Animal {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) truth: Truth,
    /// To be spoken to over UDP.
    datagrams: bool,
    /// Keeps it alive.
    _keeper: Option<Keeper>,
}

impl Animal {
    pub(crate) fn new(name: &str, address: SocketAddr, truth: Truth, keeper: Option<Keeper>) -> Self {
        Self {
            name: name.to_owned(),
            address,
            truth,
            datagrams: false,
            _keeper: keeper,
        }
    }

    /// To be spoken to over UDP.
    pub(crate) fn over_udp(self) -> Self {
        Self {
            datagrams: true,
            ..self
        }
    }
}

pub(crate) const fn tls(
    versions: &'static str,
    weak: &'static str,
    faults: &'static str,
    keys: &'static str,
) -> Truth {
    Truth {
        protocol: "tls",
        versions,
        weak,
        faults,
        keys,
    }
}

const ALL: &str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
/// What OpenSSL 3 has of weak suites when told to take all of them.
const OLD: &str = "anonymous dh-below-2048 no-forward-secrecy null";
const STATIC: &str = "no-forward-secrecy";

/// Certificate, further arguments of `openssl s_server`, truth.
const OPENSSL: &[(&str, &str, &str, Truth)] = &[
    ("default", "good", "", tls("nnnnyy", STATIC, "", "rsa")),
    ("everything", "good", "-cipher ALL", tls("nnyyyy", OLD, "", "rsa")),
    (
        "forward-secret",
        "good",
        "-cipher ECDHE+AESGCM",
        tls("nnnnyy", "", "", "rsa"),
    ),
    (
        "only-1.0",
        "good",
        "-tls1 -cipher ALL",
        tls("nnynnn", OLD, "", "rsa"),
    ),
    (
        "only-1.1",
        "good",
        "-tls1_1 -cipher ALL",
        tls("nnnynn", OLD, "", "rsa"),
    ),
    ("only-1.2", "good", "-tls1_2", tls("nnnnyn", STATIC, "", "rsa")),
    ("only-1.3", "good", "-tls1_3", tls("nnnnny", "", "", "rsa")),
    (
        "hole",
        "good",
        "-no_tls1_1 -no_tls1_2 -cipher ALL",
        tls("nnynny", OLD, "", "rsa"),
    ),
    (
        "no-1.3",
        "good",
        "-no_tls1_3 -cipher ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=0",
        tls("nnyyyn", "", "", "rsa"),
    ),
    (
        "two-keys",
        "good",
        "-dcert PKI/elliptic.pem -dkey PKI/elliptic.key",
        tls("nnnnyy", STATIC, "", "ec rsa"),
    ),
    (
        "two-keys-1.3",
        "good",
        "-tls1_3 -dcert PKI/elliptic.pem -dkey PKI/elliptic.key",
        tls("nnnnny", "", "", "ec rsa"),
    ),
    (
        "one-of-two-expired",
        "good",
        "-dcert PKI/expired-elliptic.pem -dkey PKI/expired-elliptic.key",
        tls("nnnnyy", STATIC, "expired", "ec rsa"),
    ),
    (
        "one-of-two-expired-1.3",
        "good",
        "-tls1_3 -dcert PKI/expired-elliptic.pem -dkey PKI/expired-elliptic.key",
        tls("nnnnny", "", "expired", "ec rsa"),
    ),
    ("elliptic", "elliptic", "", tls("nnnnyy", "", "", "ec")),
    ("p521", "p521", "", tls("nnnnyy", "", "", "ec")),
    ("edwards", "edwards", "", tls("nnnnyy", "", "", "ed25519")),
    ("pss", "pss", "", tls("nnnnyy", "", "", "rsa")),
    (
        "dsa",
        "dsa",
        "-tls1_2 -cipher DHE-DSS-AES128-SHA256:@SECLEVEL=0",
        tls("nnnnyn", "", "", "dsa"),
    ),
    (
        "group-p384",
        "elliptic",
        "-tls1_3 -groups P-384",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "group-p521",
        "elliptic",
        "-tls1_3 -groups P-521",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "group-x448",
        "elliptic",
        "-tls1_3 -groups X448",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "group-field",
        "elliptic",
        "-tls1_3 -groups ffdhe4096",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "ccm",
        "elliptic",
        "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "ccm8",
        "elliptic",
        "-tls1_3 -ciphersuites TLS_AES_128_CCM_8_SHA256",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "chacha",
        "elliptic",
        "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "cookie",
        "elliptic",
        "-tls1_3 -stateless",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "client-certificate-1.3",
        "elliptic",
        "-tls1_3 -Verify 2",
        tls("nnnnny", "", "", "ec"),
    ),
    (
        "client-certificate-1.2",
        "good",
        "-tls1_2 -Verify 2",
        tls("nnnnyn", STATIC, "", "rsa"),
    ),
    (
        "null",
        "good",
        "-tls1_2 -cipher NULL-SHA256:@SECLEVEL=0",
        tls("nnnnyn", "no-forward-secrecy null", "", "rsa"),
    ),
    (
        "anonymous",
        "good",
        "-tls1_2 -nocert -cipher AECDH-AES128-SHA:@SECLEVEL=0",
        tls("nnnnyn", "anonymous", "", ""),
    ),
    (
        "key-agreed-before",
        "good",
        "-tls1_2 -nocert -psk 0a1b -cipher ECDHE-PSK-CHACHA20-POLY1305:@SECLEVEL=0",
        tls("nnnnyn", "", "", ""),
    ),
    (
        "key-agreed-before-1.3",
        "good",
        "-tls1_3 -nocert -psk 0a1b",
        tls("nnnnny", "", "", ""),
    ),
    (
        "short-prime",
        "short",
        "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
        tls("nnnnyn", "dh-below-2048", "weak-key", "rsa"),
    ),
    (
        "short-key",
        "short",
        "-cipher ECDHE+AESGCM:@SECLEVEL=0",
        tls("nnnnyy", "", "weak-key", "rsa"),
    ),
    (
        "sha1",
        "sha1",
        "-cipher ECDHE+AESGCM:@SECLEVEL=0",
        tls("nnnnyy", "", "weak-signature", "rsa"),
    ),
    (
        "md5",
        "md5",
        "-cipher ECDHE+AESGCM:@SECLEVEL=0",
        tls("nnnnyy", "", "weak-signature", "rsa"),
    ),
    (
        "md5-1.3",
        "md5",
        "-tls1_3 -cipher ALL:@SECLEVEL=0",
        tls("nnnnny", "", "weak-signature", "rsa"),
    ),
    ("expired", "expired", "", tls("nnnnyy", STATIC, "expired", "rsa")),
    (
        "expired-1.3",
        "expired",
        "-tls1_3",
        tls("nnnnny", "", "expired", "rsa"),
    ),
    (
        "future",
        "future",
        "",
        tls("nnnnyy", STATIC, "not-yet-valid", "rsa"),
    ),
    (
        "other-name",
        "other",
        "",
        tls("nnnnyy", STATIC, "host-name-mismatch", "rsa"),
    ),
    (
        "self-signed",
        "self",
        "",
        tls("nnnnyy", STATIC, "self-signed", "rsa"),
    ),
    (
        "whole-chain",
        "under",
        "-cert_chain PKI/int.pem",
        tls("nnnnyy", STATIC, "", "rsa"),
    ),
    (
        "broken-chain",
        "under",
        "",
        tls("nnnnyy", STATIC, "incomplete-chain", "rsa"),
    ),
    (
        "strange-root",
        "stranger",
        "-cert_chain PKI/rogue.pem",
        tls("nnnnyy", STATIC, "untrusted", "rsa"),
    ),
];

fn openssl_animals() -> Vec<Animal> {
    let pki = pki().to_str().unwrap();
    OPENSSL
        .iter()
        .map(|(name, certificate, arguments, truth)| {
            let certificate_file = format!("{pki}/{certificate}.pem");
            let key_file = format!("{pki}/{certificate}.key");
            let mut words: Vec<String> = vec!["-cert".into(), certificate_file, "-key".into(), key_file];
            for word in arguments.split_whitespace() {
                words.push(match word {
                    "ALL" => ALL.to_owned(),
                    word => word.replace("PKI", pki),
                });
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let server = openssl(&words);
            Animal::new(name, server.address, *truth, Some(Keeper::Openssl(server)))
        })
        .collect()
}

fn visit(animals: &[Animal]) -> Vec<Endpoint> {
    let targets: Vec<Target> = animals
        .iter()
        .map(|animal| Target {
            endpoint: animal.name.clone(),
            addresses: vec![animal.address],
            port: animal.address.port(),
            name: Some(NAME.to_owned()),
            expected_name: Some(NAME.to_owned()),
            datagrams: animal.datagrams,
            ..Target::default()
        })
        .collect();
    let root = std::fs::read(pki().join("ca.pem")).unwrap();
    let options = Options {
        depth: Depth::Full,
        // Long, so that a busy machine proves nothing.
        deadline: std::time::Duration::from_secs(40),
        budget: std::time::Duration::from_secs(600),
        trust: Trust {
            anchors: Some(Trust::anchors_of_pem(&root)),
            known: Vec::new(),
            now: jiff_now(),
            notice: std::time::Duration::from_secs(30 * 86_400),
        },
        at_once: 8,
        ..Options::default()
    };
    survey(&targets, &options, |_| {})
}

fn jiff_now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn words(list: impl IntoIterator<Item = &'static str>) -> String {
    let set: BTreeSet<&str> = list.into_iter().collect();
    set.into_iter().collect::<Vec<_>>().join(" ")
}

/// What was told of an endpoint, as a truth is written.
fn told(endpoint: &Endpoint) -> [String; 5] {
    use plumbline_facts::tls::Offer;
    let versions = endpoint.offers().map(|(_, offer)| match offer {
        Offer::Offered => 'y',
        Offer::NotOffered => 'n',
        Offer::Unknown(_) => '?',
    });
    let weaknesses = endpoint
        .cipher_suites
        .iter()
        .flat_map(|suite| suite.weaknesses.iter().copied())
        .filter(|weakness| *weakness != "cbc");
    let faults = endpoint
        .certificates
        .iter()
        .flat_map(|certificate| certificate.weaknesses.iter().copied());
    let mut keys: Vec<&str> = endpoint
        .certificates
        .iter()
        .filter(|certificate| certificate.subject == "CN=zoo")
        .map(|certificate| certificate.key.kind.as_str())
        .collect();
    keys.sort_unstable();
    [
        endpoint.speaks.unwrap_or(endpoint.protocol.name()).to_owned(),
        versions.collect(),
        words(weaknesses),
        words(faults),
        keys.join(" "),
    ]
}

/// Visits the animals and says of which something else was told than is true.
fn compare(animals: &[Animal]) {
    let mut wrong = Vec::new();
    for (animal, endpoint) in animals.iter().zip(visit(animals)) {
        let truth = animal.truth;
        let expected = [
            truth.protocol,
            truth.versions,
            truth.weak,
            truth.faults,
            truth.keys,
        ]
        .map(str::to_owned);
        let mut told = told(&endpoint);
        if endpoint.protocol.is_tls() && !endpoint.weaknesses_complete && endpoint.error.is_some() {
            "?".clone_into(&mut told[2]);
        }
        if told != expected {
            wrong.push(format!(
                "{}: told {told:?}, true {expected:?}, error {:?}",
                animal.name, endpoint.error
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "of {} endpoints:\n{}",
        animals.len(),
        wrong.join("\n")
    );
}

#[test]
fn openssl_servers_of_every_kind_are_told_exactly() {
    compare(&openssl_animals());
}

#[test]
fn gnutls_servers_are_told_exactly() {
    compare(&gnutls());
}

#[test]
fn daemons_are_told_exactly() {
    compare(&daemons());
}

#[test]
fn servers_over_udp_are_told_exactly() {
    compare(&datagrams());
}

#[test]
fn more_services_are_told_exactly() {
    compare(&services());
}

/// Remedies go by the name of the process that listens.
#[test]
fn the_processes_of_daemons_are_called_what_remedies_know_them_by() {
    let animals: Vec<_> = services().into_iter().chain(daemons()).collect();
    let sockets = plumbline_facts::sockets::read(&plumbline_facts::Host::live().unwrap()).unwrap();
    for (name, process) in [
        ("apache-old", "apache2"),
        ("haproxy-old", "haproxy"),
        ("postfix-smtps", "master"),
        ("mariadb", "mariadbd"),
        ("nginx-two", "nginx"),
        ("dovecot-imap", "dovecot"),
        ("slapd", "slapd"),
        ("postgresql", "postgres"),
        ("vsftpd", "vsftpd"),
        ("sshd", "sshd"),
    ] {
        // One that is not installed has said so.
        let Some(animal) = animals.iter().find(|animal| animal.name == name) else {
            continue;
        };
        let at = |listener: &&plumbline_facts::sockets::Listener| {
            (listener.address, listener.port) == (animal.address.ip(), animal.address.port())
        };
        let listener = sockets.listeners.iter().find(at).unwrap();
        assert_eq!(listener.process.as_ref().unwrap().name, process, "{name}");
    }
}

#[test]
fn traps_are_survived_and_nothing_untrue_is_told_of_them() {
    compare(&traps::traps());
}

#[test]
fn the_offer_and_the_host_key_of_a_real_sshd_are_read() {
    for endpoint in visit(&sshd()) {
        let offer = endpoint.ssh.unwrap();
        assert_eq!((offer.rsa_bits, offer.rsa_unknown), (Some(3072), None));
        assert!(offer.version.contains("OpenSSH"), "{}", offer.version);
        assert!(offer.key_exchanges.iter().any(|name| name == "curve25519-sha256"));
        assert!(!offer.ciphers.is_empty() && !offer.macs.is_empty() && !offer.host_keys.is_empty());
    }
}
