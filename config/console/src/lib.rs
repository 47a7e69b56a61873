//! How the programs speak to the person at the terminal, and to the script that runs them: a table for people, JSON for
//! programs, one sentence for what could not be done, and exit codes: 0 done and nothing fails, 1 done and something
//! fails, 2 could not do it.

use std::error::Error;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use plumbline_config::finding::{Severity, Status};
use plumbline_config::lang::Lang;
use plumbline_config::message::text;
use serde::Serialize;

/// Width of a table where no terminal tells its own.
const DEFAULT_WIDTH: u16 = 120;

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

/// What a command that could be done came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing fails.
    Clean,
    /// Something fails.
    Failing,
}

impl Format {
    /// The format asked for by name; otherwise a table on a terminal and JSON elsewhere.
    pub fn asked(name: Option<&str>) -> Result<Self, Failure> {
        match name {
            Some("table") => Ok(Self::Table),
            Some("json") => Ok(Self::Json),
            Some(other) => Err(Failure::new(format!(
                "unknown format `{other}`; use table or json"
            ))),
            None if io::stdout().is_terminal() => Ok(Self::Table),
            None => Ok(Self::Json),
        }
    }
}

/// Why a command could not be done, as one sentence with the mend. Made from any error by `?`.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure in these words.
    pub fn new(sentence: impl Into<String>) -> Self {
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
pub struct Output {
    /// How.
    pub format: Format,
    /// In which language.
    pub lang: Lang,
}

impl Output {
    /// Output in this format and language.
    #[must_use]
    pub const fn new(format: Format, lang: Lang) -> Self {
        Self { format, lang }
    }

    /// Prints `value` as JSON.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.write(|out| {
            serde_json::to_writer_pretty(&mut *out, value)?;
            writeln!(out)
        })
    }

    /// Prints `value` as one line of JSON.
    pub fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.write(|out| {
            serde_json::to_writer(&mut *out, value)?;
            writeln!(out)
        })
    }

    /// Prints rows under headings, as wide as the terminal.
    pub fn table<const N: usize>(
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

    /// Prints rows under headings that are keys of the message files.
    pub fn table_under<const N: usize>(
        &self,
        keys: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Result<(), Failure> {
        let headings = keys.map(|key| self.text(key));
        self.table(headings.each_ref().map(String::as_str), rows)
    }

    /// The text under a key in the reader's language.
    #[must_use]
    pub fn text(&self, key: &'static str) -> String {
        text(self.lang, key)
    }

    /// The word for a status in the reader's language.
    pub fn status(&self, status: Status) -> String {
        text(self.lang, status.key())
    }

    /// The word for a severity in the reader's language.
    pub fn severity(&self, severity: Severity) -> String {
        text(self.lang, severity.key())
    }

    /// Prints one line of text.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
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

/// Ends a program: the exit code for what it came to; why it could not be done goes to standard error, after its name.
#[expect(
    clippy::print_stderr,
    reason = "the one place that speaks to the person at the terminal"
)]
pub fn end(program: &str, result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Failing) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("{program}: {}", printable(&failure.to_string()));
            ExitCode::from(2)
        }
    }
}

/// Reads the process's own arguments; for help and version, and for what can't be read, prints that and gives the exit
/// code to end with.
pub fn parse<C: clap::Parser>() -> Result<C, ExitCode> {
    C::try_parse().map_err(|error| {
        // Nothing is left to tell a caller whose output is closed.
        let _closed = error.print();
        if error.use_stderr() {
            ExitCode::from(2)
        } else {
            ExitCode::SUCCESS
        }
    })
}

/// The language of the first locale variable that is set, in the order of locale(7).
#[must_use]
pub fn lang_of_environment() -> Lang {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
    Lang::from_locale(&locale.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_from_a_host_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}"), "a\u{fffd}[31mb\u{fffd}");
    }
}
