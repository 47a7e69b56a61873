//! Blocks of addresses and ports, halved until all of a block fares the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::bits::{Byte, Bytes, Cause};

/// A prefix of the address space of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AddressBlock {
    pub(super) v6: bool,
    /// Its first address, as a number.
    pub(super) first: u128,
    /// Length of the prefix.
    pub(super) length: u8,
}

/// Blocks that no packet from another host has as its source, so that what the rules say of them does not matter:
/// this network, loopback, multicast, reserved (RFC 6890, RFC 5771), and their IPv6 kin (RFC 4291).
const IMPOSSIBLE_V4: [(u128, u8); 4] = [(0, 8), (127 << 24, 8), (224 << 24, 4), (240 << 24, 4)];
const IMPOSSIBLE_V6: [(u128, u8); 3] = [(0, 128), (1, 128), (0xff << 120, 8)];

impl AddressBlock {
    /// Every address of a family.
    pub(super) const fn all(v6: bool) -> Self {
        Self {
            v6,
            first: 0,
            length: 0,
        }
    }

    pub(super) fn one(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self {
                v6: false,
                first: u128::from(address.to_bits()),
                length: 32,
            },
            IpAddr::V6(address) => Self {
                v6: true,
                first: address.to_bits(),
                length: 128,
            },
        }
    }

    const fn bits(self) -> u8 {
        if self.v6 { 128 } else { 32 }
    }

    /// Bytes of an address.
    pub(super) const fn width(self) -> usize {
        if self.v6 { 16 } else { 4 }
    }

    /// Its two halves; `None` for a single address.
    pub(super) fn halves(self) -> Option<[Self; 2]> {
        let length = self
            .length
            .checked_add(1)
            .filter(|length| *length <= self.bits())?;
        let half = 1u128.checked_shl(u32::from(self.bits() - length))?;
        let low = Self { length, ..self };
        Some([
            low,
            Self {
                first: self.first | half,
                ..low
            },
        ])
    }

    const fn contains(self, first: u128, length: u8) -> bool {
        if self.length > length {
            return false;
        }
        let shift = (self.bits() - self.length) as u32;
        match (first.checked_shr(shift), self.first.checked_shr(shift)) {
            (Some(other), Some(own)) => other == own,
            _ => true,
        }
    }

    /// Whether no packet from another host can come from it.
    pub(super) fn is_impossible(self) -> bool {
        let blocks: &[_] = if self.v6 { &IMPOSSIBLE_V6 } else { &IMPOSSIBLE_V4 };
        blocks.iter().any(|(first, length)| {
            let block = Self {
                v6: self.v6,
                first: *first,
                length: *length,
            };
            block.contains(self.first, self.length)
        })
    }

    /// Its addresses as bytes, what differs among them unknown.
    pub(super) fn bytes(self, cause: Cause) -> Bytes {
        let wild = u128::MAX
            .checked_shr(u32::from(self.length) + 128 - u32::from(self.bits()))
            .unwrap_or(0);
        let skip = 16 - self.width();
        let value = self.first.to_be_bytes();
        let wild = wild.to_be_bytes();
        let bytes = value.iter().zip(wild).skip(skip);
        bytes
            .map(|(value, wild)| Byte::partly(*value, !wild, cause))
            .collect()
    }

    /// As a network.
    pub(super) fn network(self) -> Option<IpNet> {
        Some(if self.v6 {
            IpNet::V6(Ipv6Net::new(Ipv6Addr::from_bits(self.first), self.length).ok()?)
        } else {
            let bits = u32::try_from(self.first).ok()?;
            IpNet::V4(Ipv4Net::new(Ipv4Addr::from_bits(bits), self.length).ok()?)
        })
    }
}

/// Ports that share their leading bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PortBlock {
    pub(super) first: u16,
    /// Leading bits that they share.
    pub(super) length: u8,
}

impl PortBlock {
    /// Every port.
    pub(super) const ALL: Self = Self { first: 0, length: 0 };
    /// The upper half, from which systems take the port of a connection that they open.
    pub(super) const UPPER: Self = Self {
        first: 0x8000,
        length: 1,
    };

    pub(super) const fn one(port: u16) -> Self {
        Self {
            first: port,
            length: 16,
        }
    }

    pub(super) fn halves(self) -> Option<[Self; 2]> {
        let length = self.length.checked_add(1).filter(|length| *length <= 16)?;
        let low = Self { length, ..self };
        Some([
            low,
            Self {
                first: self.first | 1 << (16 - length),
                ..low
            },
        ])
    }

    /// The highest of them.
    pub(super) fn last(self) -> u16 {
        self.first | u16::MAX.checked_shr(u32::from(self.length)).unwrap_or(0)
    }

    pub(super) fn bytes(self, cause: Cause) -> Bytes {
        let wild = u16::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        let pairs = self.first.to_be_bytes().into_iter().zip(wild.to_be_bytes());
        pairs
            .map(|(value, wild)| Byte::partly(value, !wild, cause))
            .collect()
    }
}

/// Ranges of ports, joined where they touch, as `80` and `8000-8010`.
pub(super) fn port_ranges(mut blocks: Vec<PortBlock>) -> Vec<(u16, u16)> {
    blocks.sort_by_key(|block| block.first);
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for block in blocks {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(block.first) => *last = block.last(),
            _ => ranges.push((block.first, block.last())),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn halves_part_a_block(address in any::<u32>(), length in 0u8..32) {
            let network = Ipv4Net::new(Ipv4Addr::from_bits(address), length).unwrap().trunc();
            let block = AddressBlock { v6: false, first: u128::from(network.network().to_bits()), length };
            prop_assert_eq!(block.network(), Some(IpNet::V4(network)));
            let halves = block.halves().unwrap().map(|half| half.network().unwrap());
            prop_assert_eq!(IpNet::aggregate(&halves.to_vec()), vec![IpNet::V4(network)]);
            let bytes = block.bytes(Cause::SOURCE);
            prop_assert_eq!(super::super::bits::lowest(&bytes), network.network().octets().into());
            prop_assert_eq!(super::super::bits::highest(&bytes), network.broadcast().octets().into());
        }
    }

    #[test]
    fn the_whole_space_has_no_known_bit_and_one_address_no_unknown_one() {
        for v6 in [false, true] {
            let bytes = AddressBlock::all(v6).bytes(Cause::SOURCE);
            assert!(bytes.iter().all(|byte| byte.known == 0), "{bytes:?}");
            assert!(!AddressBlock::all(v6).is_impossible());
        }
        for address in ["192.0.2.1", "2001:db8::1"] {
            let block = AddressBlock::one(address.parse().unwrap());
            assert!(super::super::bits::value(&block.bytes(Cause::SOURCE)).is_some());
            assert!(block.halves().is_none());
        }
        assert!(AddressBlock::one("127.3.2.1".parse().unwrap()).is_impossible());
        assert_eq!(PortBlock::UPPER.last(), u16::MAX);
        let blocks = PortBlock::ALL.halves().unwrap().to_vec();
        assert_eq!(port_ranges(blocks), [(0, u16::MAX)]);
    }
}
