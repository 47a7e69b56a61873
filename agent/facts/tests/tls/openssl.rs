//! Real OpenSSL servers.

use crate::support::*;

#[test]
fn each_version_of_openssl_is_seen_alone() {
    for (option, expected) in [
        ("-tls1", "TLSv1.0"),
        ("-tls1_1", "TLSv1.1"),
        ("-tls1_2", "TLSv1.2"),
        ("-tls1_3", "TLSv1.3"),
    ] {
        let server = openssl(&[option, "-cipher", "ALL:@SECLEVEL=0"]);
        assert_eq!(
            summary(&ask(server.address)),
            ("tls", vec![expected], 0),
            "{option}"
        );
    }
}

#[test]
fn old_and_new_versions_of_one_server_are_seen_together() {
    let wide = openssl(&["-cipher", "ALL:@SECLEVEL=0"]);
    assert_eq!(
        summary(&ask(wide.address)),
        ("tls", vec!["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"], 0)
    );
    let modern = openssl(&[]);
    assert_eq!(
        summary(&ask(modern.address)),
        ("tls", vec!["TLSv1.2", "TLSv1.3"], 0)
    );
    // A hole: TLS 1.1 off between 1.0 and 1.2.
    let hole = openssl(&["-no_tls1_1", "-no_tls1_2", "-cipher", "ALL:@SECLEVEL=0"]);
    assert_eq!(
        summary(&ask(hole.address)),
        ("tls", vec!["TLSv1.0", "TLSv1.3"], 0)
    );
}

#[test]
fn servers_that_like_little_are_seen_all_the_same() {
    for (arguments, expected) in [
        (&["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"][..], "TLSv1.2"),
        (&["-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0"], "TLSv1.2"),
        (&["-tls1", "-cipher", "AECDH-AES128-SHA:@SECLEVEL=0"], "TLSv1.0"),
        (
            &[
                "-tls1_2",
                "-psk",
                "00112233",
                "-nocert",
                "-cipher",
                "PSK:@SECLEVEL=0",
            ],
            "TLSv1.2",
        ),
        (&["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"], "TLSv1.2"),
        (
            &[
                "-tls1_2",
                "-cipher",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "-curves",
                "brainpoolP384r1",
            ],
            "TLSv1.2",
        ),
        (&["-tls1_3", "-curves", "P-521"], "TLSv1.3"),
        (&["-tls1_3", "-curves", "ffdhe3072"], "TLSv1.3"),
        (
            &["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"],
            "TLSv1.3",
        ),
    ] {
        let server = openssl(arguments);
        assert_eq!(
            summary(&ask(server.address)),
            ("tls", vec![expected], 0),
            "{arguments:?}"
        );
    }
}

#[test]
fn suites_groups_and_both_certificates_are_seen() {
    let dir = certificates();
    let (cert, key) = (dir.join("ec.pem"), dir.join("ec.key"));
    let server = openssl(&[
        "-dcert",
        cert.to_str().unwrap(),
        "-dkey",
        key.to_str().unwrap(),
        "-cipher",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-SHA384:AES128-SHA:DHE-RSA-AES128-GCM-SHA256:DES-CBC3-SHA",
        "-ciphersuites",
        "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
        "-curves",
        "P-256:X25519:P-384",
    ]);
    let mut endpoint = look(&server);
    endpoint.groups.sort_unstable();
    let mut suites: Vec<_> = endpoint
        .cipher_suites
        .iter()
        .map(|suite| suite.name.as_str())
        .collect();
    suites.sort_unstable();
    assert_eq!(
        suites,
        [
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
        ],
        "OpenSSL 3 has no 3DES at its default security level"
    );
    assert_eq!(endpoint.groups, ["secp256r1", "secp384r1", "x25519"]);
    let keys: Vec<_> = endpoint
        .certificates
        .iter()
        .map(|c| (c.key.kind.as_str(), c.key.bits))
        .collect();
    assert_eq!(keys, [("ec", 256), ("rsa", 2048)]);
    assert!(
        endpoint
            .certificates
            .iter()
            .all(|c| c.self_signed && c.weaknesses.contains(&"self-signed"))
    );
    assert_eq!(endpoint.error, None);
    assert!(!endpoint.client_certificate_required);
}
