//! What a layout sees of the world: itself, its data, its attachments and the fonts; neither files
//! nor packages nor the day.

use std::{panic::resume_unwind, sync::LazyLock};

use serde_json::Value;
use typst::{
    Feature, Library, LibraryExt, World,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};

use crate::{Attachment, fonts, time_limit::TimeLimit};

/// Typst's functions, with those for tables that are read aloud: headers of rows. Made once, since
/// that takes as long as setting a page.
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| {
    LazyHash::new(
        Library::builder().with_features([Feature::A11yExtras].into_iter().collect()).build(),
    )
});

/// What is known while one document is set.
pub struct Desk {
    main: Source,
    layout: Source,
    files: Vec<(FileId, Bytes)>,
    limit: Option<TimeLimit>,
}

/// The payload of the panic that ends a document which is out of time.
pub struct OutOfTime;

impl Desk {
    pub fn new(
        layout: &'static str,
        about: &Value,
        data: &Value,
        attachments: &[Attachment],
        limit: Option<TimeLimit>,
    ) -> Self {
        let attached = attachments.iter().enumerate().map(|(position, file)| {
            (file_id(&format!("attachments/{position}")), Bytes::new(file.bytes.clone()))
        });
        let given = [("about.json", about), ("data.json", data)]
            .map(|(path, value)| (file_id(path), Bytes::from_string(value.to_string())));
        Self {
            main: Source::new(file_id("main.typ"), include_str!("main.typ").into()),
            layout: Source::new(file_id("layout.typ"), layout.into()),
            files: given.into_iter().chain(attached).collect(),
            limit,
        }
    }

    /// Unwinds to the caller that began the document when its time is over. It is no failure, so no
    /// panic hook runs.
    pub fn check_time(&self) {
        if self.limit.as_ref().is_some_and(TimeLimit::is_exceeded) {
            resume_unwind(Box::new(OutOfTime));
        }
    }
}

/// Typst keeps every path it has seen for ever, so that these must be few.
#[expect(clippy::expect_used, reason = "the paths are ours and stay within the root")]
fn file_id(path: &str) -> FileId {
    RootedPath::new(VirtualRoot::Project, VirtualPath::new(path).expect("a path within the root"))
        .intern()
}

fn not_found(id: FileId) -> FileError {
    FileError::NotFound(id.vpath().get_without_slash().into())
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &fonts::BOOK
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        [&self.main, &self.layout]
            .into_iter()
            .find(|source| source.id() == id)
            .cloned()
            .ok_or_else(|| not_found(id))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, bytes)| bytes.clone())
            .ok_or_else(|| not_found(id))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.check_time();
        fonts::FACES.get(index).cloned()
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}
