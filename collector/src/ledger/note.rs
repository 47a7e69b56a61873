//! Signed notes as C2SP defines them (<https://c2sp.org/signed-note>): a text, a blank line, and a line for each
//! signature. Only Ed25519 (type 0x01).

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::tree::Hash;

/// Largest note read, in bytes.
pub const LARGEST_NOTE: usize = 64 * 1024;

/// Most signatures of a note read.
pub const MOST_SIGNATURES: usize = 64;

/// Signature type of Ed25519.
const ED25519_TYPE: u8 = 0x01;

/// Bytes of a key's id.
const KEY_ID: usize = 4;

/// Bytes of an Ed25519 public key.
const PUBLIC_KEY: usize = 32;

/// What a signature line begins with.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// Why something is no note, or no good one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`LARGEST_NOTE`], or more than [`MOST_SIGNATURES`].
    #[error("the note is larger than {LARGEST_NOTE} bytes or has more than {MOST_SIGNATURES} signatures")]
    TooLarge,
    /// Not text, or with control characters.
    #[error("the note is not UTF-8 text without control characters")]
    NotText,
    /// No blank line, or something else than signatures after it.
    #[error("the note does not end in a blank line and signatures")]
    NoSignatures,
    /// A name that is empty or holds a space or a plus.
    #[error("`{0}` is not a name of a key: it is empty, or holds a space, a plus or a control character")]
    Name(String),
    /// Not `name+id+key`, or another kind of key, or the id of another key.
    #[error("`{0}` is not the verifier key of an Ed25519 key: name+id+base64")]
    VerifierKey(String),
    /// No signature by this key.
    #[error("the note is not signed by {0}")]
    NotSigned(String),
    /// A signature by this name and id that the key did not make.
    #[error("the signature by {0} does not match the note")]
    BadSignature(String),
}

/// What a signature can be checked with: a name and a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: [u8; PUBLIC_KEY],
}

impl VerifierKey {
    /// The key under a name, which should be a URL without scheme.
    pub fn new(name: &str, key: [u8; PUBLIC_KEY]) -> Result<Self, NoteError> {
        if is_name(name) {
            Ok(Self {
                name: name.to_owned(),
                key,
            })
        } else {
            Err(NoteError::Name(name.chars().take(80).collect()))
        }
    }

    /// The public half of a key pair.
    pub fn of(name: &str, pair: &Ed25519KeyPair) -> Result<Self, NoteError> {
        let key = pair.public_key().as_ref().try_into();
        Self::new(name, key.map_err(|_| NoteError::VerifierKey(name.to_owned()))?)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id: the beginning of SHA-256 over name, line feed, type and key.
    #[must_use]
    pub fn id(&self) -> [u8; KEY_ID] {
        let Hash([a, b, c, d, ..]) = Hash::of(&[self.name.as_bytes(), b"\n", &self.encoded()].concat());
        [a, b, c, d]
    }

    /// Whether the key made this signature over these bytes.
    #[must_use]
    pub fn made(&self, signature: &[u8], bytes: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key)
            .verify(bytes, signature)
            .is_ok()
    }

    /// Type and key.
    fn encoded(&self) -> Vec<u8> {
        [&[ED25519_TYPE], self.key.as_slice()].concat()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, key) = (HEXLOWER.encode(&self.id()), BASE64.encode(&self.encoded()));
        write!(f, "{}+{id}+{key}", self.name)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (name, rest) = text.split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let key = BASE64.decode(key.as_bytes()).ok()?;
            let (&ED25519_TYPE, key) = key.split_first()? else {
                return None;
            };
            let key = Self::new(name, key.try_into().ok()?).ok()?;
            (HEXLOWER.encode(&key.id()) == id).then_some(key)
        };
        read().ok_or_else(|| NoteError::VerifierKey(text.chars().take(200).collect()))
    }
}

/// One signature of a note, whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub id: [u8; KEY_ID],
    /// The signature.
    pub bytes: Vec<u8>,
}

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Signs a text, which ends in a line feed and holds no other control characters.
    pub fn sign(text: &str, name: &str, pair: &Ed25519KeyPair) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || !is_text(text) {
            return Err(NoteError::NotText);
        }
        let key = VerifierKey::of(name, pair)?;
        let note = Self {
            text: text.to_owned(),
            signatures: vec![Signature {
                id: key.id(),
                name: key.name,
                bytes: pair.sign(text.as_bytes()).as_ref().to_vec(),
            }],
        };
        if note.to_string().len() > LARGEST_NOTE {
            return Err(NoteError::TooLarge);
        }
        Ok(note)
    }

    /// Reads a note, without judging its signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > LARGEST_NOTE {
            return Err(NoteError::TooLarge);
        }
        let all = str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        if !is_text(all) {
            return Err(NoteError::NotText);
        }
        // The last blank line divides; the text before it ends in the first of its two line feeds.
        let at = all.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, rest) = all.split_at_checked(at + 1).ok_or(NoteError::NoSignatures)?;
        let lines = rest
            .strip_prefix('\n')
            .and_then(|rest| rest.strip_suffix('\n'))
            .ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MOST_SIGNATURES {
                return Err(NoteError::TooLarge);
            }
            signatures.push(signature(line).ok_or(NoteError::NoSignatures)?);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The text, if `key` signed it; a signature of another key is no concern.
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, NoteError> {
        let id = key.id();
        let mut signatures = self
            .signatures
            .iter()
            .filter(|signature| signature.name == key.name && signature.id == id)
            .peekable();
        if signatures.peek().is_none() {
            return Err(NoteError::NotSigned(key.name.clone()));
        }
        let public = UnparsedPublicKey::new(&ED25519, &key.key);
        if signatures.all(|signature| public.verify(self.text.as_bytes(), &signature.bytes).is_ok()) {
            Ok(&self.text)
        } else {
            Err(NoteError::BadSignature(key.name.clone()))
        }
    }

    /// The text, whoever signed it.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signatures.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| {
            let bytes = BASE64.encode(&[&signature.id, signature.bytes.as_slice()].concat());
            writeln!(f, "{SIGNATURE_MARK}{} {bytes}", signature.name)
        })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
    let bytes = BASE64.decode(bytes.as_bytes()).ok()?;
    let (id, bytes) = bytes.split_first_chunk()?;
    (is_name(name) && !bytes.is_empty()).then(|| Signature {
        name: name.to_owned(),
        id: *id,
        bytes: bytes.to_vec(),
    })
}

/// Whether every control character of it is a line feed: those below U+0020 are what the format speaks of.
fn is_text(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' || byte == b'\n')
}

/// Whether a key may have this name.
fn is_name(name: &str) -> bool {
    let good = |c: char| c >= ' ' && c != '+' && !c.is_whitespace();
    !name.is_empty() && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of golang.org/x/mod/sumdb/note, from which the format comes.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    /// Its private key: type and RFC 8032 seed.
    const SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const SIGNED: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn pair() -> Ed25519KeyPair {
        let secret = BASE64.decode(SECRET.as_bytes()).unwrap();
        Ed25519KeyPair::from_seed_unchecked(&secret[1..]).unwrap()
    }

    #[test]
    fn the_reference_note_is_made_and_read() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!(key, VerifierKey::of("PeterNeumann", &pair()).unwrap());
        assert_eq!(key.to_string(), KEY);
        let note = Note::sign(TEXT, "PeterNeumann", &pair()).unwrap();
        assert_eq!(note.to_string(), format!("{TEXT}\n{SIGNED}"));
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(read, note);
        assert_eq!(read.verify(&key), Ok(TEXT));
    }

    /// The example of the specification; and one of another implementation, by another key.
    #[test]
    fn other_notes_are_read() {
        let note = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
            — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
        let read = Note::parse(note.as_bytes()).unwrap();
        assert!(read.unverified_text().ends_with(":\n\ned è subito sera.\n"));
        assert_eq!(read.to_string(), note);
        let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let note = "This is an example message.\n\n\
            — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        let text = Note::parse(note.as_bytes()).unwrap();
        assert_eq!(
            text.verify(&key.parse().unwrap()),
            Ok("This is an example message.\n")
        );
    }

    #[test]
    fn signatures_of_others_are_no_concern_but_a_false_one_is() {
        let key: VerifierKey = KEY.parse().unwrap();
        let others = "— PeterNeumann AAAAAAE=\n— Elsewhere x08goww=\n";
        let note = |signatures: &str| Note::parse(format!("{TEXT}\n{signatures}").as_bytes()).unwrap();
        assert_eq!(note(&format!("{others}{SIGNED}")).verify(&key), Ok(TEXT));
        let not_signed = NoteError::NotSigned("PeterNeumann".to_owned());
        assert_eq!(note(others).verify(&key), Err(not_signed));
        let false_one = note(&format!("{SIGNED}— PeterNeumann x08goww=\n"));
        assert!(matches!(false_one.verify(&key), Err(NoteError::BadSignature(_))));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for bad in [
            "",
            "\n\n",
            "text\n",
            "text\n\n",
            "text\n— name x08goww=\n",
            "text\n\n— name x08goww=",
            "text\n\n— name x08goww=\n\n",
            "text\n\n- name x08goww=\n",
            "text\n\n— na+me x08goww=\n",
            "text\n\n—  x08goww=\n",
            "text\n\n— name x08go w=\n",
            "text\n\n— name x08goww\n",
            "text\n\n— name x08gow==\n",
            "te\txt\n\n— name x08goww=\n",
        ] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Note::parse(b"te\xff\n\n\xe2\x80\x94 name x08goww=\n").is_err());
        let many = |count| format!("text\n\n{}", "— name x08goww=\n".repeat(count));
        assert!(Note::parse(many(MOST_SIGNATURES).as_bytes()).is_ok());
        assert_eq!(
            Note::parse(many(MOST_SIGNATURES + 1).as_bytes()),
            Err(NoteError::TooLarge)
        );
        let long = "x".repeat(LARGEST_NOTE);
        assert_eq!(
            Note::sign(&format!("{long}\n"), "name", &pair()),
            Err(NoteError::TooLarge)
        );
        assert!(Note::sign("no line feed", "name", &pair()).is_err());
        assert!(Note::sign("text\n", "two words", &pair()).is_err());
    }

    /// The manglings that the reference implementation's own tests try.
    #[test]
    fn a_mangled_verifier_key_is_refused() {
        for from in 0..=KEY.len() {
            for to in from..=KEY.len() {
                let whole = from == 0 && to == KEY.len();
                assert_eq!(KEY[from..to].parse::<VerifierKey>().is_ok(), whole);
            }
        }
        for at in 0..KEY.len() {
            let mut bytes = KEY.as_bytes().to_vec();
            bytes[at] += 1;
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_flipped_bit_of_a_note_is_seen(at: prop::sample::Index, bit in 0_u32..8) {
            let mut note = format!("{TEXT}\n{SIGNED}").into_bytes();
            let at = at.index(note.len());
            note[at] ^= 1 << bit;
            let key = KEY.parse().unwrap();
            prop_assert!(Note::parse(&note).and_then(|note| note.verify(&key).map(str::to_owned)).is_err());
        }

        #[test]
        fn a_note_is_read_as_it_was_signed(text in "([ -~é界]{0,20}\n){1,5}", name in "[!-*,-~界]{1,20}") {
            let note = Note::sign(&text, &name, &pair()).unwrap();
            let read = Note::parse(note.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&read, &note);
            let key = VerifierKey::of(&name, &pair()).unwrap();
            prop_assert_eq!(read.verify(&key), Ok(text.as_str()));
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300), tail in "(— ?[a-z]{0,3} ?[a-zA-Z0-9=]{0,12}\n?){0,3}") {
            let bytes = [&bytes[..], b"\n\n", tail.as_bytes()].concat();
            for bytes in [&bytes[..], tail.as_bytes()] {
                if let Ok(note) = Note::parse(bytes) {
                    prop_assert_eq!(note.to_string().into_bytes(), bytes);
                }
            }
        }
    }
}
