//! What is being waited for.

use std::io::{self, IsTerminal};

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

    /// A bar over so many things.
    pub(crate) fn over(count: usize) -> Self {
        Self(io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new(count.try_into().unwrap_or(u64::MAX));
            bar.enable_steady_tick(std::time::Duration::from_millis(100));
            bar
        }))
    }

    /// One more of them is done.
    pub(crate) fn one_more(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
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
