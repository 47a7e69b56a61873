//! Reads log text, in pieces of any size, into events.

use jiff::Timestamp;

use super::attempt::Merger;
use super::duplicate::{Message, Origin, Seen};
use super::follow::Sink;
use super::line::{self, Line};
use super::panels::Panels;
use super::privilege;
use super::said::{self, Said};
use super::timestamp::Clock;

/// Longest line read; what is longer is passed over and counted as not understood.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

impl Sink for Scan<'_, '_> {
    fn feed(&mut self, piece: &[u8]) {
        self.feed(piece);
    }

    /// A line too long to keep counts as read.
    fn unread(&self) -> usize {
        self.partial.len()
    }

    fn next_file(&mut self, skip: bool) {
        self.partial.clear();
        self.skipping = skip;
        self.last.clear();
        self.number = 0;
    }
}

/// What was read of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Lines, blank ones left out.
    pub(super) lines: u64,
    /// Lines without a readable time and program, and those longer than [`LONGEST_LINE`].
    pub(super) unparsed: u64,
    /// The time of the first line that told of a login.
    pub(super) first_at: Option<Timestamp>,
}

/// A reader of one log after another. `Merger` and `Seen` live longer: a connection may straddle two files.
#[derive(Debug)]
pub(super) struct Scan<'a, 'w> {
    merger: &'a mut Merger<'w>,
    seen: &'a mut Seen,
    clock: &'a mut Clock,
    panels: &'a Panels,
    /// Events before this are of no interest.
    since: Timestamp,
    /// Start of a line whose end has not been read yet.
    partial: Vec<u8>,
    /// Within a line that is too long.
    skipping: bool,
    /// The last line, if it told of a login, for `last message repeated`; empty otherwise.
    last: Vec<u8>,
    number: u64,
    tally: Tally,
}

impl<'a, 'w> Scan<'a, 'w> {
    pub(super) fn new(
        merger: &'a mut Merger<'w>,
        seen: &'a mut Seen,
        clock: &'a mut Clock,
        panels: &'a Panels,
        since: Timestamp,
    ) -> Self {
        Self {
            merger,
            seen,
            clock,
            panels,
            since,
            partial: Vec::new(),
            skipping: false,
            last: Vec::new(),
            number: 0,
            tally: Tally::default(),
        }
    }

    /// Takes in the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, behind) = (rest.get(..end), rest.get(end + 1..));
            rest = behind.unwrap_or_default();
            let head = head.unwrap_or_default();
            if self.skipping {
                self.skipping = false;
            } else if self.partial.is_empty() {
                self.line(head, true);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(head);
                self.line(&whole, true);
                whole.clear();
                self.partial = whole;
            }
        }
        if self.skipping {
            return;
        }
        if self.partial.len() + rest.len() > LONGEST_LINE {
            self.too_long();
            self.partial.clear();
            self.skipping = true;
        } else {
            self.partial.extend_from_slice(rest);
        }
    }

    /// What was read. The last line of a text that is complete may lack its line feed.
    pub(super) fn end(mut self, take_partial: bool) -> Tally {
        if take_partial && !self.partial.is_empty() {
            let whole = std::mem::take(&mut self.partial);
            self.line(&whole, false);
        }
        self.tally
    }

    fn too_long(&mut self) {
        self.number += 1;
        self.tally.lines += 1;
        self.tally.unparsed += 1;
    }

    /// `whole`: the line feed was there, so that nothing is cut off.
    fn line(&mut self, text: &[u8], whole: bool) {
        if text.len() > LONGEST_LINE {
            self.too_long();
            return;
        }
        self.number += 1;
        if text.trim_ascii().is_empty() {
            return;
        }
        self.tally.lines += 1;
        let Some(line) = line::split(text) else {
            self.last.clear();
            match self.panels.line(text) {
                Some((stamp, said)) => self.told(&Line::of_file(stamp, text), &Told::by(said), Origin::File),
                None => self.tally.unparsed += 1,
            }
            return;
        };
        if line.tag.is_empty() {
            self.repeat(&line);
            return;
        }
        let told = Told::of(&line, self.panels);
        if told.is_nothing() {
            self.last.clear();
            return;
        }
        if !whole
            && told
                .said
                .as_ref()
                .is_some_and(|said| ends_with_source(&line, said))
        {
            self.tally.unparsed += 1;
            return;
        }
        self.told(&line, &told, Origin::File);
        self.last.clear();
        self.last.extend_from_slice(text);
    }

    /// syslogd's `last message repeated N times` stands for N more of the line before it.
    fn repeat(&mut self, line: &Line<'_>) {
        let Some(count) = said::last_repeated(line.message) else {
            return;
        };
        let text = std::mem::take(&mut self.last);
        if let Some(last) = line::split(&text)
            && let Some(mut said) = said::read(last.tag, last.message, self.panels)
        {
            said.repeats = count;
            let repeated = Line {
                stamp: line.stamp,
                ..last
            };
            self.told(&repeated, &Told::by(said), Origin::File);
        }
        self.last = text;
    }

    fn told(&mut self, line: &Line<'_>, told: &Told<'_>, origin: Origin) {
        let Some(at) = self.clock.resolve(line.stamp) else {
            self.tally.unparsed += 1;
            return;
        };
        self.tally.first_at.get_or_insert(at);
        if at >= self.since {
            take(self.merger, self.seen, line, told, (at, self.number), origin);
        }
    }
}

/// What one line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told<'a> {
    said: Option<Said<'a>>,
    privilege: Option<privilege::Told<'a>>,
}

impl<'a> Told<'a> {
    pub(super) fn of(line: &Line<'a>, panels: &Panels) -> Self {
        Self {
            said: said::read(line.tag, line.message, panels),
            privilege: privilege::read(line.tag, line.message),
        }
    }

    const fn by(said: Said<'a>) -> Self {
        Self {
            said: Some(said),
            privilege: None,
        }
    }

    /// The line tells of no login, and of no privileges.
    pub(super) const fn is_nothing(&self) -> bool {
        self.said.is_none() && self.privilege.is_none()
    }
}

/// Takes in what `line` told at a time and line number, unless another log has told of it.
pub(super) fn take(
    merger: &mut Merger<'_>,
    seen: &mut Seen,
    line: &Line<'_>,
    told: &Told<'_>,
    (at, number): (Timestamp, u64),
    origin: Origin,
) {
    let said = told.said.as_ref();
    let message = Message {
        // sudo names its process to the journal alone.
        pid: line
            .pid
            .filter(|_| !matches!(line.tag, b"sudo" | b"sudo-i" | b"su" | b"su-l")),
        text: said::repeated(line.message).map_or(line.message, |(_, inner)| inner),
        repeats: said.map_or(1, |said| said.repeats),
        at,
    };
    let new = seen.count_new(message, origin);
    if new == 0 {
        return;
    }
    if let Some(said) = said {
        merger.add(line, said, said.count.saturating_mul(new), (at, number));
    }
    if let Some(privilege) = &told.privilege {
        merger.change(privilege.changes(at, number));
    }
}

/// Whether the address stands at the very end, where a cut-off line would make another address of it.
fn ends_with_source(line: &Line<'_>, said: &Said<'_>) -> bool {
    said.source
        .as_ref()
        .is_some_and(|source| line.message.ends_with(source.to_string().as_bytes()))
}
