//! Progress of long work: a bar on a terminal, plain lines elsewhere.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::say;
use domain::interchange::{File, Progress};

/// Interval of progress lines where there is no bar.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Shows the progress of an import or export, on stderr.
#[derive(Debug)]
pub struct Meter {
    bar: Option<ProgressBar>,
    /// File of the last progress.
    file: Option<File>,
    /// File and per cent of the last line.
    line: Option<(File, u64)>,
    reported_at: Instant,
}

impl Meter {
    /// Creates a meter that shows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { bar: bar(), file: None, line: None, reported_at: Instant::now() }
    }

    /// Shows the progress.
    pub fn show(&mut self, progress: Progress) {
        let Progress { file, rows, done, of } = progress;
        let is_new = self.file.replace(file) != Some(file);
        match &self.bar {
            Some(bar) => {
                if is_new {
                    bar.set_message(file.name());
                }
                bar.set_length(of.max(1));
                bar.set_prefix(format!("{rows} rows"));
                bar.set_position(done.min(of));
            }
            None => {
                let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100).min(100);
                let is_complete = percent == 100 && self.line != Some((file, percent));
                if is_new || is_complete || self.reported_at.elapsed() >= PROGRESS_INTERVAL {
                    self.reported_at = Instant::now();
                    self.line = Some((file, percent));
                    say(&format!("{}: {percent} %, {rows} rows", file.name()));
                }
            }
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Returns a bar if stderr is a terminal.
fn bar() -> Option<ProgressBar> {
    io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{msg:>18} {bar:30} {percent:>3} %  {prefix}");
        ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    })
}

/// Shows the progress of a known number of items, on stderr.
#[derive(Debug)]
pub struct Bar {
    bar: Option<ProgressBar>,
    noun: &'static str,
    reported_at: Instant,
}

impl Bar {
    /// Creates a bar that shows nothing yet.
    #[must_use]
    pub fn new(noun: &'static str) -> Self {
        let bar = bar().inspect(|bar| bar.set_message(noun));
        Self { bar, noun, reported_at: Instant::now() }
    }

    /// Shows the number of finished items.
    pub fn show(&mut self, done: usize, of: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
                bar.set_prefix(format!("{done} of {of}"));
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            }
            None if self.reported_at.elapsed() >= PROGRESS_INTERVAL => {
                self.reported_at = Instant::now();
                say(&format!("{done} of {of} {}", self.noun));
            }
            None => {}
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}
