//! Sets documents: a layout of ours in Typst's language and the data of one document give an
//! accessible PDF for the archive.
//!
//! The PDF is PDF/A-3a and PDF/UA-1 at once: tagged, with its fonts in it. The same document gives
//! the same bytes, always: there is no clock, no chance, no file and no package within reach of a
//! layout. Data is data: no text in it is ever read as Typst's language.

mod fonts;
mod joints;
mod legible;
mod one_thread;
mod plain_text;
mod time_limit;
mod visibility;
mod world;

pub use legible::{MISSING, is_hidden, missing, unsettable};
pub use time_limit::CLOCK_FACTOR;
pub use visibility::{MAX_MARKS, count_marks, shows_nothing, stacks_marks};

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::LazyLock,
    time::Duration,
};

use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};
use time_limit::TimeLimit;
use typst::{WorldExt, diag::SourceDiagnostic};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};
use world::{Desk, OutOfTime};

/// A document to set.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// Its layout, in Typst's language. It reads what it sets with `json("data.json")`; there are
    /// no other files.
    pub layout: &'static str,
    /// What it says. Any text will do: what the fonts lack is set as «□».
    pub data: Value,
    /// What readers show as its title. Not empty, or it is no PDF/UA.
    pub title: &'a str,
    /// Its language, as BCP 47 has it: `sv`, `en-GB`.
    pub language: &'a str,
    /// The day it was made, as its metadata has it.
    pub dated: NaiveDate,
    /// What it carries.
    pub attachments: &'a [Attachment],
    /// Limit of processor time for setting it; `None`: no limit. Where that can't be measured it is
    /// time by the clock, of which the document may otherwise take [`CLOCK_FACTOR`] times as much.
    pub time_limit: Option<Duration>,
}

/// A file within a document.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its name, as `2026-0001.xml`; no two in a document have the same.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Its type, as `application/xml`.
    pub mime: String,
    /// What it is to the document.
    pub relationship: Relationship,
    /// What it is, for people.
    pub description: String,
}

/// What an attachment is to its document (`AFRelationship` of PDF/A-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// The document was made from it.
    Source,
    /// What the document shows as a picture or a table.
    Data,
    /// The same as the document in another form, as an e-invoice is.
    Alternative,
    /// More than the document says.
    Supplement,
}

impl Relationship {
    /// Typst's word.
    const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Data => "data",
            Self::Alternative => "alternative",
            Self::Supplement => "supplement",
        }
    }
}

/// The reason why a document could not be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The layout is faulty, or does not fit the data.
    Layout {
        /// Messages of Typst, each with its file and line.
        messages: Vec<String>,
    },
    /// Setting it took more than its time limit.
    TimedOut,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout { messages } => f.write_str(&messages.join("; ")),
            Self::TimedOut => f.write_str("setting the document took more time than its limit"),
        }
    }
}

impl std::error::Error for Error {}

/// The document as a PDF. It takes some tens of milliseconds of one core: call it where that
/// disturbs nobody.
///
/// It runs on the calling thread alone, whose stack must be large: Typst lays out by recursion.
///
/// Typst can't be cancelled. But it asks for a font each time that it shapes text, and a document
/// that is out of time is unwound there, so the time limit holds unless a single step takes long:
/// callers also bound the size of what they set.
///
/// # Errors
/// [`Error::Layout`] when the layout is faulty or doesn't fit the data, [`Error::TimedOut`] when it
/// takes too long.
pub fn pdf(document: Document<'_>) -> Result<Vec<u8>, Error> {
    let Document { layout, mut data, title, language, dated, attachments, time_limit } = document;
    let limit = time_limit.map(TimeLimit::start);
    one_thread::stay();
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
    // Names stay as they are: programs look for them.
    about["attachments"] = attachments.iter().map(described).collect();
    let desk = Desk::new(layout, &about, &data, attachments, limit);
    let set = catch_unwind(AssertUnwindSafe(|| {
        let document = typst::compile::<PagedDocument>(&desk).output?;
        desk.check_time();
        typst_pdf::pdf(&plain_text::of(&document), &OPTIONS)
    }));
    // What Typst remembers of a document is of no use for the next, and grows without end.
    typst::comemo::evict(0);
    match set {
        Ok(set) => set.map_err(|errors| Error::Layout {
            messages: errors.iter().map(|error| message(&desk, error)).collect(),
        }),
        Err(cause) if cause.is::<OutOfTime>() => Err(Error::TimedOut),
        Err(cause) => resume_unwind(cause),
    }
}

fn described(file: &Attachment) -> Value {
    let Attachment { name, bytes: _, mime, relationship, description } = file;
    json!({ "name": name, "mime": mime, "relationship": relationship.name(), "description": description })
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

/// The fault as `layout.typ:12: what (what to do)`.
fn message(desk: &Desk, error: &SourceDiagnostic) -> String {
    let position = error.span.id().map_or_else(String::new, |id| {
        let source = typst::World::source(desk, id).ok();
        let line = source
            .zip(desk.range(error.span))
            .and_then(|(source, range)| source.lines().byte_to_line(range.start));
        format!("{}:{}: ", id.vpath().get_without_slash(), line.map_or(0, |line| line + 1))
    });
    let hints: Vec<&str> = error.hints.iter().map(|hint| hint.v.as_str()).collect();
    let hints = if hints.is_empty() { String::new() } else { format!(" ({})", hints.join("; ")) };
    format!("{position}{}{hints}", error.message)
}
