//! What the checks of item 3 share: the endpoints, what they are called, and what is to be changed about them.

use plumbline_config::finding::Severity;
use plumbline_config::message::Message;
use plumbline_facts::namespaces::OWN;
use plumbline_facts::sockets::Listener;
use plumbline_facts::tls::{Elsewhere, Endpoint, Protocol, TlsListener, TlsListeners, Unseen};

use crate::check::Verdict;

/// An endpoint to be judged: a socket of the host, or an endpoint of another that the plan names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried<'f> {
    /// What was found out.
    pub(crate) endpoint: &'f Endpoint,
    /// The process behind it.
    pub(crate) process: Option<&'f str>,
    /// Only the host itself, or the namespace that it is in, can reach it.
    pub(crate) loopback: bool,
    /// The network namespace that it is in, where that is not the host's own.
    pub(crate) namespace: Option<&'f Elsewhere>,
    subject: Subject<'f>,
}

#[derive(Clone, Copy, Debug)]
enum Subject<'f> {
    Socket(&'f TlsListener),
    Named(&'f str),
}

/// Every endpoint, the host's own first.
pub(crate) fn tried(facts: &TlsListeners) -> impl Iterator<Item = Tried<'_>> {
    let own = facts.listeners.iter().map(|tried| Tried {
        endpoint: &tried.endpoint,
        process: tried
            .listener
            .process
            .as_ref()
            .map(|process| process.name.as_str()),
        loopback: tried.listener.address.is_loopback(),
        namespace: tried.namespace.as_ref(),
        subject: Subject::Socket(tried),
    });
    let named = facts.named.iter().map(|endpoint| Tried {
        endpoint,
        process: None,
        loopback: false,
        namespace: None,
        subject: Subject::Named(&endpoint.endpoint),
    });
    own.chain(named)
}

impl Tried<'_> {
    /// `tcp/[::]:443`, `tcp/0.0.0.0:443@web` in the namespace `web`, or the endpoint as the plan names it.
    pub(crate) fn subject(&self) -> String {
        match self.subject {
            Subject::Socket(tried) => tried.subject(),
            Subject::Named(name) => name.to_owned(),
        }
    }

    /// The socket, where it is one of this machine.
    pub(crate) fn socket(&self) -> Option<&Listener> {
        match self.subject {
            Subject::Socket(tried) => Some(&tried.listener),
            Subject::Named(_) => None,
        }
    }

    /// The network namespace that it is in.
    pub(crate) fn namespace_name(&self) -> &str {
        self.namespace.map_or(OWN, |namespace| namespace.name.as_str())
    }

    /// What is said of a socket in a namespace that the agent may not enter.
    pub(crate) fn closed(&self) -> Option<Verdict> {
        let closed = self.namespace.filter(|namespace| namespace.closed)?;
        Some(Verdict::error(
            self.subject(),
            Message::new("tls-namespace-closed").arg("namespace", &closed.name),
        ))
    }

    /// What a check of TLS says of an endpoint that does not speak it; `None` of one that does.
    pub(crate) fn without_tls(&self) -> Option<Verdict> {
        if let Some(verdict) = self.closed() {
            return Some(verdict);
        }
        let subject = self.subject();
        let endpoint = self.endpoint;
        Some(match endpoint.protocol {
            Protocol::Tls | Protocol::StartTls(_) | Protocol::Dtls | Protocol::Quic => return None,
            Protocol::Ssh => Verdict::not_applicable(subject, Message::new("tls-not-spoken-ssh")),
            Protocol::Cleartext => Verdict::not_applicable(
                subject,
                Message::new("tls-not-spoken-cleartext").arg("speaks", endpoint.speaks.unwrap_or("?")),
            ),
            Protocol::Silent => Verdict::not_applicable(subject, Message::new("tls-not-spoken-silent")),
            Protocol::Unknown => Verdict::error(
                subject,
                Message::new("tls-endpoint-unknown").arg("why", endpoint.error.as_deref().unwrap_or("?")),
            ),
        })
    }

    /// With a lower severity where only the host itself can reach it.
    pub(crate) fn weighed(&self, verdict: Verdict, on_loopback: Severity) -> Verdict {
        if self.loopback {
            verdict.severity(on_loopback)
        } else {
            verdict
        }
    }

    /// What to change where, by the program behind the endpoint.
    pub(crate) fn mend(&self, what: Mend) -> Option<Message> {
        let program = PROGRAMS.iter().find(|program| {
            self.process
                .is_some_and(|process| program.processes.contains(&process))
        })?;
        let setting = match what {
            Mend::Versions => program.versions,
            Mend::Suites => program.suites,
            Mend::Certificate => program.certificate,
        };
        let message = Message::new("transfer-mend")
            .arg("subject", self.subject())
            .arg("program", program.name)
            .arg("file", program.file);
        Some(message.arg("setting", setting))
    }
}

/// What is said of sockets that may be there and could not be listed.
pub(crate) fn unseen(facts: &TlsListeners) -> impl Iterator<Item = Verdict> {
    facts.unseen.iter().map(|unseen| match unseen {
        Unseen::Hidden => Verdict::error(unseen.subject(), Message::new("tls-namespaces-hidden")),
        Unseen::TooMany => Verdict::error(unseen.subject(), Message::new("tls-namespaces-too-many")),
        Unseen::Unlisted { name, why } => Verdict::error(
            unseen.subject(),
            Message::new("tls-namespace-unlisted")
                .arg("namespace", name)
                .arg("why", why),
        ),
    })
}

/// What is to be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mend {
    /// Versions of TLS.
    Versions,
    /// Cipher suites.
    Suites,
    /// Certificates.
    Certificate,
}

/// A server program, where its settings lie on Debian and what they are called.
struct Program {
    processes: &'static [&'static str],
    name: &'static str,
    file: &'static str,
    versions: &'static str,
    suites: &'static str,
    certificate: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        processes: &["nginx"],
        name: "nginx",
        file: "/etc/nginx/nginx.conf, /etc/nginx/sites-enabled/",
        versions: "ssl_protocols TLSv1.2 TLSv1.3;",
        suites: "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;",
        certificate: "ssl_certificate, ssl_certificate_key",
    },
    Program {
        processes: &["apache2", "httpd"],
        name: "Apache",
        file: "/etc/apache2/mods-enabled/ssl.conf",
        versions: "SSLProtocol -all +TLSv1.2 +TLSv1.3",
        suites: "SSLCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20",
        certificate: "SSLCertificateFile, SSLCertificateKeyFile",
    },
    Program {
        processes: &["haproxy"],
        name: "HAProxy",
        file: "/etc/haproxy/haproxy.cfg",
        versions: "ssl-default-bind-options ssl-min-ver TLSv1.2",
        suites: "ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
        certificate: "bind … ssl crt FILE",
    },
    Program {
        processes: &["master", "smtpd"],
        name: "Postfix",
        file: "/etc/postfix/main.cf",
        versions: "smtpd_tls_protocols = >=TLSv1.2, smtpd_tls_mandatory_protocols = >=TLSv1.2",
        suites: "smtpd_tls_ciphers = high, smtpd_tls_exclude_ciphers = aNULL, eNULL, EXPORT, RC4, 3DES, kRSA",
        certificate: "smtpd_tls_chain_files",
    },
    Program {
        processes: &["dovecot", "imap-login", "pop3-login"],
        name: "Dovecot",
        file: "/etc/dovecot/conf.d/10-ssl.conf",
        versions: "ssl_min_protocol = TLSv1.2",
        suites: "ssl_cipher_list = ECDHE+AESGCM:ECDHE+CHACHA20",
        certificate: "ssl_cert, ssl_key",
    },
    Program {
        processes: &["slapd"],
        name: "slapd",
        file: "cn=config",
        versions: "olcTLSProtocolMin: 3.3",
        suites: "olcTLSCipherSuite: SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA",
        certificate: "olcTLSCertificateFile, olcTLSCertificateKeyFile",
    },
    Program {
        processes: &["postgres", "postmaster"],
        name: "PostgreSQL",
        file: "postgresql.conf",
        versions: "ssl_min_protocol_version = 'TLSv1.2'",
        suites: "ssl_ciphers = 'ECDHE+AESGCM:ECDHE+CHACHA20'",
        certificate: "ssl_cert_file, ssl_key_file",
    },
    Program {
        processes: &["mariadbd", "mysqld"],
        name: "MariaDB / MySQL",
        file: "/etc/mysql/mariadb.conf.d/50-server.cnf",
        versions: "tls_version = TLSv1.2,TLSv1.3",
        suites: "ssl_cipher = ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
        certificate: "ssl_cert, ssl_key, ssl_ca",
    },
    Program {
        processes: &["vsftpd"],
        name: "vsftpd",
        file: "/etc/vsftpd.conf",
        // Before 3.0.4 it has no word for TLS 1.1, which has none of these suites.
        versions: "ssl_tlsv1=NO, ssl_sslv2=NO, ssl_sslv3=NO, ssl_ciphers=ECDHE+AESGCM:ECDHE+CHACHA20",
        suites: "ssl_ciphers=ECDHE+AESGCM:ECDHE+CHACHA20",
        certificate: "rsa_cert_file, rsa_private_key_file",
    },
];

#[cfg(test)]
mod tests {
    use plumbline_facts::Known;

    use super::*;
    use crate::transfer_examples::{endpoint, host};

    #[test]
    fn every_remedy_names_endpoint_program_file_and_setting() {
        for program in PROGRAMS {
            for process in program.processes {
                let mut facts = host(vec![endpoint()]);
                let Known::Value(tls) = &mut facts.tls else {
                    panic!("the example has listeners");
                };
                tls.listeners[0].listener.process.as_mut().unwrap().name = (*process).to_owned();
                let tried = tried(tls).next().unwrap();
                for (what, setting) in [
                    (Mend::Versions, program.versions),
                    (Mend::Suites, program.suites),
                    (Mend::Certificate, program.certificate),
                ] {
                    let text = tried.mend(what).unwrap().render();
                    for text in [text.en, text.zh_tw] {
                        for part in ["tcp/[::]:443", program.name, program.file, setting] {
                            assert!(text.contains(part), "{process}: {part} is not in {text}");
                        }
                    }
                }
            }
        }
        let mut unknown = host(vec![endpoint()]);
        if let Known::Value(tls) = &mut unknown.tls {
            tls.listeners[0].listener.process = None;
            assert_eq!(tried(tls).next().unwrap().mend(Mend::Versions), None);
        }
    }
}
