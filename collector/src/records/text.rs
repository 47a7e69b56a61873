//! What people write.

use super::Refusal;

/// Most characters of a text that explains something.
pub(super) const LONGEST: usize = 4_000;

/// A text of one or more lines: not empty, not too long, no control characters but line feeds.
pub(crate) fn prose(what: &'static str, text: &str) -> Result<(), Refusal> {
    check(what, text, LONGEST, |c| c == '\n')
}

/// A text of one line.
pub(crate) fn line(what: &'static str, text: &str, most: usize) -> Result<(), Refusal> {
    check(what, text, most, |_| false)
}

/// A text of a host's as one line that may stand in a record: what can't stand there becomes a space, and what is too
/// long is cut.
pub(crate) fn tamed(text: &str, most: usize) -> String {
    let tame = |c: char| {
        if c.is_control() || is_reordering(c) {
            ' '
        } else {
            c
        }
    };
    text.chars().map(tame).take(most).collect()
}

fn check(what: &'static str, text: &str, most: usize, also: impl Fn(char) -> bool) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::Empty(what));
    }
    if text.chars().count() > most {
        return Err(Refusal::TooLong { what, most });
    }
    if text
        .chars()
        .any(|c| (c.is_control() && !also(c)) || is_reordering(c))
    {
        return Err(Refusal::Control(what));
    }
    Ok(())
}

/// Characters that make text read otherwise than it stands (Unicode Standard Annex #9, explicit directions).
const fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
