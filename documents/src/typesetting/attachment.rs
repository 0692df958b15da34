//! Files embedded in a document.

use serde_json::{Value, json};

/// A file embedded in a document.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its name, as `2026-0001.xml`; unique in a document.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its media type, as `application/xml`.
    pub mime: String,
    /// Relationship to the document.
    pub relationship: Relationship,
    /// Description for people.
    pub description: String,
}

/// Relationship of an attachment to its document (`AFRelationship` of PDF/A-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// The source from which the document was made.
    Source,
    /// Data that the document shows as a chart or a table.
    Data,
    /// The same content in another format, as an e-invoice.
    Alternative,
    /// Supplementary content.
    Supplement,
}

impl Relationship {
    /// Returns Typst's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Data => "data",
            Self::Alternative => "alternative",
            Self::Supplement => "supplement",
        }
    }
}

/// Returns the description of a file as data of the layout.
pub(super) fn described(file: &Attachment) -> Value {
    let Attachment { name, bytes: _, mime, relationship, description } = file;
    json!({ "name": name, "mime": mime, "relationship": relationship.name(), "description": description })
}
