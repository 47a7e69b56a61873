//! How strong a disk cipher is, from the name that dm-crypt and LUKS give it.
//!
//! Names: `aes-xts-plain64` (cipher, mode, IV) or `capi:xts(aes)-plain64` (the kernel's own), as in the kernel's
//! admin-guide/device-mapper/dm-crypt. Sources for strengths: IEEE Std 1619 (XTS splits its key in two),
//! SP 800-57 part 1 table 2 (3DES).

use serde::Serialize;

/// Largest cipher name taken, in bytes.
const LARGEST_CIPHER_NAME: usize = 128;

/// A cipher with the key it is used with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cipher {
    /// Such as `aes-xts-plain64`.
    #[serde(rename = "cipher")]
    pub name: String,
    /// Bits of the stored key, as cryptsetup counts them; `None` where nothing tells.
    pub key_bits: Option<u32>,
    /// Bits that an attacker has to guess: half of the stored key under XTS; `None` for an unknown cipher.
    pub strength: Option<u32>,
    /// What is weak about it.
    pub weaknesses: Vec<Weakness>,
}

/// What is weak about an encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weakness {
    /// `cipher_null`: nothing is encrypted.
    NullCipher,
    /// Equal blocks are encrypted to equal blocks.
    EcbMode,
    /// Blocks can be changed to wanted ones without the key.
    CbcMode,
    /// CBC with an IV that can be foretold: a planted pattern shows through the encryption.
    PredictableIv,
    /// A block of 64 bits, which repeats itself within a disk's size.
    SmallBlock,
    /// A passphrase is stretched with PBKDF2 over SHA-1.
    Pbkdf2Sha1,
}

impl Weakness {
    /// Whether data under it must be taken as readable whatever the key.
    #[must_use]
    pub const fn defeats_encryption(self) -> bool {
        matches!(self, Self::NullCipher | Self::EcbMode)
    }
}

impl Cipher {
    /// The cipher `name` with a stored key of `key_bits`, of which `other_bits` are for something else, such as
    /// protecting against change.
    #[must_use]
    pub fn new(name: &str, key_bits: Option<u32>, other_bits: u32) -> Self {
        let name = shown(name);
        let parts = Parts::of(&name);
        let mut weaknesses = Vec::new();
        if parts.cipher == "cipher_null" {
            weaknesses.push(Weakness::NullCipher);
        }
        match (parts.mode, parts.iv) {
            ("ecb", _) => weaknesses.push(Weakness::EcbMode),
            ("cbc", iv) => {
                weaknesses.push(Weakness::CbcMode);
                if iv.starts_with("plain") || iv == "null" || iv == "benbi" {
                    weaknesses.push(Weakness::PredictableIv);
                }
            }
            _ => {}
        }
        if matches!(parts.cipher, "des" | "des3_ede" | "blowfish" | "cast5") {
            weaknesses.push(Weakness::SmallBlock);
        }
        let strength = if parts.cipher == "cipher_null" {
            Some(0)
        } else {
            key_bits.and_then(|bits| parts.strength(bits.saturating_sub(other_bits)))
        };
        Self {
            strength,
            name,
            key_bits,
            weaknesses,
        }
    }

    /// Whether it hides anything at all.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.weaknesses.contains(&Weakness::NullCipher)
    }
}

/// A name of the host as it may be shown: printable ASCII, of bounded length.
pub(super) fn shown(text: &str) -> String {
    let visible = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(LARGEST_CIPHER_NAME).map(visible).collect()
}

struct Parts<'a> {
    cipher: &'a str,
    mode: &'a str,
    iv: &'a str,
}

impl<'a> Parts<'a> {
    fn of(name: &'a str) -> Self {
        match name.strip_prefix("capi:") {
            Some(kernel) => Self::of_kernel(kernel),
            None => {
                let mut words = name.splitn(3, '-');
                let mut word = || words.next().unwrap_or_default();
                Self {
                    cipher: word(),
                    mode: word(),
                    iv: word(),
                }
            }
        }
    }

    /// Such as `xts(aes)-plain64` or `authenc(hmac(sha256),cbc(aes))-random`.
    fn of_kernel(name: &'a str) -> Self {
        const MODES: [&str; 8] = ["xts", "cbc", "ecb", "ctr", "gcm", "ccm", "lrw", "adiantum"];
        let (template, iv) = name.rsplit_once('-').unwrap_or((name, ""));
        let end = |text: &'a str| text.split(['(', ')', ',']).next().unwrap_or_default();
        for (at, _) in template.match_indices('(') {
            let (before, after) = template.split_at(at);
            let mode = before.rsplit(['(', ',']).next().unwrap_or_default();
            if MODES.contains(&mode) {
                let cipher = end(after.get(1..).unwrap_or_default());
                return Self { cipher, mode, iv };
            }
        }
        Self {
            cipher: end(template),
            mode: "",
            iv,
        }
    }

    fn strength(&self, key_bits: u32) -> Option<u32> {
        let key = match self.mode {
            "xts" => key_bits / 2,
            // The second key of LRW is one block long.
            "lrw" => key_bits.saturating_sub(128),
            _ => key_bits,
        };
        let most = match self.cipher {
            "aes" | "serpent" | "twofish" | "camellia" | "aria" | "cast6" => 256,
            // Adiantum and ChaCha20-Poly1305, whose keys are of this one size.
            "xchacha12,aes" | "xchacha20,aes" | "xchacha12" | "xchacha20" | "chacha20" => 256,
            "aegis256" => 256,
            "aegis128" | "sm4" | "cast5" => 128,
            "blowfish" => 448,
            // Meet in the middle leaves two of three keys.
            "des3_ede" => return Some(if key >= 192 { 112 } else { 56 }),
            "des" => 56,
            _ => return None,
        };
        Some(key.min(most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strength(name: &str, bits: u32) -> Option<u32> {
        Cipher::new(name, Some(bits), 0).strength
    }

    #[test]
    fn xts_is_worth_half_its_stored_key() {
        assert_eq!(strength("aes-xts-plain64", 512), Some(256));
        assert_eq!(strength("aes-xts-plain64", 256), Some(128));
        assert_eq!(strength("serpent-xts-plain64", 512), Some(256));
        assert_eq!(strength("capi:xts(aes)-plain64", 512), Some(256));
        assert_eq!(
            strength("capi:authenc(hmac(sha256),xts(aes))-random", 512),
            Some(256)
        );
        assert_eq!(Cipher::new("aes-xts-random", Some(768), 256).strength, Some(256));
        assert_eq!(strength("aes-lrw-benbi", 384), Some(256));
    }

    #[test]
    fn other_modes_are_worth_their_key_and_no_more_than_the_cipher() {
        assert_eq!(strength("aes-cbc-essiv:sha256", 256), Some(256));
        assert_eq!(strength("aes-cbc-essiv:sha256", 128), Some(128));
        assert_eq!(strength("xchacha12,aes-adiantum-plain64", 256), Some(256));
        assert_eq!(strength("capi:adiantum(xchacha12,aes)-plain64", 256), Some(256));
        assert_eq!(strength("chacha20-random", 256), Some(256));
        assert_eq!(strength("aes-xts-plain64", 100_000), Some(256));
        assert_eq!(strength("des3_ede-cbc-plain64", 192), Some(112));
        assert_eq!(strength("cipher_null-ecb", 256), Some(0));
        assert_eq!(strength("rot13-xts-plain64", 512), None);
        assert_eq!(strength("", 512), None);
        assert_eq!(Cipher::new("aes-xts-plain64", None, 0).strength, None);
    }

    #[test]
    fn weak_constructions_are_named() {
        let weak = |name| Cipher::new(name, Some(256), 0).weaknesses;
        assert_eq!(weak("aes-xts-plain64"), []);
        assert_eq!(weak("aes-ecb"), [Weakness::EcbMode]);
        assert_eq!(weak("aes-cbc-essiv:sha256"), [Weakness::CbcMode]);
        assert_eq!(
            weak("aes-cbc-plain64"),
            [Weakness::CbcMode, Weakness::PredictableIv]
        );
        assert_eq!(
            weak("capi:cbc(aes)-plain"),
            [Weakness::CbcMode, Weakness::PredictableIv]
        );
        assert_eq!(weak("blowfish-xts-plain64"), [Weakness::SmallBlock]);
        assert_eq!(weak("cipher_null-ecb"), [Weakness::NullCipher, Weakness::EcbMode]);
    }

    proptest! {
        #[test]
        fn any_name_is_taken(name in ".{0,200}", bits in any::<u32>(), other in any::<u32>()) {
            let cipher = Cipher::new(&name, Some(bits), other);
            prop_assert!(cipher.name.len() <= LARGEST_CIPHER_NAME);
            prop_assert!(cipher.strength.unwrap_or(0) <= 448);
        }
    }
}
