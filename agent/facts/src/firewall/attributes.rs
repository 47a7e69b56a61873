//! Netlink messages and attributes, read from bytes that may be anything.
//!
//! Source: `include/uapi/linux/netlink.h`. Attributes of nf_tables hold numbers in network order.

use std::borrow::Cow;

/// Bytes of `struct nlmsghdr`.
pub(super) const MESSAGE_HEADER: usize = 16;
/// Bytes of `struct nfgenmsg`.
pub(super) const NFGEN_HEADER: usize = 4;
/// Bytes of `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;
/// Length of messages and attributes is padded to this.
const ALIGNMENT: usize = 4;
/// `NLA_F_NESTED | NLA_F_NET_BYTEORDER`, which share the field with the type.
const TYPE_FLAGS: u16 = 0xc000;

/// A message of a dump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// `nlmsg_type`.
    pub(super) kind: u16,
    /// `nlmsg_flags`.
    pub(super) flags: u16,
    /// What follows the header.
    pub(super) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// `nfgen_family`, and the attributes after `struct nfgenmsg`.
    pub(super) fn netfilter(&self) -> Option<(u8, Attributes<'a>)> {
        let family = *self.payload.first()?;
        Some((family, Attributes(self.payload.get(NFGEN_HEADER..)?)))
    }
}

/// The messages in a datagram; ends at the first that is cut off.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(array(bytes, 0)?)).ok()?;
        let message = Message {
            kind: u16::from_ne_bytes(array(bytes, 4)?),
            flags: u16::from_ne_bytes(array(bytes, 6)?),
            payload: bytes.get(MESSAGE_HEADER..length)?,
        };
        bytes = bytes
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        Some(message)
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

impl Message<'_> {
    /// The message as the kernel gave it, its sequence number and port left out.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = MESSAGE_HEADER + self.payload.len();
        let mut bytes = Vec::with_capacity(length + ALIGNMENT);
        bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend(self.flags.to_ne_bytes());
        bytes.resize(MESSAGE_HEADER, 0);
        bytes.extend(self.payload);
        bytes.resize(length.next_multiple_of(ALIGNMENT), 0);
        bytes
    }
}

/// A run of attributes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(array(self.0, 0)?));
        let kind = u16::from_ne_bytes(array(self.0, 2)?) & !TYPE_FLAGS;
        let value = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self
            .0
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        Some((kind, value))
    }
}

impl<'a> Attributes<'a> {
    /// The value of the first attribute of that type.
    pub(super) fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(found, _)| *found == kind).map(|(_, value)| value)
    }

    /// The attributes nested in it; none where it is missing.
    pub(super) fn nested(self, kind: u16) -> Attributes<'a> {
        Attributes(self.get(kind).unwrap_or_default())
    }

    /// A 32-bit number in network order.
    pub(super) fn number(self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.get(kind)?.try_into().ok()?))
    }

    /// A 64-bit number in network order.
    pub(super) fn long(self, kind: u16) -> Option<u64> {
        Some(u64::from_be_bytes(self.get(kind)?.try_into().ok()?))
    }

    /// A byte.
    pub(super) fn byte(self, kind: u16) -> Option<u8> {
        self.get(kind)?.first().copied()
    }

    /// A text that ends at its first NUL.
    pub(super) fn text(self, kind: u16) -> Option<String> {
        self.name(kind).map(Cow::into_owned)
    }

    /// As [`Self::text`], where it stands.
    pub(super) fn name(self, kind: u16) -> Option<Cow<'a, str>> {
        let bytes = self.get(kind)?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        Some(match std::str::from_utf8(text) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            // A message is at least its header, an attribute at least its own: so many steps at most.
            prop_assert!(messages(&bytes).count() <= bytes.len() / MESSAGE_HEADER + 1);
            prop_assert!(Attributes(&bytes).count() <= bytes.len() / ATTRIBUTE_HEADER + 1);
        }

        #[test]
        fn attributes_are_read_as_they_were_written(
            values in proptest::collection::vec((0u16..0x4000, proptest::collection::vec(any::<u8>(), 0..40)), 0..20)
        ) {
            let bytes: Vec<u8> = values.iter().flat_map(|(kind, value)| attribute(*kind, value)).collect();
            let read: Vec<_> = Attributes(&bytes).map(|(kind, value)| (kind, value.to_vec())).collect();
            prop_assert_eq!(read, values);
        }
    }
}
