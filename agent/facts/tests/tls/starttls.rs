//! Protocols that go over to TLS within a connection.

use std::io::{Read, Write};
use std::net::SocketAddr;

use plumbline_facts::tls::{Options, Protocol, StartTls, Target, survey};

use crate::support::*;

#[test]
fn starttls_is_found_by_what_is_spoken_on_any_port() {
    let server = openssl(&["-tls1_2"]);
    let tls = server.address;
    let lines: [(&'static [&'static str], &str); 4] = [
        (
            &[
                "220-mail ESMTP\r\n220 ready\r\n",
                "250-mail\r\n250-SIZE 100\r\n250 STARTTLS\r\n",
                "220 go\r\n",
            ],
            "starttls-smtp",
        ),
        (&["* OK ready\r\n", "* noise\r\na OK begin\r\n"], "starttls-imap"),
        (&["+OK ready\r\n", "+OK begin\r\n"], "starttls-pop3"),
        (&["220 (vsFTPd 3.0.3)\r\n", "234 go\r\n"], "starttls-ftp"),
    ];
    for (lines, protocol) in lines {
        let endpoint = ask(line_server(lines, tls));
        assert_eq!(
            summary(&endpoint),
            (protocol, vec!["TLSv1.2"], 0),
            "{:?}",
            endpoint.error
        );
    }

    let (ldap, _) = scripted(move |mut stream| {
        let mut request = [0; 31];
        if stream.read_exact(&mut request).is_ok() && request[0] == 0x30 {
            let _sent = stream.write_all(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00");
            relay(stream, tls);
        }
    });
    let (postgresql, _) = scripted(move |mut stream| {
        let mut request = [0; 8];
        if stream.read_exact(&mut request).is_ok() && request == [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f] {
            let _sent = stream.write_all(b"S");
            relay(stream, tls);
        }
    });
    let (mysql, _) = scripted(move |mut stream| {
        let mut greeting = b"\x0a10.11\x00".to_vec();
        greeting.extend([1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0xfe, 0xff, 45, 0, 0, 0, 0]);
        let _sent = stream.write_all(&[u8::try_from(greeting.len()).unwrap(), 0, 0, 0]);
        let _sent = stream.write_all(&greeting);
        let mut request = [0; 36];
        if stream.read_exact(&mut request).is_ok() && request[..4] == [32, 0, 0, 1] && request[5] & 8 != 0 {
            relay(stream, tls);
        }
    });
    let xmpp = |namespace: &'static str| {
        scripted(move |mut stream| {
            let mut said = [0; 1024];
            let length = stream.read(&mut said).unwrap_or_default();
            let said = String::from_utf8_lossy(&said[..length]).into_owned();
            if !said.starts_with("<?xml") {
                let _sent = stream.write_all(b"<stream:error><not-well-formed/></stream:error>");
            } else if !said.contains(namespace) {
                let _sent = stream.write_all(
                    b"<?xml version='1.0'?><stream:stream><stream:error><invalid-namespace/></stream:error>",
                );
            } else if !said.contains("to='localhost'") {
                let _sent = stream.write_all(
                    b"<?xml version='1.0'?><stream:stream><stream:error><host-unknown/></stream:error>",
                );
            } else {
                let _sent = stream.write_all(
                    b"<?xml version='1.0'?><stream:stream><stream:features><starttls/></stream:features>",
                );
                let _length = stream.read(&mut [0; 1024]);
                let _sent = stream.write_all(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
                relay(stream, tls);
            }
        })
        .0
    };
    for (address, protocol) in [
        (ldap, "starttls-ldap"),
        (postgresql, "starttls-postgresql"),
        (mysql, "starttls-mysql"),
        (xmpp("jabber:client"), "starttls-xmpp"),
        (xmpp("jabber:server"), "starttls-xmpp-server"),
    ] {
        let endpoint = ask(address);
        assert_eq!(
            summary(&endpoint),
            (protocol, vec!["TLSv1.2"], 0),
            "{:?}",
            endpoint.error
        );
    }
}

#[test]
fn a_protocol_that_offers_no_tls_is_cleartext() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for (lines, speaks) in [
        (&["220 mail ESMTP\r\n", "250-mail\r\n250 SIZE\r\n"][..], "smtp"),
        (&["* OK ready\r\n", "a BAD no\r\n"], "imap"),
        (&["+OK ready\r\n", "-ERR no\r\n"], "pop3"),
        (&["220 ProFTPD\r\n", "500 no\r\n"], "ftp"),
    ] {
        let endpoint = ask(line_server(lines, nowhere));
        assert_eq!(
            (endpoint.protocol, endpoint.speaks),
            (Protocol::Cleartext, Some(speaks))
        );
    }
    let (postgresql, _) = scripted(|mut stream| {
        let mut request = [0; 8];
        if stream.read_exact(&mut request).is_ok() && request[3] == 8 {
            let _sent = stream.write_all(b"N");
        }
    });
    let endpoint = ask(postgresql);
    assert_eq!(
        (endpoint.protocol, endpoint.speaks),
        (Protocol::Cleartext, Some("postgresql"))
    );
}

#[test]
fn a_named_protocol_is_not_guessed_at() {
    let server = openssl(&["-tls1_2"]);
    let address = line_server(&["+OK ready\r\n", "+OK begin\r\n"], server.address);
    let ask_as = |kind| {
        let target = Target {
            starttls: Some(kind),
            ..target(address)
        };
        survey(&[target], &Options::default(), |_| {}).remove(0)
    };
    assert_eq!(
        summary(&ask_as(StartTls::Pop3)),
        ("starttls-pop3", vec!["TLSv1.2"], 0)
    );
    assert_eq!(ask_as(StartTls::Imap).protocol, Protocol::Unknown);
}

#[test]
fn an_xmpp_server_that_answers_anyone_is_told_by_its_own_stream() {
    let tls = openssl(&["-tls1_2"]);
    let to = tls.address;
    let (address, _) = scripted(move |mut stream| {
        let mut said = [0; 1024];
        let length = stream.read(&mut said).unwrap_or_default();
        if said[..length].starts_with(b"<?xml") {
            let _sent = stream.write_all(
                b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' from='a'><stream:features><starttls/></stream:features>",
            );
            let _length = stream.read(&mut said);
            let _sent = stream.write_all(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            relay(stream, to);
        }
    });
    assert_eq!(
        summary(&ask(address)),
        ("starttls-xmpp-server", vec!["TLSv1.2"], 0)
    );
}
