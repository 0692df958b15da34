//! The environment of a layout: itself, its data, its attachments and the fonts; no files, packages
//! or date.

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

use super::{attachment::Attachment, fonts, time_limit::TimeLimit};

/// Typst's library, with its functions for accessible tables: headers of rows. Created only one
/// time, because that takes as long as typesetting a page.
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| {
    LazyHash::new(
        Library::builder().with_features([Feature::A11yExtras].into_iter().collect()).build(),
    )
});

/// State while one document is typeset.
pub struct DocumentWorld {
    main: Source,
    layout: Source,
    files: Vec<(FileId, Bytes)>,
    limit: Option<TimeLimit>,
}

/// Payload of the panic that ends a document beyond its time limit.
pub struct OutOfTime;

impl DocumentWorld {
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
        let data_files = [("about.json", about), ("data.json", data)]
            .map(|(path, value)| (file_id(path), Bytes::from_string(value.to_string())));
        Self {
            main: Source::new(file_id("main.typ"), include_str!("main.typ").into()),
            layout: Source::new(file_id("layout.typ"), layout.into()),
            files: data_files.into_iter().chain(attached).collect(),
            limit,
        }
    }

    /// Unwinds to the caller that began the document when its time limit is exceeded. No panic hook
    /// runs, because it is no failure.
    pub fn check_time(&self) {
        if self.limit.as_ref().is_some_and(TimeLimit::is_exceeded) {
            resume_unwind(Box::new(OutOfTime));
        }
    }
}

/// Returns the id of a path. Typst stores every path forever, so there must be few.
#[expect(clippy::expect_used, reason = "the paths are ours and stay within the root")]
fn file_id(path: &str) -> FileId {
    RootedPath::new(VirtualRoot::Project, VirtualPath::new(path).expect("a path within the root"))
        .intern()
}

fn not_found(id: FileId) -> FileError {
    FileError::NotFound(id.vpath().get_without_slash().into())
}

impl World for DocumentWorld {
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
