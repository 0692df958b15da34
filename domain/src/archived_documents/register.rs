//! Registers documents in the archive.

use ::entity::{
    archived_document::Model,
    id::{ArchivedDocumentId, StoredFileId},
    kind::ArchivedDocumentKind,
};
use chrono::{Datelike, NaiveDate};

use super::{attachment::Attachment, numbers};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    stored_files::{self, FileOwner},
};

/// Language of a document that states none.
pub const SWEDISH: &str = "sv";

/// Input of a new document.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// The uploaded file.
    pub file_id: StoredFileId,
    /// Kind of document.
    pub kind: ArchivedDocumentKind,
    /// Title.
    pub title: String,
    /// Language, as `sv`; null: Swedish.
    pub language: Option<String>,
    /// Day on which it was received, made or signed.
    pub dated_on: NaiveDate,
    /// The object that it is attached to; null: none, it is the network's own.
    pub attached_to: Option<Attachment>,
}

/// Returns `true` for a registry number of the year of the registration.
pub(crate) fn is_number(number: &str, registered_on: NaiveDate) -> bool {
    numbers::parse(number).is_some_and(|(year, _)| year == registered_on.year())
}

/// Returns the language of a document, and adds an error for a text that is no language code.
pub(crate) fn language(text: Option<&str>, errors: &mut ValidationErrors) -> String {
    let code = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(SWEDISH);
    let is_code = (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase());
    let problem = FieldErrorCode::InvalidValue
        .problem("must be a language code of two or three small letters, as sv");
    errors.expect(is_code, "language", problem);
    code.to_owned()
}

/// Registers a document with the next number of the year. Its file becomes the first version.
/// `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND for the object that it is attached to,
/// INVALID naming every bad field.
pub async fn register(
    ctx: Context<'_>,
    new: NewDocument,
    mut errors: ValidationErrors,
) -> Result<ArchivedDocumentId> {
    ctx.require(Permission::ManageRegister)?;
    let title = errors.text("title", &new.title, LINE);
    let language = language(new.language.as_deref(), &mut errors);
    let today = ctx.clock.today();
    let problem = FieldErrorCode::too_late(today, "must not be after today");
    errors.expect(new.dated_on <= today, "dated_on", problem);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::ArchivedDocumentRegister).await?;
    if let Some(attached_to) = new.attached_to {
        attached_to.require(change.tx()).await?;
    }
    let registered_on = day_of(change.at());
    let row = Model {
        id: ArchivedDocumentId::new(),
        number: numbers::next(change.tx(), registered_on.year()).await?,
        kind: new.kind,
        title,
        language,
        dated_on: new.dated_on,
        registered_on,
        versions: 1,
        ..Model::default()
    };
    let row = match new.attached_to {
        Some(attached_to) => attached_to.attach(row),
        None => row,
    };
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    let owner = FileOwner::Document(row.id, row.versions);
    stored_files::attach::attach(ctx, &mut change, new.file_id, owner).await?;
    change.commit_with(Outcome::of(row.id)).await?;
    Ok(row.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_code() {
        for (text, expected) in [
            (None, Some("sv")),
            (Some(" "), Some("sv")),
            (Some(" en "), Some("en")),
            (Some("smj"), Some("smj")),
            (Some("svenska"), None),
            (Some("SV"), None),
            (Some("s"), None),
        ] {
            let mut errors = ValidationErrors::default();
            let read = language(text, &mut errors);
            assert_eq!(errors.is_empty().then_some(read.as_str()), expected, "{text:?}");
        }
    }
}
