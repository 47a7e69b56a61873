//! Printing: a table for people, JSON for programs, one sentence for what could not be done.

use std::error::Error;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use plumbline_config::finding::{Severity, Status};
use plumbline_config::lang::Lang;
use plumbline_config::message::text;
use serde::Serialize;

/// Width of a table where no terminal tells its own.
const DEFAULT_WIDTH: u16 = 120;

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people
    Table,
    /// JSON for programs
    Json,
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
    pub(crate) const fn new(format: Format, lang: Lang) -> Self {
        Self { format, lang }
    }

    /// Prints `value` as JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.write(|out| {
            serde_json::to_writer_pretty(&mut *out, value)?;
            writeln!(out)
        })
    }

    /// Prints `value` as one line of JSON.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.write(|out| {
            serde_json::to_writer(&mut *out, value)?;
            writeln!(out)
        })
    }

    /// Prints rows under headings, as wide as the terminal.
    pub(crate) fn table<const N: usize>(
        &self,
        headings: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Result<(), Failure> {
        let width = terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| width.0);
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width)
            .set_header(headings);
        for row in rows {
            table.add_row(row.map(|cell| printable(&cell)));
        }
        self.line(&table.to_string())
    }

    /// The word for a status in the reader's language.
    pub(crate) fn status(&self, status: Status) -> String {
        text(self.lang, status.key())
    }

    /// The word for a severity in the reader's language.
    pub(crate) fn severity(&self, severity: Severity) -> String {
        text(self.lang, severity.key())
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
    eprintln!("plumbline-agent: {}", printable(&failure.to_string()));
}

/// A spinner on standard error that tells what is being waited for; silent where standard error is no terminal.
pub(crate) struct Progress(Option<indicatif::ProgressBar>);

impl Progress {
    pub(crate) fn start() -> Self {
        Self(io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new_spinner();
            bar.enable_steady_tick(std::time::Duration::from_millis(100));
            bar
        }))
    }

    pub(crate) fn say(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_from_a_host_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}"), "a\u{fffd}[31mb\u{fffd}");
    }
}
