//! What the ledger holds: the bytes of its leaves.
//!
//! An entry is a few lines of text that an auditor can write down again from what is on record, with stock tools, and
//! hash:
//!
//! ```text
//! plumbline/ledger/v1
//! report
//! host h-4fjzq2k6n3cw7ydx
//! incarnation 1
//! sequence 17
//! previous <64 hexadecimal digits>
//! received_at 1795347600000000
//! sealed_at 1795347599000000
//! body_sha256 <64 hexadecimal digits>
//! signature <hexadecimal>
//! ```
//!
//! The first line names the format, the second the kind; then each member of the kind on a line of its own, in the
//! order of its `write`, and a line feed at the end of every line. Numbers are decimal, bytes lower-case hexadecimal,
//! times microseconds since 1970 (UTC). Words that came from outside are JSON strings in ASCII ([`lines`]), so that no
//! value can look like a line.
//!
//! A new kind is a struct with [`Kind`], a variant of [`Entry`], and its arms in [`Entry::bytes`] and [`Entry::parse`].

mod lines;

use plumbline_config::ident::HostId;

use self::lines::{Reader, Writer};
use super::tree::{Hash, leaf_hash};

/// The first line of every entry.
const FORMAT: &str = "plumbline/ledger/v1";

/// Bytes of a nonce.
pub const NONCE: usize = 16;

/// Bytes that are no entry, or not as this program writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entry of the ledger: a line is missing, unknown or not in its one form")]
pub struct NoEntry;

/// What a leaf stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A person did something.
    Act(ActEntry),
    /// A host's report was taken in.
    Report(ReportEntry),
}

/// A report as it was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportEntry {
    /// The host, from its certificate.
    pub host: HostId,
    /// Which enrolment of it.
    pub incarnation: u32,
    /// Number of the report.
    pub sequence: u64,
    /// SHA-256 of the body before it, as the host has it.
    pub previous: Hash,
    /// When the collector received it, in microseconds since 1970.
    pub received_at: i64,
    /// When the host sealed it, by its own clock, in microseconds since 1970.
    pub sealed_at: i64,
    /// SHA-256 of the body.
    pub body_sha256: Hash,
    /// The host's signature over the body: ECDSA P-256 with SHA-256, in ASN.1 DER.
    pub signature: Vec<u8>,
}

/// Something that a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActEntry {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// To what.
    pub on: String,
    /// Random, so that from its leaf's hash alone nobody can find out by guessing what a deleted act was.
    pub nonce: [u8; NONCE],
}

/// A kind of entry.
trait Kind: Sized {
    /// Its name, the second line.
    const NAME: &'static str;

    /// Writes its members, in their order.
    fn write(&self, to: &mut Writer);

    /// Reads them in the same order.
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

impl Entry {
    /// The leaf's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Act(act) => written(act),
            Self::Report(report) => written(report),
        }
    }

    /// The leaf's hash.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.bytes())
    }

    /// Reads a leaf's bytes: exactly those that [`Self::bytes`] gives.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoEntry> {
        let entry = Self::read(bytes).ok_or(NoEntry)?;
        // One form for each entry: what would be written otherwise was not written here.
        if entry.bytes() == bytes {
            Ok(entry)
        } else {
            Err(NoEntry)
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let mut lines = Reader::new(text);
        lines.line().filter(|line| *line == FORMAT)?;
        let entry = match lines.line()? {
            ActEntry::NAME => Self::Act(Kind::read(&mut lines)?),
            ReportEntry::NAME => Self::Report(Kind::read(&mut lines)?),
            _ => return None,
        };
        lines.ended().then_some(entry)
    }
}

fn written<K: Kind>(entry: &K) -> Vec<u8> {
    let mut lines = Writer::new();
    lines.line(FORMAT);
    lines.line(K::NAME);
    entry.write(&mut lines);
    lines.bytes()
}

impl Kind for ReportEntry {
    const NAME: &'static str = "report";

    fn write(&self, to: &mut Writer) {
        to.plain("host", &self.host);
        to.plain("incarnation", self.incarnation);
        to.plain("sequence", self.sequence);
        to.hex("previous", self.previous.as_bytes());
        to.plain("received_at", self.received_at);
        to.plain("sealed_at", self.sealed_at);
        to.hex("body_sha256", self.body_sha256.as_bytes());
        to.hex("signature", &self.signature);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            host: from.plain("host")?,
            incarnation: from.plain("incarnation")?,
            sequence: from.plain("sequence")?,
            previous: Hash::from_hex(from.member("previous")?)?,
            received_at: from.plain("received_at")?,
            sealed_at: from.plain("sealed_at")?,
            body_sha256: Hash::from_hex(from.member("body_sha256")?)?,
            signature: from.hex("signature")?,
        })
    }
}

impl Kind for ActEntry {
    const NAME: &'static str = "act";

    fn write(&self, to: &mut Writer) {
        to.plain("at", self.at);
        to.text("who", &self.who);
        to.text("what", &self.what);
        to.text("on", &self.on);
        to.hex("nonce", &self.nonce);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            at: from.plain("at")?,
            who: from.text("who")?,
            what: from.text("what")?,
            on: from.text("on")?,
            nonce: from.hex("nonce")?.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report() -> ReportEntry {
        ReportEntry {
            host: "h-01".parse().unwrap(),
            incarnation: 2,
            sequence: 17,
            previous: Hash([0; 32]),
            received_at: 1_795_347_600_000_000,
            sealed_at: -1,
            body_sha256: Hash::of(b"{}"),
            signature: vec![0x30, 0x45],
        }
    }

    fn act() -> ActEntry {
        ActEntry {
            at: 1_795_347_600_000_000,
            who: "cli:uid-0".to_owned(),
            what: "host.revoke".to_owned(),
            on: "主機 \"a\"\nsequence 1".to_owned(),
            nonce: [0xab; NONCE],
        }
    }

    /// The bytes and their hash were written down with Python's `json` and `hashlib`: what is hashed can't change
    /// unseen.
    #[test]
    fn an_entry_is_these_bytes() {
        let report = Entry::Report(report());
        assert_eq!(
            String::from_utf8(report.bytes()).unwrap(),
            "plumbline/ledger/v1\nreport\nhost h-01\nincarnation 2\nsequence 17\n\
             previous 0000000000000000000000000000000000000000000000000000000000000000\n\
             received_at 1795347600000000\nsealed_at -1\n\
             body_sha256 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\nsignature 3045\n"
        );
        assert_eq!(
            report.leaf_hash().hex(),
            "16e955609b5e58a274c11698145d185bb388b0da72b87582700250050404abfa"
        );
        let act = Entry::Act(act());
        assert_eq!(
            String::from_utf8(act.bytes()).unwrap(),
            "plumbline/ledger/v1\nact\nat 1795347600000000\nwho \"cli:uid-0\"\nwhat \"host.revoke\"\n\
             on \"\\u4e3b\\u6a5f \\\"a\\\"\\nsequence 1\"\nnonce abababababababababababababababab\n"
        );
        assert_eq!(
            act.leaf_hash().hex(),
            "8f0fe4348ee8adac541f1b49023643be02e1c7da87f66ee282a3715c21170a77"
        );
    }

    #[test]
    fn another_form_of_an_entry_is_refused() {
        let text = String::from_utf8(Entry::Report(report()).bytes()).unwrap();
        assert!(Entry::parse(text.as_bytes()).is_ok());
        for (from, to) in [
            ("v1", "v2"),
            ("report\n", "Report\n"),
            ("report\n", "act\n"),
            ("sequence 17", "sequence 017"),
            ("sequence 17", "sequence +17"),
            ("sequence 17", "sequence  17"),
            ("sequence 17\n", "sequence 17\r\n"),
            ("sequence 17\n", ""),
            ("sequence 17\n", "sequence 17\nsequence 17\n"),
            ("incarnation 2\nsequence 17\n", "sequence 17\nincarnation 2\n"),
            ("44136f", "44136F"),
            ("3045\n", "3045"),
            ("3045\n", "3045\n\n"),
            ("3045\n", "304\n"),
            ("h-01", "h 01"),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text);
            assert_eq!(Entry::parse(other.as_bytes()), Err(NoEntry), "{other}");
        }
        let text = String::from_utf8(Entry::Act(act()).bytes()).unwrap();
        for (from, to) in [
            ("\\u4e3b", "主"),
            ("\\u4e3b", "\\u4E3B"),
            ("\\n", "\\u000a"),
            ("ab\n", "\n"),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text);
            assert_eq!(Entry::parse(other.as_bytes()), Err(NoEntry), "{other}");
        }
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let hash = || any::<[u8; 32]>().prop_map(Hash);
        let report = (
            ("[a-z0-9-]{1,64}", any::<u32>(), any::<u64>(), hash()),
            (
                any::<i64>(),
                any::<i64>(),
                hash(),
                prop::collection::vec(any::<u8>(), 0..80),
            ),
        );
        let report = report.prop_map(|((host, incarnation, sequence, previous), rest)| {
            let (received_at, sealed_at, body_sha256, signature) = rest;
            Entry::Report(ReportEntry {
                host: host.parse().unwrap(),
                incarnation,
                sequence,
                previous,
                received_at,
                sealed_at,
                body_sha256,
                signature,
            })
        });
        let act = (any::<i64>(), any::<[String; 3]>(), any::<[u8; NONCE]>());
        let act = act.prop_map(|(at, [who, what, on], nonce)| {
            Entry::Act(ActEntry {
                at,
                who,
                what,
                on,
                nonce,
            })
        });
        prop_oneof![report, act]
    }

    proptest! {
        #[test]
        fn an_entry_is_read_as_it_is_written(entry in entries()) {
            let bytes = entry.bytes();
            prop_assert!(bytes.iter().all(|b| matches!(b, b'\n' | b' '..=b'~')), "printable ASCII");
            prop_assert_eq!(Entry::parse(&bytes), Ok(entry));
        }

        #[test]
        fn no_value_forges_a_line(who in "(\\PC|[\\\\\"\n\r\u{85}\u{2028}]){0,40}") {
            let lines = |entry: ActEntry| Entry::Act(entry).bytes().iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(lines(ActEntry { who, ..act() }), lines(act()));
        }

        #[test]
        fn every_flipped_bit_is_seen(entry in entries(), at: prop::sample::Index, bit in 0_u32..8) {
            let mut bytes = entry.bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            // It is refused, or it is the entry of other bytes: never the same entry.
            prop_assert_ne!(Entry::parse(&bytes), Ok(entry));
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300), members in "([a-z_]{1,9} [\"-~]{0,9}\n){0,9}") {
            let begun = format!("{FORMAT}\nact\n{members}").into_bytes();
            for bytes in [bytes, begun] {
                if let Ok(entry) = Entry::parse(&bytes) {
                    prop_assert_eq!(entry.bytes(), bytes);
                }
            }
        }
    }
}
