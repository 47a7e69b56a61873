//! The bodies of the reports, a line each: the number of the leaf, a space, and the body as the host signed it. So nothing
//! is escaped and unescaped again that must be hashed as it is, and stock tools get at it, too.
//!
//! A body that is no longer kept is `null`. JSON may be written over several lines; a body that is (no agent's is) stands
//! as a JSON string. No body begins like one of these: each is a JSON object.
//!
//! The entries determine every byte: they tell which leaves are reports, which bodies are kept, and the hash of each; and
//! a line has one form alone. So whoever proves the lines need not hash the member.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::ahead::Ahead;
use super::archive::unreadable;
use super::lines::{Line, Lines};
use super::name;
use crate::ledger::audit::{Fault, FaultKind};

/// Faults of lines that are named.
const MOST_FAULTS: usize = 2_000;

/// Longest number of a leaf, in digits.
const LONGEST_LEAF: usize = 20;

const GONE: &[u8] = b"null";

/// Writes a line.
pub(super) fn write(out: &mut impl Write, leaf: u64, body: Option<&str>) -> io::Result<()> {
    write!(out, "{leaf} ")?;
    match body {
        None => out.write_all(GONE)?,
        Some(body) if body.contains('\n') || !body.starts_with('{') => {
            serde_json::to_writer(&mut *out, body)?;
        }
        Some(body) => out.write_all(body.as_bytes())?,
    }
    out.write_all(b"\n")
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
struct BodyLine {
    leaf: u64,
    body: Option<Vec<u8>>,
}

/// The lines, read in the order of the leaves.
pub(super) struct Bodies {
    lines: Ahead<BodyLine>,
    batch: VecDeque<io::Result<BodyLine>>,
    /// Lines that were not asked for yet, at most two.
    next: VecDeque<BodyLine>,
    faults: Vec<Fault>,
}

impl Bodies {
    pub(super) fn start(lines: Lines) -> io::Result<Self> {
        Ok(Self {
            lines: Ahead::start(lines, read)?,
            batch: VecDeque::new(),
            next: VecDeque::new(),
            faults: Vec::new(),
        })
    }

    /// The body of the report of a leaf, if it is kept as its entry says; that no line tells so is an error. Leaves are
    /// asked for in their order.
    pub(super) fn of(&mut self, leaf: u64, is_kept: bool) -> Option<io::Result<Vec<u8>>> {
        loop {
            while self.next.len() < 2
                && let Some(line) = self.advance()
            {
                self.next.push_back(line);
            }
            let mut leaves = self.next.iter().map(|line| line.leaf);
            let (Some(here), after) = (leaves.next(), leaves.next()) else {
                break;
            };
            if here > leaf && after.is_none_or(|after| after > here) {
                break;
            }
            // It is what was asked for, or of a leaf that was passed, or followed by one before it.
            let line = self.next.pop_front()?;
            if here == leaf && line.body.is_some() == is_kept {
                return line.body.map(Ok);
            }
            if here == leaf {
                let why = format!("{} and the entry differ on whether it is kept", name::BODIES);
                return Some(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
            }
            let fault = Fault::new(FaultKind::LeafOrder).leaf(here);
            self.fault(fault.member(name::BODIES).differs("leaf", leaf, here));
        }
        let why = format!("{} has no line of leaf {leaf}", name::BODIES);
        Some(Err(io::Error::new(io::ErrorKind::NotFound, why)))
    }

    /// Reads the rest: faults, a line that nobody asked for among them, and SHA-256 of the member in hexadecimal, if that
    /// was made.
    pub(super) fn ended(mut self) -> (Vec<Fault>, io::Result<Option<String>>) {
        if let Some(line) = self.next.pop_front().or_else(|| self.advance()) {
            let fault = Fault::new(FaultKind::LeafOutside).leaf(line.leaf);
            self.fault(fault.member(name::BODIES));
        }
        (self.faults, self.lines.sha256())
    }

    fn advance(&mut self) -> Option<BodyLine> {
        while self.faults.len() < MOST_FAULTS {
            if self.batch.is_empty() {
                self.batch = self.lines.batch().into();
            }
            match self.batch.pop_front()? {
                Ok(line) => return Some(line),
                Err(error) => self.fault(unreadable(name::BODIES, &error)),
            }
        }
        None
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }
}

fn read(line: Line) -> io::Result<BodyLine> {
    let number = line.number();
    let mut bytes = line.into_bytes();
    let no_line = || {
        let why = format!("line {number}: not the number of a leaf, a space and a body");
        io::Error::new(io::ErrorKind::InvalidData, why)
    };
    let end = bytes.iter().take(LONGEST_LEAF + 1).position(|byte| *byte == b' ');
    let digits = end.and_then(|end| bytes.get(..end)).ok_or_else(no_line)?;
    let leaf: u64 = str::from_utf8(digits)
        .ok()
        // One form alone, without a sign or a leading zero.
        .filter(|digits| *digits == "0" || digits.starts_with(|first: char| ('1'..='9').contains(&first)))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(no_line)?;
    let begins = digits.len() + 1;
    let body = match bytes.get(begins) {
        Some(b'{') => {
            bytes.drain(..begins);
            Some(bytes)
        }
        _ => {
            let rest = bytes.get(begins..).unwrap_or_default();
            let body: Option<String> = serde_json::from_slice(rest).map_err(|_| no_line())?;
            let mut again = Vec::with_capacity(bytes.len() + 1);
            write(&mut again, leaf, body.as_deref())?;
            if again.strip_suffix(b"\n") != Some(&bytes) {
                return Err(no_line());
            }
            body.map(String::into_bytes)
        }
    };
    Ok(BodyLine { leaf, body })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(bytes: &[u8]) -> Line {
        Line::new(bytes.to_vec(), 1)
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_is_written(leaf: u64, body in prop::option::of("(\\{|\"|null|)(\\PC|[\n\"]){0,30}")) {
            let mut written = Vec::new();
            write(&mut written, leaf, body.as_deref()).unwrap();
            prop_assert_eq!(written.pop(), Some(b'\n'));
            prop_assert!(!written.contains(&b'\n'));
            let read = read(line(&written)).unwrap();
            prop_assert_eq!(read, BodyLine { leaf, body: body.map(String::into_bytes) });
        }

        #[test]
        fn no_line_upsets_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..60), after in "[0-9+ -]{0,22} [\\PC]{0,9}") {
            let _any = read(line(&bytes));
            let _any = read(line(after.as_bytes()));
        }
    }

    #[test]
    fn a_line_has_one_form() {
        assert!(read(line(b"0 null")).is_ok());
        assert!(read(line(br#"1 "{\n}""#)).is_ok());
        for other in [
            r#"1 "{\u000a}""#,
            r#"1 "{}""#,
            "1 null ",
            "1  null",
            "00 null",
            "+1 null",
            "01 {}",
            " {}",
            "1{}",
            "1",
            "1 ",
            "-1 {}",
            "18446744073709551616 {}",
        ] {
            assert!(read(line(other.as_bytes())).is_err(), "{other}");
        }
    }
}
