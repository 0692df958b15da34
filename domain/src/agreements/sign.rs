//! Records signatures of offers. When both parties have signed, the agreement is signed.

use ::entity::{
    agreement::Model,
    id::{AgreementId, SignatureId, StoredFileId},
    kind::{SignatureMethod, SignatureParty},
    signature,
};
use chrono::NaiveDate;

use super::{
    eligibility,
    lifecycle::{self, Transition},
    loading::{self, snapshot},
    overlap_constraint,
    signature_rules::{
        already_signed, digest, may_sign, require_day, require_document, require_unsigned,
    },
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    clock::day_of,
    config::Signatory,
    context::Context,
    error::{FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
    stored_files::{self, FileOwner},
};

/// Input for recording a signature.
#[derive(Clone, Debug)]
pub struct NewSignature {
    /// The agreement.
    pub agreement: AgreementId,
    /// The party that signed.
    pub party: SignatureParty,
    /// Name of the person who signed.
    pub name: String,
    /// Title of the person.
    pub title: Option<String>,
    /// Day of the signature.
    pub signed_on: NaiveDate,
    /// Method of signing.
    pub method: SignatureMethod,
    /// SHA-256 of the signed PDF in hexadecimal.
    pub document_sha256: String,
    /// The uploaded signed copy, if any.
    pub file_id: Option<StoredFileId>,
}

/// Records a signature. The agreement is signed on the day on which both parties have signed; its
/// predecessor ends on the day before it starts.
///
/// `signatories` are the people who may sign for the network. If there are none, the register does
/// not check who signs.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NOT_OFFERED`, `ALREADY_SIGNED`, `WITHDRAWN`, `NO_DOCUMENT`, `DOCUMENT_DIFFERS`,
/// `NOT_SIGNATORY`, `NOT_A_MEMBER`, `ACTIVITY_ENDED` or `OVERLAPS`.
pub async fn sign(
    ctx: Context<'_>,
    signatories: &[Signatory],
    new: NewSignature,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    let signed_by = errors.document_line("name", &new.name);
    let title = errors.optional_document_line("title", new.title.as_deref());
    let sha256 = digest(&new.document_sha256, &mut errors);
    let today = ctx.clock.today();
    let problem = FieldErrorCode::too_late(today, "must not be after today");
    errors.expect(new.signed_on <= today, "signed_on", problem);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::AgreementSign).await?;
    let row = loading::find(change.tx(), new.agreement).await?;
    let today = day_of(change.at());
    lifecycle::allow(Transition::Sign, &row, today)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let signed = loading::signatures(change.tx(), row.id).await?;
    require_unsigned(&row, &signed, new.party)?;
    let offered = loading::document_sha256(change.tx(), row.id).await?;
    require_document(&row, offered.as_deref(), &sha256)?;
    require_day(&row, new.signed_on)?;
    let own_title = match new.party {
        SignatureParty::Network => may_sign(signatories, &signed_by, new.signed_on)?,
        SignatureParty::Counterparty => None,
    };
    let signature = signature::Model {
        id: SignatureId::new(),
        agreement_id: row.id,
        party: new.party,
        name: signed_by,
        title: title.or(own_title),
        signed_on: new.signed_on,
        method: new.method,
        document_sha256: sha256,
    };
    audit::insert(&change, signature.clone()).await.map_err(|error| {
        error.on_constraint(
            "agreement_signature__agreement_id__party",
            already_signed(&row, &signature),
        )
    })?;
    let mut after = row;
    if let Some(other) = signed.first() {
        after.signed_on = Some(other.signed_on.max(new.signed_on));
        bring_into_force(&mut change, &after).await?;
    }
    let (id, after) = (after.id, snapshot(change.tx(), after).await?);
    change.record(Some(&before), Some(&after))?;
    if let Some(file) = new.file_id {
        let owner = FileOwner::Signature(signature.id, id);
        stored_files::attach::attach(ctx, &mut change, file, owner).await?;
    }
    change
        .commit_with(Outcome::of(id).with(signature.id))
        .await
        .map_err(overlap_constraint::describe)
}

/// Stores an agreement that both parties have signed, and the day on which it replaces its
/// predecessor.
async fn bring_into_force(change: &mut Change, row: &Model) -> Result<()> {
    eligibility::require_days(row, &loading::eligibility_facts(change.tx(), row).await?)?;
    loading::refuse_overlap(change.tx(), row).await?;
    if let Some(replaced) = row.replaces_id {
        let before = snapshot(change.tx(), loading::find(change.tx(), replaced).await?).await?;
        let after = Model {
            replaced_from: Some(row.starts_on),
            ..loading::find(change.tx(), replaced).await?
        };
        // First, because the predecessor must end before its successor can be in force.
        audit::replace(change, after.clone()).await?;
        let after = snapshot(change.tx(), after).await?;
        change.record(Some(&before), Some(&after))?;
    }
    audit::replace(change, row.clone()).await.map_err(overlap_constraint::describe)
}
