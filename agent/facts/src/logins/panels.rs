//! Programs with accounts of their own, read by patterns: those that are known, and those of the plan.
//!
//! A user name may hold anything, the words of the pattern too. What stands before it is read from the start, where nobody
//! has written yet; what stands behind it from the end. Where anything may follow and more than one source would do, none
//! is taken: better no source than an innocent one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use plumbline_config::plan::{LoginPattern, PatternOutcome, Piece};
use serde::Deserialize;

use super::event::{Method, Service, Source, peer};
use super::said::{Kind, Said};
use super::timestamp::{self, Stamp};

/// Most patterns of a plan that are heeded.
const MOST_PATTERNS: usize = 256;

/// Most places looked at where a name may end. A line that has more of them was made to have them.
const MOST_ENDS: usize = 64;

/// The patterns that are looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Panels {
    planned: Arc<[LoginPattern]>,
}

/// What a line told by a pattern.
#[derive(Clone, Debug, Default, PartialEq)]
struct Found<'a> {
    user: Option<&'a [u8]>,
    source: Option<Source>,
    time: Option<Stamp>,
}

#[derive(Deserialize)]
struct Table {
    pattern: Vec<LoginPattern>,
}

/// The patterns that are part of this program.
fn known() -> &'static [LoginPattern] {
    static KNOWN: LazyLock<Vec<LoginPattern>> = LazyLock::new(|| {
        // The table is part of the program; the test proves that it parses.
        toml::from_str::<Table>(include_str!("panels.toml"))
            .map_or_else(|_| Vec::new(), |table| table.pattern)
    });
    &KNOWN
}

impl Panels {
    /// Those that are known, and `planned` before them.
    pub(super) fn new(planned: &[LoginPattern]) -> Self {
        Self {
            planned: planned.iter().take(MOST_PATTERNS).cloned().collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &LoginPattern> {
        self.planned.iter().chain(known())
    }

    /// The programs that speak through syslog, each once.
    pub(super) fn programs(&self) -> Vec<&str> {
        let mut programs: Vec<&str> = self.all().filter_map(|known| known.program.as_deref()).collect();
        programs.sort_unstable();
        programs.dedup();
        programs
    }

    /// The files that programs write to themselves, each once.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<&Path> = self.all().filter_map(|known| known.file.as_deref()).collect();
        files.sort_unstable();
        files.dedup();
        files.into_iter().map(Path::to_owned).collect()
    }

    /// What a message under `tag` tells; `None` where it is like no pattern.
    pub(super) fn message<'a>(&self, tag: &[u8], message: &'a [u8]) -> Option<Said<'a>> {
        // `wordpress(www.example.com)`.
        let name = tag.split(|byte| *byte == b'(').next().unwrap_or(tag);
        let mut of_program = self.all().filter(|known| {
            known
                .program
                .as_deref()
                .is_some_and(|program| program.as_bytes() == name)
        });
        of_program.find_map(|pattern| Some(said(pattern.outcome, compare(&pattern.pieces, message)?)))
    }

    /// What a line without the head of syslog tells, and when; `None` where it is like no pattern.
    pub(super) fn line<'a>(&self, line: &'a [u8]) -> Option<(Stamp, Said<'a>)> {
        let mut of_files = self.all().filter(|known| known.file.is_some());
        of_files.find_map(|pattern| {
            let found = compare(&pattern.pieces, line)?;
            Some((found.time?, said(pattern.outcome, found)))
        })
    }
}

fn said(outcome: PatternOutcome, found: Found<'_>) -> Said<'_> {
    let user = found.user.unwrap_or_default();
    let said = match outcome {
        PatternOutcome::Accepted => Said::new(Kind::Accepted, Service::Web, Method::Password).user(user),
        PatternOutcome::Failed => Said::new(Kind::Failed, Service::Web, Method::Password).unknown_user(user),
    };
    said.from(found.source)
}

/// What varies in `text`, where it is like the pattern.
fn compare<'a>(pieces: &[Piece], text: &'a [u8]) -> Option<Found<'a>> {
    let name = pieces.iter().position(|piece| *piece == Piece::User);
    let Some((before, behind)) = name.and_then(|name| pieces.split_at_checked(name)) else {
        let (found, rest) = forward(pieces, text)?;
        return rest.is_empty().then_some(found);
    };
    let behind = behind.get(1..).unwrap_or_default();
    let (start, rest) = forward(before, text)?;
    let whole = |user, end: Found<'a>| Found {
        user: Some(user),
        source: start.source.clone().or(end.source),
        time: start.time.or(end.time),
    };
    let Some(Piece::Text(first)) = behind.first() else {
        return Some(whole(rest, Found::default()));
    };
    let mut found: Option<Found<'a>> = None;
    let ends = memchr::memmem::rfind_iter(rest, first.as_bytes());
    for end in ends.take(MOST_ENDS) {
        let (user, tail) = rest.split_at_checked(end)?;
        let Some((told, b"")) = forward(behind, tail) else {
            continue;
        };
        let told = whole(user, told);
        match &mut found {
            None => found = Some(told),
            // Words that no source follows were typed, too.
            Some(known) if told.source.is_some() && known.source != told.source => known.source = None,
            Some(_) => {}
        }
        // Nothing may follow: what stands last is the program's own.
        if behind.last() != Some(&Piece::Any) {
            break;
        }
    }
    found
}

/// What varies in `text` by pieces none of which is a user, each as short as can be, and what is left behind them.
fn forward<'a>(pieces: &[Piece], text: &'a [u8]) -> Option<(Found<'a>, &'a [u8])> {
    let mut found = Found::default();
    let mut rest = text;
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        if let Piece::Text(words) = piece {
            rest = rest.strip_prefix(words.as_bytes())?;
            continue;
        }
        let length = match pieces.peek() {
            Some(Piece::Text(next)) => memchr::memmem::find(rest, next.as_bytes())?,
            _ => rest.len(),
        };
        let (value, behind) = rest.split_at_checked(length)?;
        rest = behind;
        match piece {
            Piece::Source => found.source = peer(value),
            Piece::Time => found.time = Some(timestamp::whole(value)?),
            Piece::Any | Piece::User | Piece::Text(_) => {}
        }
    }
    Some((found, rest))
}

#[cfg(test)]
mod tests;
