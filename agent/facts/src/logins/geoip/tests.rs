//! A file of MaxMind's format, made here, and one that is broken.

#![allow(clippy::disallowed_methods)]

use std::fs;

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![2 << 5 | u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}

fn number(kind: u8, number: u32) -> Vec<u8> {
    let mut bytes = vec![kind << 5 | 4];
    bytes.extend(number.to_be_bytes());
    bytes
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![7 << 5 | u8::try_from(entries.len()).unwrap()];
    for (key, value) in entries {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

fn degrees(degrees: f64) -> Vec<u8> {
    let mut bytes = vec![3 << 5 | 8];
    bytes.extend(degrees.to_be_bytes());
    bytes
}

/// A file that knows /16 networks of IPv4, in a tree of IPv6, with records of so many bits.
fn file(networks: &[([u8; 2], f64, f64)], bits: u32) -> Vec<u8> {
    let mut data = Vec::new();
    let mut nodes: Vec<[Option<(bool, usize)>; 2]> = vec![[None; 2]];
    for (network, latitude, longitude) in networks {
        let offset = data.len();
        let location = map(&[
            ("latitude", degrees(*latitude)),
            ("longitude", degrees(*longitude)),
        ]);
        // The location stands elsewhere, behind a pointer, and names in several languages before it.
        let names = map(&[("en", text("Somewhere")), ("zh-TW", text("某處"))]);
        let mut whole = map(&[
            ("city", map(&[("names", names)])),
            ("list", vec![2, 4, 2 << 5, 2 << 5]),
        ]);
        whole[0] = 7 << 5 | 3;
        whole.extend(text("location"));
        let target = u16::try_from(offset + whole.len() + 2).unwrap();
        whole.extend([1 << 5 | u8::try_from(target >> 8).unwrap(), (target & 0xff) as u8]);
        data.extend(whole);
        data.extend(location);
        let address = u128::from(u16::from_be_bytes(*network)) << 16;
        let mut node = 0;
        for bit in 0..112 {
            let side = usize::from(address >> (127 - bit) & 1 == 1);
            if bit == 111 {
                nodes[node][side] = Some((true, offset));
                break;
            }
            node = match nodes[node][side] {
                Some((_, next)) => next,
                None => {
                    nodes.push([None; 2]);
                    let next = nodes.len() - 1;
                    nodes[node][side] = Some((false, next));
                    next
                }
            };
        }
    }
    let count = u32::try_from(nodes.len()).unwrap();
    let mut bytes = Vec::new();
    for node in &nodes {
        let record = |side: usize| match node[side] {
            None => count,
            Some((true, offset)) => count + 16 + u32::try_from(offset).unwrap(),
            Some((false, next)) => u32::try_from(next).unwrap(),
        };
        let (left, right) = (record(0).to_be_bytes(), record(1).to_be_bytes());
        match bits {
            24 => bytes.extend([&left[1..], &right[1..]].concat()),
            28 => bytes.extend([&left[1..], &[left[0] << 4 | right[0]][..], &right[1..]].concat()),
            _ => bytes.extend([left, right].concat()),
        }
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(MARK);
    bytes.extend(map(&[
        ("binary_format_major_version", number(6, 2)),
        ("node_count", number(6, count)),
        ("record_size", number(6, bits)),
        ("ip_version", number(6, 6)),
    ]));
    bytes
}

fn open(bytes: &[u8]) -> Result<GeoFile, GeoError> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("geo"), bytes).unwrap();
    GeoFile::open(File::open(dir.path().join("geo")).unwrap())
}

const TAIPEI: ([u8; 2], f64, f64) = ([192, 0], 25.03, 121.56);
const LONDON: ([u8; 2], f64, f64) = ([203, 0], 51.5, -0.12);

#[test]
fn addresses_have_places_in_every_size_of_record() {
    for bits in [24, 28, 32] {
        let geo = open(&file(&[TAIPEI, LONDON], bits)).unwrap();
        let place = |address: &str| geo.place(address.parse().unwrap()).unwrap();
        let (taipei, london) = (place("192.0.2.1").unwrap(), place("203.0.113.7").unwrap());
        assert_eq!((taipei.latitude, taipei.longitude), (25.03, 121.56), "{bits}");
        let far = taipei.kilometres_to(&london);
        assert!((9_700.0..9_900.0).contains(&far), "{far}");
        assert!(taipei.kilometres_to(&taipei) < 1e-6);
        assert_eq!(place("198.51.100.7"), None);
        assert_eq!(place("2001:db8::1"), None);
        let network = Network::V4([203, 0, 113, 0].into());
        let places = geo.places([network.clone(), Network::Domain("x".into())].into_iter());
        assert_eq!(places.unwrap(), Places::from([(network, london)]));
    }
}

#[test]
fn what_is_no_such_file_says_so() {
    for bytes in [&b""[..], b"hello", MARK, &[MARK, b"\xe1"].concat()] {
        assert!(matches!(open(bytes), Err(GeoError::Broken(_))), "{bytes:?}");
    }
    let whole = file(&[TAIPEI], 24);
    assert!(matches!(
        open(&whole[500..]).map(|geo| geo.place([192, 0, 2, 1].into())),
        Err(GeoError::Broken(_)) | Ok(Err(_) | Ok(None))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_asked_without_panic(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..30), address: u32,
    ) {
        let mut bytes = file(&[TAIPEI, LONDON], 28);
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Ok(geo) = open(&bytes) {
            for address in [address, 0xc000_0201, 0xcb00_7107] {
                let _ = geo.place(IpAddr::V4(address.into()));
            }
        }
    }
}
