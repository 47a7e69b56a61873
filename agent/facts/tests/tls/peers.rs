//! Scripted peers: old, weary, hostile, or no TLS at all.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plumbline_facts::tls::{MOST_CONNECTIONS, Offer, Options, Protocol, survey};

use crate::support::*;

#[test]
fn ssl_3_and_ssl_2_are_seen_where_nothing_else_is_spoken() {
    let (ssl3, _) = scripted(|mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        let answer = match hello[0] {
            22 => server_hello([3, 0], [0, 5]),
            _ => Vec::new(),
        };
        let _sent = stream.write_all(&answer);
    });
    assert_eq!(summary(&ask(ssl3)), ("tls", vec!["SSLv3"], 0));

    let (ssl2, _) = scripted(|mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        if hello[0] & 0x80 != 0 {
            let mut answer = vec![0x80, 11 + 4 + 3 + 2, 4, 0, 1, 0, 2, 0, 4, 0, 3, 0, 2];
            answer.extend(b"CERT\x01\x00\x80id");
            let _sent = stream.write_all(&answer);
        }
    });
    assert_eq!(summary(&ask(ssl2)), ("tls", vec!["SSLv2"], 0));
}

#[test]
fn a_closed_connection_is_a_no_only_while_the_server_still_answers() {
    // As old Windows does: TLS 1.2 is answered, all else is met by closing.
    let picky = |hello: &[u8]| hello[0] == 22 && hello[10] == 3;
    let (steady, _) = scripted(move |mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        if picky(&hello) {
            let _sent = stream.write_all(&server_hello([3, 3], [0xc0, 0x2f]));
        }
    });
    assert_eq!(summary(&ask(steady)), ("tls", vec!["TLSv1.2"], 0));

    // Out of breath after the third connection: what it closes then means nothing.
    let left = AtomicU32::new(3);
    let (tired, _) = scripted(move |mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        let breath = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if breath.is_ok() && picky(&hello) {
            let _sent = stream.write_all(&server_hello([3, 3], [0xc0, 0x2f]));
        }
    });
    let endpoint = ask(tired);
    assert_eq!(names(&endpoint), ["TLSv1.2"]);
    assert_eq!(endpoint.unknown().count(), 5, "{endpoint:?}");
    assert!(endpoint.error.is_some());
}

#[test]
fn a_server_that_refuses_every_hello_is_unknown() {
    let (address, _) = scripted(|mut stream| {
        let _hello = read_hello(&mut stream);
        let _sent = stream.write_all(&alert(40));
    });
    assert_eq!(summary(&ask(address)), ("tls", vec![], 6));
}

#[test]
fn peers_that_are_not_tls_are_told_for_what_they_are() {
    let greeting = |text: &'static [u8]| {
        scripted(move |mut stream| {
            let _sent = stream.write_all(text);
            let _said = std::io::copy(&mut stream, &mut std::io::sink());
        })
        .0
    };
    let answering = |text: &'static [u8]| {
        scripted(move |mut stream| {
            let mut said = [0; 4096];
            if stream
                .read(&mut said)
                .is_ok_and(|length| length > 0 && said[0] == b'H')
            {
                let _sent = stream.write_all(text);
            }
        })
        .0
    };
    let (echo, _) = scripted(|mut stream| {
        let mut copy = stream.try_clone().unwrap();
        let _ended = std::io::copy(&mut stream, &mut copy);
    });
    for (address, protocol, speaks) in [
        (greeting(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Protocol::Ssh, None),
        (greeting(b"RFB 003.008\n"), Protocol::Cleartext, Some("text")),
        (
            greeting(b"\xff\xfd\x18\xff\xfd\x20"),
            Protocol::Cleartext,
            Some("telnet"),
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\n\r\n"),
            Protocol::Cleartext,
            Some("http"),
        ),
        (echo, Protocol::Cleartext, Some("echo")),
    ] {
        let endpoint = ask(address);
        assert_eq!((endpoint.protocol, endpoint.speaks), (protocol, speaks));
        assert!(endpoint.versions.iter().all(|offer| *offer == Offer::NotOffered));
    }
}

#[test]
fn peers_that_give_nothing_are_unknown_and_cost_a_bounded_dialogue() {
    let (closing, count) = scripted(drop);
    assert_eq!(summary(&ask(closing)), ("unknown", vec![], 6));
    assert!(count.load(Ordering::Relaxed) <= MOST_CONNECTIONS);

    let (silent, _) = scripted(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    assert_eq!(
        summary(&ask_within(silent, Duration::from_millis(1500))),
        ("silent", vec![], 6)
    );

    // A byte at a time, forever: the start of a record that never ends.
    let (dripping, _) = scripted(|mut stream| {
        for byte in [22, 3, 3, 64, 0].into_iter().chain(std::iter::repeat(0)) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let endpoint = ask_within(dripping, Duration::from_millis(800));
    assert_eq!((names(&endpoint).len(), endpoint.unknown().count()), (0, 6));

    let (endless, _) = scripted(|mut stream| while stream.write_all(&[0xAA; 65536]).is_ok() {});
    assert_eq!(
        summary(&ask_within(endless, Duration::from_millis(800))),
        ("unknown", vec![], 6)
    );

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = ask(nobody);
    assert!(!endpoint.reachable && endpoint.error.is_some());
}

#[test]
fn an_old_version_stays_proven_when_others_time_out() {
    let (address, _) = scripted(|mut stream| {
        let Some(hello) = read_hello(&mut stream) else {
            return;
        };
        if hello[0] == 22 && hello[10] == 1 {
            let _sent = stream.write_all(&server_hello([3, 1], [0, 0x2f]));
        } else if hello[0] == 22 && hello[10] == 3 {
            let _sent = stream.write_all(&alert(40));
        } else {
            std::thread::sleep(Duration::from_secs(30));
        }
    });
    let endpoint = ask_within(address, Duration::from_secs(5));
    assert_eq!(names(&endpoint), ["TLSv1.0"]);
    assert!(matches!(endpoint.versions[0], Offer::Unknown(_)));
}

#[test]
fn many_endpoints_are_answered_in_order_and_within_the_budget() {
    let server = openssl(&["-tls1_2"]);
    let (silent, _) = scripted(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let mut targets = vec![target(server.address); 3];
    targets.extend(vec![target(silent); 30]);
    let options = Options {
        deadline: Duration::from_millis(300),
        budget: Duration::from_millis(600),
        ..Options::default()
    };
    let told = AtomicU32::new(0);
    let answers = survey(&targets, &options, |_| {
        told.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!((answers.len(), told.into_inner()), (33, 33));
    for (answer, target) in answers.iter().zip(&targets) {
        assert_eq!(answer.endpoint, target.endpoint);
    }
    assert!(answers[3..].iter().all(|answer| answer.unknown().count() == 6));
}
