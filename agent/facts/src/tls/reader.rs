//! Reading numbers and vectors out of bytes, as RFC 8446 3 lays them out. `None` where they end too early.

/// What is still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// All that is left, but no more than `length`.
    pub(super) fn up_to(&self, length: usize) -> &'a [u8] {
        self.0.get(..length).unwrap_or(self.0)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.number(1).and_then(|number| number.try_into().ok())
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.number(2).and_then(|number| number.try_into().ok())
    }

    pub(super) fn u24(&mut self) -> Option<usize> {
        self.number(3)
    }

    pub(super) fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.number(1)?;
        self.bytes(length)
    }

    pub(super) fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.number(2)?;
        self.bytes(length)
    }

    pub(super) fn vector24(&mut self) -> Option<&'a [u8]> {
        let length = self.number(3)?;
        self.bytes(length)
    }

    fn number(&mut self, length: usize) -> Option<usize> {
        let bytes = self.bytes(length)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    }
}
