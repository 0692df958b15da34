//! Intake of scanned contracts: files whose names begin with the number or the key of an agreement.

use std::collections::HashSet;

use ::entity::{
    agreement, archived_document, id::AgreementId, kind::ArchivedDocumentKind, stored_file,
};
use chrono::NaiveDate;
use documents::sha256;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{
    attachment::Attachment,
    by_ids,
    register::{self, NewDocument},
};
use crate::{
    auth::viewer::Permission,
    context::Context,
    error::{Result, ValidationErrors},
    stored_files::{
        self,
        uploads::{self, NewFile},
    },
};

/// Media type of the files that are taken.
const PDF: &str = "application/pdf";

/// An agreement that files can belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The agreement.
    pub id: AgreementId,
    /// Its number.
    pub number: String,
    /// Its number and its key, in small letters.
    names: Vec<String>,
    /// Day on which it was signed; its first day if that is not known.
    dated_on: NaiveDate,
}

/// The agreement of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// The file is named after this agreement.
    One(&'a Candidate),
    /// It is named after no agreement.
    None,
    /// It is named after several agreements.
    Several,
}

/// The result of taking in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was registered with this number.
    Registered(String),
    /// It will be registered.
    Planned,
    /// An equal file will be registered before it.
    PlannedBefore,
    /// The archive has it already, with this number.
    Known(String),
    /// It is no PDF.
    NotPdf,
}

/// Returns the agreements that have a number.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`.
pub async fn candidates(ctx: Context<'_>) -> Result<Vec<Candidate>> {
    ctx.require(Permission::ManageRegister)?;
    let found = agreement::Entity::find()
        .filter(agreement::Column::Number.is_not_null())
        .all(ctx.db.read())
        .await?;
    let candidate = |row: agreement::Model| {
        let number = row.number?;
        let names = [Some(number.as_str()), row.import_key.as_deref()];
        Some(Candidate {
            id: row.id,
            names: names.into_iter().flatten().map(folded).collect(),
            dated_on: row.signed_on.unwrap_or(row.starts_on),
            number,
        })
    };
    Ok(found.into_iter().filter_map(candidate).collect())
}

/// Returns the agreement that a file is named after: its name without the ending is the number or
/// the key, or begins with it before a character that is no letter or digit. The longest name
/// counts.
#[must_use]
pub fn matching<'a>(candidates: &'a [Candidate], file_name: &str) -> Match<'a> {
    let name = folded(file_name);
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let length = |candidate: &Candidate| {
        let own = candidate.names.iter().filter(|own| is_named_after(stem, own));
        own.map(String::len).max().unwrap_or_default()
    };
    let longest = candidates.iter().map(length).max().unwrap_or_default();
    if longest == 0 {
        return Match::None;
    }
    let mut found = candidates.iter().filter(|candidate| length(candidate) == longest);
    match (found.next(), found.next()) {
        (Some(one), None) => Match::One(one),
        _ => Match::Several,
    }
}

/// Returns a name in small letters, in the composed form: some systems write å as an a with a ring.
fn folded(name: &str) -> String {
    name.nfc().collect::<String>().to_lowercase()
}

/// Returns `true` if a file's name begins with the name, and no letter, mark or digit follows.
fn is_named_after(stem: &str, name: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || is_combining_mark(char);
    stem.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_part))
}

/// The files that a dry run has planned to register: their agreements and their SHA-256.
pub type Plan = HashSet<(AgreementId, String)>;

/// Registers a scanned contract of an agreement, unless its bytes are in the archive already. A dry
/// run has a plan, to which the file is added; nothing is changed then.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, INVALID for a name that no file may have.
pub async fn take(
    ctx: Context<'_>,
    candidate: &Candidate,
    file: NewFile,
    plan: Option<&mut Plan>,
) -> Result<Taken> {
    ctx.require(Permission::ManageRegister)?;
    if stored_files::media_type(&file.bytes, Some(PDF)).is_err() {
        return Ok(Taken::NotPdf);
    }
    let digest = sha256(&file.bytes);
    if let Some(number) = known(ctx, candidate.id, &digest).await? {
        return Ok(Taken::Known(number));
    }
    if let Some(plan) = plan {
        if plan.contains(&(candidate.id, digest.clone())) {
            return Ok(Taken::PlannedBefore);
        }
        uploads::check(&file)?;
        plan.insert((candidate.id, digest));
        return Ok(Taken::Planned);
    }
    let uploaded = uploads::upload(ctx, file).await?;
    let new = NewDocument {
        file_id: uploaded.id,
        kind: ArchivedDocumentKind::SignedContract,
        title: format!("Undertecknat avtal {}", candidate.number),
        language: None,
        dated_on: candidate.dated_on.min(ctx.clock.today()),
        attached_to: Some(Attachment::Agreement(candidate.id)),
    };
    let id = register::register(ctx, new, ValidationErrors::default()).await?;
    let columns = [archived_document::Column::Number];
    let registered = by_ids(ctx, &[id], &columns).await?.pop();
    Ok(Taken::Registered(registered.map(|row| row.number).unwrap_or_default()))
}

/// Returns the number of the document of an agreement that has a file with this SHA-256.
async fn known(ctx: Context<'_>, agreement: AgreementId, digest: &str) -> Result<Option<String>> {
    let files = stored_file::Entity::find()
        .filter(stored_file::Column::Sha256.eq(digest))
        .filter(stored_file::Column::ArchivedDocumentId.is_not_null())
        .all(ctx.db.read())
        .await?;
    let ids: Vec<_> = files.iter().filter_map(|file| file.archived_document_id).collect();
    let columns = [archived_document::Column::Number, archived_document::Column::AgreementId];
    let found = by_ids(ctx, &ids, &columns).await?.into_iter();
    Ok(found.filter(|row| row.agreement_id == Some(agreement)).map(|row| row.number).min())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_the_number_or_the_key_of_an_agreement() {
        let candidate = |number: &str, key: &str| Candidate {
            id: AgreementId::new(),
            number: number.to_owned(),
            names: vec![number.to_lowercase(), key.to_lowercase()],
            dated_on: NaiveDate::default(),
        };
        let candidates = [
            candidate("2020-0001", "avtal-1"),
            candidate("2020-0002", "avtal-1-bilaga"),
            candidate("2020-0003", "dubbel"),
            candidate("2020-0004", "Dubbel"),
            candidate("2020-0005", "ind-a"),
            candidate("2020-0006", "ind-åland"),
        ];
        for (name, expected) in [
            ("2020-0001.pdf", Some(0)),
            ("2020-0001 Gotland, undertecknat.PDF", Some(0)),
            ("AVTAL-1_skannad.pdf", Some(0)),
            ("avtal-1-bilaga.pdf", Some(1)),
            ("2020-00011.pdf", None),
            ("avtal-12.pdf", None),
            ("2020.pdf", None),
            (".pdf", None),
            ("ind-a.pdf", Some(4)),
            ("ind-åland.pdf", Some(5)),
            // As macOS writes it.
            ("ind-a\u{30a}land skannat.pdf", Some(5)),
            ("ind-a\u{30a}.pdf", None),
            ("ind-a\u{20dd}.pdf", None),
        ] {
            let expected = expected.map_or(Match::None, |at: usize| Match::One(&candidates[at]));
            assert_eq!(matching(&candidates, name), expected, "{name}");
        }
        assert_eq!(matching(&candidates, "dubbel.pdf"), Match::Several);
    }
}
