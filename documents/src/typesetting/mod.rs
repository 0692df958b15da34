//! Typesets documents: a layout in Typst's language and the data of one document result in an
//! accessible PDF for the archive.
//!
//! The PDF is both PDF/A-3a and PDF/UA-1: tagged, with embedded fonts. The same document always
//! gives the same bytes: a layout has no access to a clock, random numbers, files or packages. Data
//! is only data: no text in it is ever run as Typst's language.

mod attachment;
mod fonts;
mod joints;
mod legible;
mod one_thread;
mod plain_text;
mod time_limit;
mod visibility;
mod world;

pub use self::{
    attachment::{Attachment, Relationship},
    legible::{MISSING, is_hidden, missing, unsettable},
    time_limit::CLOCK_FACTOR,
    visibility::{MAX_MARKS, count_marks, shows_nothing, stacks_marks},
};

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::LazyLock,
    time::Duration,
};

use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};
use typst::{WorldExt, diag::SourceDiagnostic};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use self::{
    attachment::described,
    time_limit::TimeLimit,
    world::{DocumentWorld, OutOfTime},
};

/// A document to typeset.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// Its layout, in Typst's language. It reads its data with `json("data.json")`; there are no
    /// other files.
    pub layout: &'static str,
    /// Its data. Any text is accepted: «□» replaces characters that the fonts lack.
    pub data: Value,
    /// Title that readers show. Must not be empty, which PDF/UA does not allow.
    pub title: &'a str,
    /// Its language as a BCP 47 tag: `sv`, `en-GB`.
    pub language: &'a str,
    /// Date of the document in its metadata.
    pub dated: NaiveDate,
    /// Embedded files.
    pub attachments: &'a [Attachment],
    /// Limit of processor time for typesetting; `None`: no limit. If processor time can't be
    /// measured, wall-clock time counts; else the document may take [`CLOCK_FACTOR`] times as much
    /// wall-clock time.
    pub time_limit: Option<Duration>,
}

/// Reason why a document could not be typeset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The layout is faulty, or does not fit the data.
    #[error("{}", .messages.join("; "))]
    Layout {
        /// Messages of Typst, each with its file and line.
        messages: Vec<String>,
    },
    /// Typesetting exceeded the time limit.
    #[error("setting the document took more time than its limit")]
    TimedOut,
}

/// Typesets the document as a PDF. It takes some tens of milliseconds of one core: do not call it
/// on a thread that serves requests.
///
/// It runs on the calling thread only, whose stack must be large: Typst lays out by recursion.
///
/// Typst can't be cancelled. But it requests a font each time that it shapes text, and a document
/// beyond its time limit is unwound there. The time limit therefore holds unless a single step
/// takes long: callers also limit the size of documents.
///
/// # Errors
/// [`Error::Layout`] if the layout is faulty or doesn't fit the data, [`Error::TimedOut`] if it
/// takes too long.
pub fn pdf(document: Document<'_>) -> Result<Vec<u8>, Error> {
    let Document { layout, mut data, title, language, dated, attachments, time_limit } = document;
    let limit = time_limit.map(TimeLimit::start);
    one_thread::pin();
    legible::make(&mut data);
    let (language, region) = language
        .split_once('-')
        .map_or((language, None), |(language, region)| (language, Some(region)));
    let mut about = json!({
        "title": title,
        "language": language,
        "region": region,
        "dated": { "year": dated.year(), "month": dated.month(), "day": dated.day() },
    });
    legible::make_unbroken(&mut about);
    // Names are unchanged: programs look for them.
    about["attachments"] = attachments.iter().map(described).collect();
    let world = DocumentWorld::new(layout, &about, &data, attachments, limit);
    let set = catch_unwind(AssertUnwindSafe(|| {
        let document = typst::compile::<PagedDocument>(&world).output?;
        world.check_time();
        typst_pdf::pdf(&plain_text::of(&document), &OPTIONS)
    }));
    // Typst's cache of a document is of no use for the next one, and grows without limit.
    typst::comemo::evict(0);
    match set {
        Ok(set) => set.map_err(|errors| Error::Layout {
            messages: errors.iter().map(|error| message(&world, error)).collect(),
        }),
        Err(cause) if cause.is::<OutOfTime>() => Err(Error::TimedOut),
        Err(cause) => resume_unwind(cause),
    }
}

#[expect(
    clippy::expect_used,
    reason = "which standards go together is known when this is written, and tested"
)]
static OPTIONS: LazyLock<PdfOptions> = LazyLock::new(|| PdfOptions {
    standards: PdfStandards::new(&[PdfStandard::A_3a, PdfStandard::Ua_1])
        .expect("the two standards go together"),
    ..PdfOptions::default()
});

/// Formats an error as `layout.typ:12: message (hints)`.
fn message(world: &DocumentWorld, error: &SourceDiagnostic) -> String {
    let position = error.span.id().map_or_else(String::new, |id| {
        let source = typst::World::source(world, id).ok();
        let line = source
            .zip(world.range(error.span))
            .and_then(|(source, range)| source.lines().byte_to_line(range.start));
        format!("{}:{}: ", id.vpath().get_without_slash(), line.map_or(0, |line| line + 1))
    });
    let hints: Vec<&str> = error.hints.iter().map(|hint| hint.v.as_str()).collect();
    let hints = if hints.is_empty() { String::new() } else { format!(" ({})", hints.join("; ")) };
    format!("{position}{}{hints}", error.message)
}
