//! Stanzas of fields, deb822(5), one at a time from a stream of any length.

use std::io::{self, Read};

use memchr::{memchr, memmem};

/// Largest stanza taken, in bytes. The largest of Debian 12 has some 130 KiB.
const LARGEST_STANZA: usize = 1024 * 1024;

/// How much is read at a time, in bytes.
const CHUNK: usize = 128 * 1024;

/// Splits a stream into stanzas. A stanza over [`LARGEST_STANZA`] is skipped and counted.
#[derive(Debug)]
pub struct Stanzas<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where the bytes not yet given out begin and end.
    start: usize,
    end: usize,
    /// Everything before this has been searched for the end of the stanza.
    searched: usize,
    ended: bool,
    too_large: usize,
    total: u64,
}

impl<R: Read> Stanzas<R> {
    /// Stanzas of `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            searched: 0,
            ended: false,
            too_large: 0,
            total: 0,
        }
    }

    /// Stanzas left out because they were too large.
    #[must_use]
    pub const fn too_large(&self) -> usize {
        self.too_large
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The stream, at the end.
    pub fn into_input(self) -> R {
        self.input
    }

    /// The next stanza, without the empty line that ends it.
    #[expect(clippy::should_implement_trait, reason = "it lends the stanza")]
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let mut skipping = false;
        let range = loop {
            while !skipping && self.start < self.end && self.buffer.get(self.start) == Some(&b'\n') {
                self.start += 1;
            }
            self.searched = self.searched.max(self.start);
            let unsearched = self.buffer.get(self.searched..self.end).unwrap_or_default();
            if let Some(found) = memmem::find(unsearched, b"\n\n") {
                let (start, stop) = (self.start, self.searched + found);
                self.start = stop;
                if skipping {
                    skipping = false;
                    continue;
                }
                break start..stop;
            }
            // The first line feed of the pair may be the last byte read.
            self.searched = self.end.saturating_sub(1).max(self.start);
            if self.ended {
                let rest = self.start..self.end;
                self.start = self.end;
                if rest.is_empty() || skipping {
                    return Ok(None);
                }
                break rest;
            }
            if self.end - self.start > LARGEST_STANZA {
                self.too_large += usize::from(!skipping);
                skipping = true;
                self.start = self.searched;
            }
            self.fill()?;
        };
        Ok(self.buffer.get(range))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.searched -= self.start;
        self.start = 0;
        if self.buffer.len() < self.end + CHUNK {
            self.buffer.resize(self.end + CHUNK, 0);
        }
        let read = self
            .input
            .read(self.buffer.get_mut(self.end..).unwrap_or_default())?;
        self.end += read;
        self.total += read as u64;
        self.ended = read == 0;
        Ok(())
    }
}

/// The first line of the field `name`, trimmed; field names are case-insensitive.
#[must_use]
pub fn field<'a>(stanza: &'a [u8], name: &str) -> Option<&'a [u8]> {
    Fields::of(stanza)
        .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| {
            value
                .split(|b| *b == b'\n')
                .next()
                .unwrap_or_default()
                .trim_ascii()
        })
}

/// Name and value of each field, the value with its folded lines, untrimmed. Comments and lines that belong to no
/// field are passed over.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Fields of a stanza.
    #[must_use]
    pub const fn of(stanza: &'a [u8]) -> Self {
        Self { rest: stanza }
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let from = self.rest;
            let line = self.line()?;
            let Some(colon) = memchr(b':', line).filter(|_| !starts_with(line, b" \t#")) else {
                continue;
            };
            while starts_with(self.rest, b" \t#") {
                self.line();
            }
            let taken = from.len() - self.rest.len();
            let whole = from.get(..taken).unwrap_or_default();
            return Some((whole.get(..colon)?, whole.get(colon + 1..)?));
        }
    }
}

fn starts_with(line: &[u8], any: &[u8]) -> bool {
    line.first().is_some_and(|first| any.contains(first))
}

/// The words of a value that may be folded, without comment lines.
#[must_use]
pub fn words(value: &[u8]) -> Vec<String> {
    let lines = value
        .split(|b| *b == b'\n')
        .filter(|line| !line.starts_with(b"#"));
    lines
        .flat_map(|line| {
            String::from_utf8_lossy(line)
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A name or version as text: printable ASCII without spaces, at most 256 bytes.
#[must_use]
pub fn token(value: &[u8]) -> Option<&str> {
    let plain = !value.is_empty() && value.len() <= 256 && value.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(value).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let mut stanzas = Stanzas::new(text);
        let mut found = Vec::new();
        while let Some(stanza) = stanzas.next().unwrap() {
            found.push(stanza.to_vec());
        }
        (found, stanzas.too_large())
    }

    #[test]
    fn stanzas_stand_between_empty_lines_and_the_last_needs_none() {
        let (found, _) = all(b"\n\nA: 1\nB: 2\n\n\n\nA: 3\n");
        assert_eq!(found, [b"A: 1\nB: 2".to_vec(), b"A: 3\n".to_vec()]);
        assert!(all(b"").0.is_empty() && all(b"\n\n").0.is_empty());
    }

    #[test]
    fn a_stanza_that_never_ends_is_skipped_and_the_next_is_found() {
        let mut text = b"A: 1\n\nB: ".to_vec();
        text.resize(3 * LARGEST_STANZA, b'x');
        text.extend(b"\n\nC: 3\n\n");
        let (found, too_large) = all(&text);
        assert_eq!(found, [b"A: 1".to_vec(), b"C: 3".to_vec()]);
        assert_eq!(too_large, 1);
        // Wherever the reads happen to end.
        for length in [CHUNK - 1, CHUNK, CHUNK + 1] {
            let mut text = b"B: ".to_vec();
            text.resize(LARGEST_STANZA + CHUNK + length, b'x');
            text.extend(b"\n\nC: 3\n\nD: 4\n");
            assert_eq!(all(&text).0, [b"C: 3".to_vec(), b"D: 4\n".to_vec()], "{length}");
        }
    }

    #[test]
    fn folded_fields_comments_and_broken_lines() {
        let stanza = b"# note\nSuites: a\n# inside\n b\nbroken\nEnabled:no\n";
        let fields: Vec<_> = Fields::of(stanza).collect();
        assert_eq!(fields[0], (&b"Suites"[..], &b" a\n# inside\n b\n"[..]));
        assert_eq!(words(fields[0].1), ["a", "b"]);
        assert_eq!(field(stanza, "enabled"), Some(&b"no"[..]));
        assert_eq!(field(stanza, "None"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b':'), any::<u8>()], 0..400)) {
            for stanza in all(&text).0 {
                prop_assert!(memmem::find(&stanza, b"\n\n").is_none());
                for (name, value) in Fields::of(&stanza) {
                    prop_assert!(name.len() + value.len() < stanza.len());
                    let _ = words(value);
                }
            }
        }

        #[test]
        fn splitting_agrees_with_a_plain_split(lines in proptest::collection::vec("[AB]: [a-z]{0,3}|", 0..30)) {
            let text = lines.join("\n") + "\n";
            let plain: Vec<_> = text.split("\n\n").map(|s| s.trim_matches('\n')).filter(|s| !s.is_empty()).collect();
            let found: Vec<_> = all(text.as_bytes()).0.into_iter().map(|s| String::from_utf8(s).unwrap()).collect();
            let found: Vec<_> = found.iter().map(|s| s.trim_matches('\n')).collect();
            prop_assert_eq!(plain, found);
        }
    }
}
