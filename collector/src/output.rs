//! Printing: a table for people, JSON for programs, one sentence for what could not be done.

use std::error::Error;
use std::fmt;
use std::io::{self, BufWriter, Write};

use comfy_table::{ContentArrangement, Table, presets};
use plumbline_config::lang::Lang;
use plumbline_config::message::text;
use serde::Serialize;

/// Width of a table where no terminal tells its own.
const DEFAULT_WIDTH: u16 = 120;

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

impl Format {
    /// The format with this name.
    pub(crate) fn named(name: &str) -> Result<Self, Failure> {
        match name {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            other => Err(Failure::new(format!(
                "unknown format `{other}`; use table or json"
            ))),
        }
    }
}

/// What a command that could be done came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing fails.
    Clean,
    /// Something fails.
    Failing,
}

/// Why a command could not be done, as one sentence with the mend. Made from any error by `?`.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure in these words.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut sentence = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Most of our errors already name their cause.
            if !sentence.contains(&cause_text) {
                sentence = format!("{sentence}: {cause_text}");
            }
            source = cause.source();
        }
        Self(sentence)
    }
}

/// Where and how answers are printed.
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) lang: Lang,
}

impl Output {
    /// Prints `value` as JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.write(|out| {
            serde_json::to_writer_pretty(&mut *out, value)?;
            writeln!(out)
        })
    }

    /// Prints rows under headings, as wide as the terminal. Headings are keys of the message files.
    pub(crate) fn table<const N: usize>(
        &self,
        headings: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Result<(), Failure> {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width())
            .set_header(headings.map(|key| self.text(key)));
        for row in rows {
            table.add_row(row.map(|cell| printable(&cell)));
        }
        self.line(&table.to_string())
    }

    /// The text under a key in the reader's language.
    pub(crate) fn text(&self, key: &'static str) -> String {
        text(self.lang, key)
    }

    /// Prints one line of text.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        self.write(|out| writeln!(out, "{text}"))
    }

    /// Writes to standard output; a reader that has gone away (`| head`) is no failure.
    fn write(&self, print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        match print(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }
}

fn width() -> u16 {
    terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| width.0)
}

/// Text from a host must not move the cursor or colour the terminal of the person who reads it.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Says why a command could not be done, on standard error.
#[expect(
    clippy::print_stderr,
    reason = "the one place that speaks to the person at the terminal"
)]
pub(crate) fn report_failure(failure: &Failure) {
    eprintln!("plumbline-collector: {}", printable(&failure.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_from_a_host_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}"), "a\u{fffd}[31mb\u{fffd}");
    }
}
