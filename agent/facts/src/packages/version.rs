//! The order of Debian package versions, deb-version(7): `[epoch:]upstream[-revision]`.

use std::cmp::Ordering;

/// Orders two versions as dpkg does. Any bytes have a place, so a malformed version can't stop a comparison.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (Parts::of(left.as_bytes()), Parts::of(right.as_bytes()));
    fragment(left.epoch, right.epoch)
        .then_with(|| fragment(left.upstream, right.upstream))
        .then_with(|| fragment(left.revision, right.revision))
}

/// Whether `left` is the newer of the two.
#[must_use]
pub fn is_newer(left: &str, right: &str) -> bool {
    compare(left, right) == Ordering::Greater
}

struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The epoch ends at the first colon, the revision begins after the last hyphen. One that is left out is empty,
    /// which orders as `0`.
    fn of(version: &'a [u8]) -> Self {
        let (epoch, rest) = match version.iter().position(|b| *b == b':') {
            Some(colon) => around(version, colon),
            None => (&[][..], version),
        };
        let (upstream, revision) = match rest.iter().rposition(|b| *b == b'-') {
            Some(hyphen) => around(rest, hyphen),
            None => (rest, &[][..]),
        };
        Self {
            epoch,
            upstream,
            revision,
        }
    }
}

/// What stands before and after the byte at `at`.
fn around(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    let (before, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    (before, rest.get(1..).unwrap_or_default())
}

/// Orders two epochs, upstream versions or revisions: by turns a run without digits, byte by byte, and a run of
/// digits, by value.
fn fragment(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = run(left, |b| !b.is_ascii_digit());
        let (right_text, right_rest) = run(right, |b| !b.is_ascii_digit());
        let (left_digits, left_next) = run(left_rest, u8::is_ascii_digit);
        let (right_digits, right_next) = run(right_rest, u8::is_ascii_digit);
        let order = text(left_text, right_text).then_with(|| number(left_digits, right_digits));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_next, right_next);
    }
    Ordering::Equal
}

fn run(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| !belongs(b)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

/// `~` sorts before the end of the run, letters after it, all other bytes last.
fn text(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(b) if b.is_ascii_alphabetic() => i32::from(*b),
        Some(b) => i32::from(*b) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|at| weight(left.get(at)).cmp(&weight(right.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// By value, however long; no digits at all count as zero.
fn number(left: &[u8], right: &[u8]) -> Ordering {
    let (_, left) = run(left, |b| *b == b'0');
    let (_, right) = run(right, |b| *b == b'0');
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_the_cases_that_trip_others() {
        for (older, newer) in [
            ("1.0~rc1-1", "1.0-1"),
            ("1.0~~", "1.0~"),
            ("1.0", "1.0a"),
            ("1.0a", "1.0+1"),
            ("9", "10"),
            ("9:1", "10:0"),
            ("2.0", "1:1.0"),
            ("1.0-1", "1.0-1+b1"),
            ("1.0-1~bpo12+1", "1.0-1"),
            ("1.0-1", "1.0-1-1"),
            ("12.4+deb12u9", "12.4+deb12u11"),
            ("1.0-99999999999999999999999", "1.0-100000000000000000000000"),
        ] {
            assert_eq!(compare(older, newer), Ordering::Less, "{older} < {newer}");
            assert_eq!(compare(newer, older), Ordering::Greater, "{newer} > {older}");
        }
        for (left, right) in [
            ("1.0-0", "1.-0"),
            ("0:1", "1"),
            ("1-0", "1"),
            ("1.01", "1.1"),
            ("", "0"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} = {right}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_its_place_and_the_order_is_one(
            a in "[0-9a-c~+.:-]{0,8}|\\PC{0,8}",
            b in "[0-9a-c~+.:-]{0,8}",
            c in "[0-9a-c~+.:-]{0,8}",
        ) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            let mut sorted = [a.as_str(), b.as_str(), c.as_str()];
            sorted.sort_by(|x, y| compare(x, y));
            let [x, y, z] = sorted;
            prop_assert!(compare(x, y).is_le() && compare(y, z).is_le() && compare(x, z).is_le());
        }
    }
}
