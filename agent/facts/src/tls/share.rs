//! Key shares of TLS 1.3 (RFC 8446 4.2.8) without a key: the client's share is the generator of the group, whose private
//! key is one. What both sides then share is the server's own share, which it says in clear. Of ML-KEM (FIPS 203) the
//! client's share is the matrix product zero, under which the server's message stands readable in its ciphertext.
//!
//! It protects nothing and is not meant to: it opens what a server tells anyone who asks, its certificates.

use sha3::{Digest, Sha3_256, Sha3_512};

use super::suites::X25519MLKEM768;

/// Generators, written as shares are. SEC 2 2.4.2, 2.5.1 and 2.6.1; RFC 5639 3.4, 3.6 and 3.7.
const POINTS: &[(u16, &str)] = &[
    (
        0x0017,
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce335\
         76b315ececbb6406837bf51f5",
    ),
    (
        0x0018,
        "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab73617de4\
         a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
    ),
    (
        0x0019,
        "0400c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de334\
         8b3c1856a429bf97e7e31c2e5bd66011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee7299\
         5ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
    ),
    (
        0x001F,
        "048bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262547ef835c3dac4fd97f8461a14611dc9c277451\
         32ded8e545c1d54c72f046997",
    ),
    (
        0x0020,
        "041d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e8abe1d7\
         520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315",
    ),
    (
        0x0021,
        "0481aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d50d1687b93b97d5f7c6d504\
         7406a5e688b352209bcb9f8227dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e\
         5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892",
    ),
];

/// How a group makes a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A point of a curve over a prime field; the secret is its first coordinate.
    Point(u16),
    /// A number, of this length and with this generator: Curve25519, Curve448, finite fields.
    Number {
        length: usize,
        generator: u8,
        first: bool,
    },
    /// ML-KEM of this rank.
    Kem(usize),
}

const X25519: Kind = Kind::Number {
    length: 32,
    generator: 9,
    first: true,
};

/// The parts of a group, in the order in which shares and secrets hold them.
fn parts(group: u16) -> Option<Vec<Kind>> {
    // RFC 7919 A: the generator is 2, written at its full length.
    let field = |length| Kind::Number {
        length,
        generator: 2,
        first: false,
    };
    Some(match group {
        0x0017..=0x0019 | 0x001F..=0x0021 => vec![Kind::Point(group)],
        0x001D => vec![X25519],
        0x001E => vec![Kind::Number {
            length: 56,
            generator: 5,
            first: true,
        }],
        0x0100 => vec![field(256)],
        0x0101 => vec![field(384)],
        0x0102 => vec![field(512)],
        0x0103 => vec![field(768)],
        0x0104 => vec![field(1024)],
        0x0200..=0x0202 => vec![Kind::Kem(usize::from(group - 0x0200) + 2)],
        // draft-ietf-tls-ecdhe-mlkem: the post-quantum part stands first with X25519 alone.
        X25519MLKEM768 => vec![Kind::Kem(3), X25519],
        0x11EB => vec![Kind::Point(0x0017), Kind::Kem(3)],
        0x11ED => vec![Kind::Point(0x0018), Kind::Kem(4)],
        _ => return None,
    })
}

impl Kind {
    fn share(self) -> Vec<u8> {
        match self {
            Self::Point(group) => generator(group),
            Self::Number {
                length,
                generator,
                first,
            } => {
                let mut share = vec![0; length];
                let place = if first { 0 } else { length - 1 };
                if let Some(byte) = share.get_mut(place) {
                    *byte = generator;
                }
                share
            }
            // The vector of 12-bit coefficients, and the seed of the matrix.
            Self::Kem(rank) => vec![0; 384 * rank + 32],
        }
    }

    /// Length of the server's part.
    fn answer_length(self) -> usize {
        match self {
            Self::Point(group) => generator(group).len(),
            Self::Number { length, .. } => length,
            Self::Kem(rank) => kem_lengths(rank).0 + kem_lengths(rank).1,
        }
    }

    fn secret(self, answer: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Point(_) => answer.get(1..=(answer.len() / 2)).map(<[u8]>::to_vec),
            Self::Number { .. } => Some(answer.to_vec()),
            Self::Kem(rank) => decapsulate(rank, &self.share(), answer),
        }
    }
}

fn generator(group: u16) -> Vec<u8> {
    let text = POINTS.iter().find(|(known, _)| *known == group);
    text.and_then(|(_, text)| hex::decode(text).ok())
        .unwrap_or_default()
}

/// Bytes of the two parts of a ciphertext, FIPS 203 table 2.
const fn kem_lengths(rank: usize) -> (usize, usize) {
    if rank == 4 { (1408, 160) } else { (320 * rank, 128) }
}

/// The shared key of FIPS 203 algorithm 17: of the message, and of the hash of the share.
fn decapsulate(rank: usize, share: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let (vector, length) = kem_lengths(rank);
    let coefficients = ciphertext.get(vector..vector + length)?;
    let bits = length * 8 / 256;
    let coefficient = |place: usize| {
        (0..bits).fold(0_u32, |value, bit| {
            let at = place * bits + bit;
            let byte = coefficients.get(at / 8).copied().unwrap_or_default();
            value | u32::from(byte >> (at % 8) & 1) << bit
        })
    };
    // With nothing added but small noise, a set bit lies about the middle of the range and a clear one about its ends.
    let quarter = 1_u32 << (bits - 2);
    let mut message = [0_u8; 32];
    for place in 0..256 {
        let set = (quarter..3 * quarter).contains(&coefficient(place));
        if let Some(byte) = message.get_mut(place / 8) {
            *byte |= u8::from(set) << (place % 8);
        }
    }
    let mut hash = Sha3_512::new();
    hash.update(message);
    hash.update(Sha3_256::digest(share));
    hash.finalize().get(..32).map(<[u8]>::to_vec)
}

/// The share to offer for `group`; `None` of one that is not known.
pub(super) fn share(group: u16) -> Option<Vec<u8>> {
    Some(parts(group)?.into_iter().flat_map(Kind::share).collect())
}

/// What is shared with a server that answered [`share`] by `answer`.
pub(super) fn secret(group: u16, mut answer: &[u8]) -> Option<Vec<u8>> {
    let mut secret = Vec::new();
    for part in parts(group)? {
        let (own, rest) = answer.split_at_checked(part.answer_length())?;
        secret.extend(part.secret(own)?);
        answer = rest;
    }
    answer.is_empty().then_some(secret)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_have_the_lengths_that_servers_check() {
        for (group, length) in [
            (0x0017, 65),
            (0x0018, 97),
            (0x0019, 133),
            (0x001D, 32),
            (0x001E, 56),
            (0x0100, 256),
            (0x0104, 1024),
            (0x0200, 800),
            (0x0202, 1568),
            (X25519MLKEM768, 1216),
            (0x11EB, 1249),
            (0x11ED, 1665),
        ] {
            assert_eq!(share(group).unwrap().len(), length, "{group:04X}");
        }
        assert_eq!(share(0x0001), None);
    }

    #[test]
    fn the_secret_of_a_point_is_its_first_coordinate() {
        let mut answer = vec![4];
        answer.extend([1; 32]);
        answer.extend([2; 32]);
        assert_eq!(secret(0x0017, &answer), Some(vec![1; 32]));
        assert_eq!(secret(0x0017, &answer[1..]), None, "too short");
    }

    proptest! {
        #[test]
        fn any_answer_gives_a_secret_or_none(group: u16, answer in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = secret(group, &answer);
        }
    }
}
