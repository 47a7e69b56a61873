//! Hosts for the tests of the checks of item 3.

use plumbline_config::ident::Role;
use plumbline_config::plan::{Plan, Transport};
use plumbline_facts::firewall::FirewallFacts;
use plumbline_facts::sockets::{Listener, Process};
use plumbline_facts::tls::{Certificate, Endpoint, Key, Offer, Protocol, TlsListener, TlsListeners};
use plumbline_facts::{Facts, Known};

use crate::check::{Check, Context, Verdict};

/// A host whose sockets are these, each on another port from 443 on, behind nginx; it filters nothing.
pub(crate) fn host(endpoints: Vec<Endpoint>) -> Facts {
    let listeners = (443..)
        .zip(endpoints)
        .map(|(port, endpoint)| TlsListener {
            listener: Listener {
                transport: Transport::Tcp,
                address: "::".parse().unwrap(),
                port,
                interface: None,
                v6_only: false,
                process: Some(Process {
                    pid: 7,
                    name: "nginx".to_owned(),
                }),
            },
            namespace: None,
            endpoint,
        })
        .collect();
    Facts {
        tls: Known::Value(TlsListeners {
            listeners,
            ..TlsListeners::default()
        }),
        firewall: Known::Value(FirewallFacts::default()),
        ..Facts::default()
    }
}

/// TLS 1.2 and 1.3, and nothing known beyond that.
pub(crate) fn endpoint() -> Endpoint {
    let offers = [false, false, false, false, true, true];
    Endpoint {
        endpoint: "[::]:443".to_owned(),
        reachable: true,
        protocol: Protocol::Tls,
        speaks: None,
        versions: offers.map(|offered| {
            if offered {
                Offer::Offered
            } else {
                Offer::NotOffered
            }
        }),
        cipher_suites: Vec::new(),
        cipher_suites_complete: true,
        weaknesses_complete: true,
        groups: Vec::new(),
        groups_complete: true,
        client_certificate_required: false,
        certificates: Vec::new(),
        ssh: None,
        redirects: false,
        error: None,
    }
}

/// One that speaks something else.
pub(crate) fn speaking(protocol: Protocol, speaks: Option<&'static str>) -> Endpoint {
    Endpoint {
        protocol,
        speaks,
        versions: std::array::from_fn(|_| Offer::NotOffered),
        ..endpoint()
    }
}

/// A certificate with these faults, in force until then.
pub(crate) fn certificate(weaknesses: &[&'static str], until: &str) -> Certificate {
    Certificate {
        subject: "CN=www.example.test".to_owned(),
        issuer: "CN=Example CA".to_owned(),
        names: vec!["www.example.test".to_owned()],
        not_before: "2025-01-01T00:00:00Z".parse().unwrap(),
        not_after: until.parse().unwrap(),
        key: Key {
            kind: "rsa".to_owned(),
            bits: 2048,
        },
        signature_algorithm: "sha256WithRSAEncryption".to_owned(),
        sha256: "00112233445566778899".to_owned(),
        self_signed: false,
        weaknesses: weaknesses.to_vec(),
    }
}

/// Judges a service host.
pub(crate) fn verdicts(check: &Check, facts: &Facts, plan: &Plan) -> Vec<Verdict> {
    let context = Context {
        plan,
        role: Role::Service,
        now: crate::invariants::NOW.parse().unwrap(),
    };
    (check.judge)(facts, &context).unwrap()
}
