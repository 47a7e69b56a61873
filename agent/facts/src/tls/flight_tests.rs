use proptest::prelude::*;

use super::*;

/// A handshake record with one message.
fn handshake(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let mut bytes = vec![HANDSHAKE, 3, 3];
    bytes.extend((length + 4).to_be_bytes());
    bytes.extend([kind, 0]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
    bytes
}

fn hello(version: u16, random: [u8; 32], suite: u16, extensions: &[u8]) -> Vec<u8> {
    let mut content = version.to_be_bytes().to_vec();
    content.extend(random);
    content.push(0);
    content.extend(suite.to_be_bytes());
    content.push(0);
    if !extensions.is_empty() {
        content.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        content.extend(extensions);
    }
    handshake(SERVER_HELLO, &content)
}

fn fed(bytes: &[u8]) -> Flight {
    let mut flight = Flight::default();
    flight.feed(bytes);
    flight
}

#[test]
fn the_servers_own_version_decides() {
    let old = fed(&hello(0x0301, [7; 32], 0x002f, &[]));
    assert_eq!(old.hello.map(|h| (h.version, h.suite)), Some((0x0301, 0x002f)));
    assert!(!old.over());

    let extensions = [0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0x11, 0xec];
    let retry = fed(&hello(0x0303, RETRY_RANDOM, 0x1301, &extensions));
    assert_eq!(
        retry.hello,
        Some(ServerHello {
            version: TLS1_3,
            suite: 0x1301,
            group: Some(0x11ec)
        })
    );
    assert!(retry.over());
}

#[test]
fn a_whole_flight_gives_chain_group_and_the_question_for_a_certificate() {
    let mut bytes = hello(0x0303, [7; 32], 0xC02F, &[]);
    bytes.extend(handshake(CERTIFICATE, &[0, 0, 8, 0, 0, 1, b'a', 0, 0, 1, b'b']));
    bytes.extend(handshake(SERVER_KEY_EXCHANGE, &[3, 0, 23, 1, 4]));
    bytes.extend(handshake(CERTIFICATE_REQUEST, &[1, 1, 0, 0, 0, 0]));
    bytes.extend(handshake(SERVER_HELLO_DONE, &[]));
    // Whole, and a byte at a time.
    let mut slowly = Flight::default();
    bytes.iter().for_each(|byte| slowly.feed(&[*byte]));
    for flight in [fed(&bytes), slowly] {
        assert!(flight.finished && flight.asks_certificate);
        assert_eq!(flight.certificates, [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(flight.exchange, Some(Exchange::Group(23)));
    }
}

#[test]
fn a_prime_is_measured_in_bits() {
    let mut bytes = hello(0x0303, [7; 32], 0x0033, &[]);
    let mut content = vec![0, 129, 0, 0x7f];
    content.extend([0xff; 127]);
    bytes.extend(handshake(SERVER_KEY_EXCHANGE, &content));
    assert_eq!(fed(&bytes).exchange, Some(Exchange::Prime(1023)));
}

#[test]
fn warnings_pass_and_fatal_alerts_end() {
    let mut bytes = vec![ALERT, 3, 3, 0, 2, 1, 112];
    bytes.extend(hello(0x0303, [7; 32], 0xC02F, &[]));
    let flight = fed(&bytes);
    assert!(flight.hello.is_some() && flight.alert.is_none());
    assert_eq!(fed(&[ALERT, 3, 1, 0, 2, 2, 70]).alert, Some(70));
}

#[test]
fn what_is_not_tls_is_told_at_its_first_bytes() {
    let echo = super::super::hello::Hello {
        version: 0x0303,
        suites: vec![0xC02F],
        ..Default::default()
    };
    assert!(fed(&echo.encode()).foreign, "an echo of our hello");
    for bytes in [
        &b"H"[..],
        b"220 mail",
        b"\x16H",
        b"\x15\x03\x01\x00\x02\x07\x07",
        b"\x17\x03\x03\x00\x01x",
    ] {
        assert!(fed(bytes).foreign, "{bytes:?}");
    }
    assert!(!fed(b"\x16\x03").over(), "could still become TLS");
}

proptest! {
    #[test]
    fn any_bytes_are_taken(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..8)) {
        let mut flight = Flight::default();
        pieces.iter().for_each(|piece| flight.feed(piece));
    }

    #[test]
    fn any_message_is_taken(kind: u8, suite in prop_oneof![Just(0xC02F_u16), Just(0x0033), Just(0x00A8), any::<u16>()],
                            content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = hello(0x0303, [7; 32], suite, &[]);
        bytes.extend(handshake(kind, &content));
        fed(&bytes);
        fed(&handshake(SERVER_HELLO, &content));
    }

    #[test]
    fn pieces_change_nothing(cut in 0_usize..200) {
        let mut bytes = hello(0x0303, [7; 32], 0xC02F, &[]);
        bytes.extend(handshake(CERTIFICATE, &[0, 0, 4, 0, 0, 1, b'a']));
        let cut = cut.min(bytes.len());
        let mut flight = Flight::default();
        flight.feed(&bytes[..cut]);
        flight.feed(&bytes[cut..]);
        prop_assert_eq!(flight, fed(&bytes));
    }
}
