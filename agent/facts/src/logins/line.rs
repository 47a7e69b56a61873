//! The head of a log line: time, host, program, process; and what is behind it.
//!
//! Forms: RFC 3164 as syslog daemons write it (with or without priority, host and process), the same with an RFC 3339
//! time, RFC 5424 with structured data, and Solaris' `[ID n facility.level]`.

use super::journal::Entry;
use super::timestamp::{self, Stamp};

/// One line taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The time as written.
    pub(super) stamp: Stamp,
    /// Name of the host that wrote it; empty where the line has none.
    pub(super) host: &'a [u8],
    /// Name of the program; empty for syslogd's own `last message repeated`.
    pub(super) tag: &'a [u8],
    /// Its process.
    pub(super) pid: Option<u32>,
    /// What it said, without spaces around.
    pub(super) message: &'a [u8],
}

impl<'a> Line<'a> {
    /// A line of a program's own file, which is all that it said.
    pub(super) const fn of_file(stamp: Stamp, line: &'a [u8]) -> Self {
        Self {
            stamp,
            host: b"",
            tag: b"",
            pid: None,
            message: line,
        }
    }

    /// A journal entry as a line; its time, if it has one, is whole.
    pub(super) fn of_entry(entry: &'a Entry) -> Self {
        Self {
            stamp: Stamp::Instant(entry.at.unwrap_or_default()),
            host: &entry.host,
            tag: &entry.identifier,
            pid: entry.pid,
            message: entry.message.trim_ascii(),
        }
    }
}

/// Takes `line`, without its line feed, apart.
pub(super) fn split(line: &[u8]) -> Option<Line<'_>> {
    let line = line.trim_ascii();
    let line = match without_priority(line) {
        Some(rest) => match rest.strip_prefix(b"1 ") {
            Some(rest) => return split_rfc5424(rest),
            None => rest,
        },
        None => line,
    };
    let (stamp, rest) = timestamp::take(line)?;
    let rest = rest.trim_ascii_start();
    let (first, behind) = word(rest);
    // A host name is followed by a program; a program says so by its colon or process.
    let (host, rest) = if first.ends_with(b":") || (first.contains(&b'[') && first.ends_with(b"]")) {
        (&b""[..], rest)
    } else {
        (first, behind)
    };
    if rest.starts_with(b"last message repeated ") {
        return Some(Line {
            stamp,
            host,
            tag: b"",
            pid: None,
            message: rest,
        });
    }
    let (tag, pid, message) = split_tag(rest)?;
    Some(Line {
        stamp,
        host,
        tag,
        pid,
        message: without_solaris_id(message.trim_ascii()),
    })
}

/// `sshd[123]: …`, `sshd: …`, `sshd(pam_unix)[123]: …`, `gdm-password][123]: …`.
fn split_tag(text: &[u8]) -> Option<(&[u8], Option<u32>, &[u8])> {
    /// Longest name of a program.
    const LONGEST: usize = 128;
    let end = text
        .iter()
        .take(LONGEST)
        .position(|b| matches!(b, b'[' | b':' | b' '))?;
    let (tag, rest) = text.split_at_checked(end)?;
    if tag.is_empty() {
        return None;
    }
    match rest.first()? {
        b'[' => {
            let close = rest.iter().take(32).position(|b| *b == b']')?;
            let pid = number(rest.get(1..close)?);
            let behind = rest.get(close + 1..)?;
            Some((tag, pid, behind.strip_prefix(b":").unwrap_or(behind)))
        }
        b':' => Some((tag, None, rest.get(1..)?)),
        // `su 1234 - - …` is no line of this form; a bare word is.
        _ => None,
    }
}

/// RFC 5424 section 6, behind `<PRI>1 `.
fn split_rfc5424(text: &[u8]) -> Option<Line<'_>> {
    let (stamp, rest) = timestamp::take(text)?;
    let (host, rest) = word(rest);
    let (tag, rest) = word(rest);
    let (pid, rest) = word(rest);
    let (_message_id, rest) = word(rest);
    let rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => behind_structured_data(rest)?,
    };
    let rest = rest.trim_ascii();
    Some(Line {
        stamp,
        host,
        tag,
        pid: number(pid),
        message: rest.strip_prefix("\u{feff}".as_bytes()).unwrap_or(rest),
    })
}

/// What follows one or more `[id name="value" …]`; `\"`, `\\` and `\]` are escapes within a value.
fn behind_structured_data(text: &[u8]) -> Option<&[u8]> {
    if !text.starts_with(b"[") {
        return None;
    }
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (place, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' if !quoted && !open => open = true,
            b']' if !quoted && open => open = false,
            b' ' if !open => return text.get(place..),
            _ => {}
        }
    }
    (!open && !quoted).then_some(b"")
}

fn without_priority(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"<")?;
    let close = rest.iter().take(4).position(|b| *b == b'>')?;
    number(rest.get(..close)?)?;
    rest.get(close + 1..)
}

/// Solaris puts `[ID 800047 auth.info] ` before the message (syslog.conf(4)).
fn without_solaris_id(message: &[u8]) -> &[u8] {
    let rest = || {
        let rest = message.strip_prefix(b"[ID ")?;
        let close = rest.iter().take(64).position(|b| *b == b']')?;
        Some(rest.get(close + 1..)?.trim_ascii_start())
    };
    rest().unwrap_or(message)
}

/// The first word, and what follows the space behind it.
pub(super) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(end) => (
            text.get(..end).unwrap_or_default(),
            text.get(end + 1..).unwrap_or_default(),
        ),
        None => (text, b""),
    }
}

/// A number of decimal digits alone.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(*digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Where `part` first stands. What is searched is short and what is sought mostly begins with a space, so that going
/// from one first byte to the next costs less than preparing a search.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    memchr::memchr_iter(first, text).find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(part)))
}

/// What stands between the first `open` and the next `close` behind it.
pub(super) fn between<'a>(text: &'a [u8], open: &[u8], close: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = split_once(text, open)?;
    rest.get(..find(rest, close)?)
}

/// What stands before and behind the last `separator`.
pub(super) fn rsplit<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let first = *separator.first()?;
    memchr::memrchr_iter(first, text).find_map(|at| {
        let (before, rest) = text.split_at_checked(at)?;
        Some((before, rest.strip_prefix(separator)?))
    })
}

/// What stands before and behind the first `separator`.
pub(super) fn split_once<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (before, rest) = text.split_at_checked(find(text, separator)?)?;
    Some((before, rest.strip_prefix(separator)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(line: &str) -> (String, String, Option<u32>, String) {
        let line = split(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(line.host), text(line.tag), line.pid, text(line.message))
    }

    #[test]
    fn every_form_of_head_is_taken_apart() {
        for line in [
            "Nov 22 08:00:00 web sshd[12]: Hello there",
            "Nov  2 08:00:00 web sshd[12]: Hello there\r",
            "<38>Nov 22 08:00:00 web sshd[12]: Hello there",
            "2026-11-22T08:00:00.123456+08:00 web sshd[12]: Hello there",
            "<38>1 2026-11-22T08:00:00Z web sshd 12 - - Hello there",
            "<38>1 2026-11-22T08:00:00Z web sshd 12 ID1 [a@1 x=\"] \\\" [\"][b y=\"2\"] \u{feff}Hello there",
            "Nov 22 08:00:00 web sshd[12]: [ID 800047 auth.info] Hello there",
        ] {
            let expected = ("web".into(), "sshd".into(), Some(12), "Hello there".into());
            assert_eq!(parts(line), expected, "{line}");
        }
        assert_eq!(
            parts("Nov 22 08:00:00 web sudo:    ann : 1 incorrect"),
            ("web".into(), "sudo".into(), None, "ann : 1 incorrect".into())
        );
        assert_eq!(
            parts("Nov 22 08:00:00 sshd[12]: Hello"),
            (String::new(), "sshd".into(), Some(12), "Hello".into())
        );
        assert_eq!(
            parts("Nov 22 08:00:00 web last message repeated 3 times").3,
            "last message repeated 3 times"
        );
    }

    #[test]
    fn what_is_no_log_line_is_refused() {
        for line in [
            "",
            "hello",
            "Nov 22 08:00:00",
            "Nov 22 08:00:00 web",
            "<38>1 - - - - - x",
            "<9999>x",
        ] {
            assert_eq!(split(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_found_where_they_stand(text in "[ab ]{0,24}", part in "[ab ]{1,3}") {
            let expected = text.split_once(&part).map(|(one, other)| (one.as_bytes(), other.as_bytes()));
            prop_assert_eq!(split_once(text.as_bytes(), part.as_bytes()), expected);
            // Of parts that overlap the last one counts, as in text.
            let at = memchr::memmem::rfind(text.as_bytes(), part.as_bytes());
            let expected = at.map(|at| (&text.as_bytes()[..at], &text.as_bytes()[at + part.len()..]));
            prop_assert_eq!(rsplit(text.as_bytes(), part.as_bytes()), expected);
        }

        #[test]
        fn numbers_are_read_as_text_reads_them(text in "[0-9]{0,11}") {
            prop_assert_eq!(number(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn any_bytes_are_split_without_panic(bytes: Vec<u8>) {
            split(&bytes);
            let mut line = b"<38>1 2026-11-22T08:00:00Z web sshd 12 ID1 [".to_vec();
            line.extend(&bytes);
            split(&line);
            let mut line = b"Nov 22 08:00:00 ".to_vec();
            line.extend(&bytes);
            split(&line);
        }
    }
}
