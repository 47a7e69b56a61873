//! `-m u32`: words of the packet, masked and shifted.

use super::super::bits::{Byte, Cause, Truth};
use super::super::packet::State;
use super::{Asked, both, either, flip};

/// Bytes of `struct xt_u32_test`, and within it of its numbers.
const TEST: usize = 180;
const NUMBERS: usize = 88;

/// A number of 32 bits of which some are not known.
#[derive(Clone, Copy)]
struct Word {
    value: u32,
    known: u32,
    cause: Cause,
}

impl Word {
    fn new(bytes: &[Byte]) -> Option<Self> {
        let bytes: &[Byte; 4] = bytes.try_into().ok()?;
        Some(Self {
            value: u32::from_be_bytes(bytes.map(|byte| byte.value)),
            known: u32::from_be_bytes(bytes.map(|byte| byte.known)),
            cause: bytes.iter().fold(Cause::default(), |all, byte| all | byte.cause),
        })
    }

    fn within(self, low: u32, high: u32) -> Truth {
        let (lowest, highest) = (self.value & self.known, self.value | !self.known);
        if low <= lowest && highest <= high {
            Truth::Yes
        } else if highest < low || high < lowest {
            Truth::No
        } else {
            Truth::Unknown(self.cause)
        }
    }
}

/// `struct xt_u32`.
pub(super) fn matches(asked: Asked<'_>, state: &State) -> Option<Truth> {
    let info = asked.info;
    let header = if asked.at.v6 { 40 } else { 20 };
    let transport = if asked.at.protocol == 6 { 20 } else { 8 };
    let packet: Vec<Byte> = state
        .network
        .iter()
        .take(header)
        .chain(state.transport.iter().take(transport))
        .copied()
        .collect();
    let read = |at: u32| {
        let at = usize::try_from(at).ok()?;
        packet.get(at..at.checked_add(4)?).and_then(Word::new)
    };
    let mut all = Truth::Yes;
    for test in 0..usize::from(info.byte(1980)?.min(11)) {
        let start = test * TEST;
        let numbers = usize::from(info.byte(start + 176)?.min(11));
        let values = usize::from(info.byte(start + 177)?.min(11));
        let number = |place: usize| info.word(start + place * 8);
        let mut base = 0u32;
        // What lies beyond the headers is not known.
        let Some(mut word) = read(number(0)?) else {
            all = both(all, Truth::Unknown(Cause::OTHER));
            continue;
        };
        let mut beyond = false;
        for place in 1..numbers {
            let operand = number(place)?;
            // XT_U32_AND, _LEFTSH, _RIGHTSH, _AT.
            match info.byte(start + place * 8 + 4)? {
                0 => {
                    word.value &= operand;
                    word.known |= !operand;
                }
                1 => {
                    word.value = word.value.checked_shl(operand).unwrap_or(0);
                    word.known = !(!word.known).checked_shl(operand).unwrap_or(0);
                }
                2 => {
                    word.value = word.value.checked_shr(operand).unwrap_or(0);
                    word.known = !(!word.known).checked_shr(operand).unwrap_or(0);
                }
                3 if word.known == u32::MAX => {
                    base = base.checked_add(word.value)?;
                    match read(base.checked_add(operand)?) {
                        Some(next) => word = next,
                        None => beyond = true,
                    }
                }
                _ => return None,
            }
            if beyond {
                break;
            }
        }
        let mut any = Truth::No;
        for place in 0..values {
            let at = start + NUMBERS + place * 8;
            any = either(any, word.within(info.word(at)?, info.word(at + 4)?));
        }
        all = both(all, if beyond { Truth::Unknown(Cause::OTHER) } else { any });
    }
    Some(flip(all, info.byte(1981)? != 0))
}
