//! Bytes of which some bits are not known, and what can still be said of them.
//!
//! A packet stands here for all packets of a class: a source address is a prefix with its low bits unknown, a port may
//! be any. An expression over such bytes holds for all of the class, for none, or for some. In the last case the
//! [`Cause`] tells which unknown bits decide, so that the class can be split there.

use std::ops::BitOr;

use smallvec::SmallVec;

/// Which property of a packet an unknown bit belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Cause(u8);

impl Cause {
    /// The source address.
    pub(super) const SOURCE: Self = Self(1);
    /// The source port.
    pub(super) const SOURCE_PORT: Self = Self(2);
    /// The destination address.
    pub(super) const DESTINATION: Self = Self(4);
    /// The destination port.
    pub(super) const PORT: Self = Self(8);
    /// Something that no splitting settles.
    pub(super) const OTHER: Self = Self(16);

    /// Both together.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `other` is in it.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Cause {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whether something holds for the packets of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    /// For all.
    Yes,
    /// For none.
    No,
    /// For some, or it can't be told.
    Unknown(Cause),
}

impl Truth {
    pub(super) const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown @ Self::Unknown(_) => unknown,
        }
    }

    pub(super) const fn from_bool(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// A byte of which some bits are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Byte {
    /// The bits; 0 where unknown.
    pub(super) value: u8,
    /// A one for each bit that is known.
    pub(super) known: u8,
    /// What the unknown bits belong to; none where all are known.
    pub(super) cause: Cause,
}

impl Byte {
    /// A byte that is known.
    pub(super) const fn known(value: u8) -> Self {
        Self {
            value,
            known: u8::MAX,
            cause: Cause(0),
        }
    }

    /// A byte of which nothing is known.
    pub(super) const fn unknown(cause: Cause) -> Self {
        Self {
            value: 0,
            known: 0,
            cause,
        }
    }

    /// A byte of which the bits in `known` are.
    pub(super) const fn partly(value: u8, known: u8, cause: Cause) -> Self {
        if known == u8::MAX {
            return Self::known(value);
        }
        Self {
            value: value & known,
            known,
            cause,
        }
    }

    /// `(byte & mask) ^ xor`.
    pub(super) const fn masked(self, mask: u8, xor: u8) -> Self {
        Self::partly((self.value & mask) ^ xor, self.known | !mask, self.cause)
    }

    /// The lowest it can be.
    const fn lowest(self) -> u8 {
        self.value
    }

    /// The highest it can be.
    const fn highest(self) -> u8 {
        self.value | !self.known
    }
}

/// Bytes of which some bits are known; up to the width of an address they need no memory of their own.
pub(super) type Bytes = SmallVec<[Byte; 16]>;

/// Known bytes.
pub(super) fn known(bytes: &[u8]) -> Bytes {
    bytes.iter().copied().map(Byte::known).collect()
}

/// So many bytes of which nothing is known.
pub(super) fn unknown(length: usize, cause: Cause) -> Bytes {
    smallvec::smallvec![Byte::unknown(cause); length]
}

/// The value, where every bit is known.
pub(super) fn value(bytes: &[Byte]) -> Option<SmallVec<[u8; 16]>> {
    bytes
        .iter()
        .map(|byte| (byte.known == u8::MAX).then_some(byte.value))
        .collect()
}

/// What the unknown bits belong to.
pub(super) fn cause(bytes: &[Byte]) -> Cause {
    bytes.iter().fold(Cause::default(), |all, byte| all | byte.cause)
}

/// The lowest value they can have, compared as memcmp(3) does.
pub(super) fn lowest(bytes: &[Byte]) -> SmallVec<[u8; 16]> {
    bytes.iter().map(|byte| byte.lowest()).collect()
}

/// The highest value they can have.
pub(super) fn highest(bytes: &[Byte]) -> SmallVec<[u8; 16]> {
    bytes.iter().map(|byte| byte.highest()).collect()
}

/// Whether they equal `data`, over its length.
pub(super) fn equal(bytes: &[Byte], data: &[u8]) -> Truth {
    if bytes.len() < data.len() {
        return Truth::Unknown(Cause::OTHER);
    }
    let mut undecided = Cause::default();
    let mut all = true;
    for (byte, wanted) in bytes.iter().zip(data) {
        if (byte.value ^ wanted) & byte.known != 0 {
            return Truth::No;
        }
        if byte.known != u8::MAX {
            all = false;
            undecided = undecided | byte.cause;
        }
    }
    if all {
        Truth::Yes
    } else {
        Truth::Unknown(undecided)
    }
}

/// Whether they are lower than `data`, over its length.
pub(super) fn less(bytes: &[Byte], data: &[u8]) -> Truth {
    let Some(bytes) = bytes.get(..data.len()) else {
        return Truth::Unknown(Cause::OTHER);
    };
    if bytes.iter().map(|byte| byte.highest()).lt(data.iter().copied()) {
        Truth::Yes
    } else if bytes.iter().map(|byte| byte.lowest()).ge(data.iter().copied()) {
        Truth::No
    } else {
        Truth::Unknown(cause(bytes))
    }
}

/// Whether they are higher than `data`, over its length.
pub(super) fn greater(bytes: &[Byte], data: &[u8]) -> Truth {
    let Some(bytes) = bytes.get(..data.len()) else {
        return Truth::Unknown(Cause::OTHER);
    };
    if bytes.iter().map(|byte| byte.lowest()).gt(data.iter().copied()) {
        Truth::Yes
    } else if bytes.iter().map(|byte| byte.highest()).le(data.iter().copied()) {
        Truth::No
    } else {
        Truth::Unknown(cause(bytes))
    }
}

/// Whether they are from `low` to `high`, over their length.
pub(super) fn within(bytes: &[Byte], low: &[u8], high: &[u8]) -> Truth {
    if low == high {
        return equal(bytes, low);
    }
    match (less(bytes, low), greater(bytes, high)) {
        (Truth::Yes, _) | (_, Truth::Yes) => Truth::No,
        (Truth::No, Truth::No) => Truth::Yes,
        (below, above) => {
            let of = |truth| match truth {
                Truth::Unknown(cause) => cause,
                _ => Cause::default(),
            };
            Truth::Unknown(of(below) | of(above))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn byte() -> impl Strategy<Value = Byte> {
        (any::<u8>(), any::<u8>()).prop_map(|(value, known)| Byte::partly(value, known, Cause::SOURCE))
    }

    /// A concrete value of the class: unknown bits taken from `fill`.
    fn member(bytes: &[Byte], fill: &[u8]) -> Vec<u8> {
        let choose = |(byte, fill): (&Byte, &u8)| byte.value | (fill & !byte.known);
        bytes.iter().zip(fill).map(choose).collect()
    }

    proptest! {
        /// What is said of a class holds for each of its members.
        #[test]
        fn a_definite_answer_holds_for_every_member(
            bytes in proptest::collection::vec(byte(), 3),
            fill in proptest::collection::vec(any::<u8>(), 3),
            low in proptest::collection::vec(any::<u8>(), 3),
            high in proptest::collection::vec(any::<u8>(), 3),
            mask in any::<u8>(),
        ) {
            let concrete = member(&bytes, &fill);
            for (said, truth) in [
                (equal(&bytes, &low), concrete == low),
                (less(&bytes, &low), concrete < low),
                (greater(&bytes, &low), concrete > low),
                (within(&bytes, &low, &high), low <= concrete && concrete <= high),
            ] {
                if said != Truth::Unknown(Cause::SOURCE) {
                    prop_assert_eq!(said, Truth::from_bool(truth));
                }
            }
            let masked = bytes[0].masked(mask, low[0]);
            prop_assert_eq!(masked.value, ((concrete[0] & mask) ^ low[0]) & masked.known);
        }
    }
}
