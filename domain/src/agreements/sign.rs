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
    lifecycle::{self, Transition, name, snapshot},
    overlaps,
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    clock::day_of,
    config::Signatory,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
    stored_files::{self, FileOwner},
    swedish,
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
    let problem = FieldErrorCode::TooLate.problem("must not be after today");
    errors.expect(new.signed_on <= ctx.clock.today(), "signed_on", problem);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::AgreementSign).await?;
    let row = lifecycle::find(change.tx(), new.agreement).await?;
    let today = day_of(change.at());
    lifecycle::allow(Transition::Sign, &row, today)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let signed = lifecycle::signatures(change.tx(), row.id).await?;
    if let Some(earlier) = signed.iter().find(|signature| signature.party == new.party) {
        return Err(already_signed(&row, earlier));
    }
    let Some(offered) = lifecycle::document_sha256(change.tx(), row.id).await? else {
        let message = format!(
            "the register has no text of {}; withdraw it, and draft and offer it here",
            name(&row)
        );
        return Err(Error::conflict(ConflictReason::NoDocument, message));
    };
    if sha256 != offered {
        let message = format!(
            "the signed document is not the one offered as {}, whose SHA-256 is {offered}",
            name(&row)
        );
        return Err(Error::conflict(ConflictReason::DocumentDiffers, message));
    }
    if let Some(offered_on) =
        row.offered_at.map(day_of).filter(|offered_on| new.signed_on < *offered_on)
    {
        let message = format!("must not be before {offered_on}, when it was offered");
        let problem = FieldErrorCode::TooEarly.problem(message).with("min", offered_on);
        return Err(Error::invalid("signed_on", problem));
    }
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
        stored_files::attach(&mut change, ctx.viewer, file, owner).await?;
    }
    change.commit_with(Outcome::of(id).with(signature.id)).await.map_err(overlaps::describe)
}

/// Returns the SHA-256 of the document in lower case, or adds an error.
fn digest(text: &str, errors: &mut ValidationErrors) -> String {
    let digest = text.trim().to_lowercase();
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let problem = FieldErrorCode::NotADigest
        .problem("is not a SHA-256 in hexadecimal; give that of the agreement's document");
    errors.expect(is_digest, "document_sha256", problem);
    digest
}

/// Stores an agreement that both parties have signed, and the day on which it replaces its
/// predecessor.
async fn bring_into_force(change: &mut Change, row: &Model) -> Result<()> {
    eligibility::require_days(change.tx(), row).await?;
    overlaps::refuse(change.tx(), row).await?;
    if let Some(replaced) = row.replaces_id {
        let before = snapshot(change.tx(), lifecycle::find(change.tx(), replaced).await?).await?;
        let after = Model {
            replaced_from: Some(row.starts_on),
            ..lifecycle::find(change.tx(), replaced).await?
        };
        // First, because the predecessor must end before its successor can be in force.
        audit::replace(change, after.clone()).await?;
        let after = snapshot(change.tx(), after).await?;
        change.record(Some(&before), Some(&after))?;
    }
    audit::replace(change, row.clone()).await.map_err(overlaps::describe)
}

fn already_signed(row: &Model, earlier: &signature::Model) -> Error {
    let side = match earlier.party {
        SignatureParty::Network => "the network",
        SignatureParty::Counterparty => "the counterparty",
    };
    Error::conflict(
        ConflictReason::AlreadySigned,
        format!("{} signed {} for {side} on {}", earlier.name, name(row), earlier.signed_on),
    )
}

/// Returns the title with which a person may sign for the network on a day.
///
/// # Errors
/// CONFLICT `NOT_SIGNATORY` with the people who may sign, or the days on which this person may.
fn may_sign(signatories: &[Signatory], name: &str, on: NaiveDate) -> Result<Option<String>> {
    let is_in_order = |signatory: &&Signatory| {
        signatory.from.is_none_or(|from| from <= on) && signatory.to.is_none_or(|to| on <= to)
    };
    let own: Vec<_> = signatories
        .iter()
        .filter(|signatory| swedish::key(&signatory.name) == swedish::key(name))
        .collect();
    if let Some(signatory) = own.iter().copied().find(is_in_order) {
        return Ok(signatory.title.clone());
    }
    if signatories.is_empty() {
        return Ok(None);
    }
    let days = |signatory: &&Signatory| {
        let from = signatory.from.map(|day| format!("from {day}"));
        let to = signatory.to.map(|day| format!("to {day}"));
        from.into_iter().chain(to).collect::<Vec<_>>().join(" ")
    };
    let message = if own.is_empty() {
        let names: Vec<_> = signatories
            .iter()
            .filter(is_in_order)
            .map(|signatory| signatory.name.as_str())
            .collect();
        let others = if names.is_empty() {
            "no one may".to_owned()
        } else {
            format!("the signatories are {}", names.join(", "))
        };
        format!(
            "{name} may not sign for the network; on {on} {others}: see [[network.signatories]] in the settings"
        )
    } else {
        format!(
            "{name} may sign for the network {}, not on {on}",
            own.iter().map(days).collect::<Vec<_>>().join(" and ")
        )
    };
    Err(Error::conflict(ConflictReason::NotSignatory, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatories_may_sign_within_their_days() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let ada = Signatory {
            name: "Ada Ås".into(),
            title: Some("Ordförande".into()),
            from: Some(day("2026-01-01")),
            to: Some(day("2026-06-30")),
        };
        let again = Signatory {
            from: Some(day("2027-01-01")),
            to: None,
            title: Some("Vice ordförande".into()),
            ..ada.clone()
        };
        let signatories = [ada, again, Signatory { name: "Bo".into(), ..Signatory::default() }];
        let said = |name: &str, on: &str| {
            may_sign(&signatories, name, day(on)).map_err(|error| error.to_string())
        };
        assert_eq!(said("ada ås", "2026-06-30"), Ok(Some("Ordförande".to_owned())));
        assert_eq!(said("Ada Ås", "2027-01-01"), Ok(Some("Vice ordförande".to_owned())));
        assert_eq!(said("Bo", "1999-01-01"), Ok(None));
        let words = "Ada Ås may sign for the network from 2026-01-01 to 2026-06-30 and from 2027-01-01, not on 2026-07-01";
        assert_eq!(said("Ada Ås", "2026-07-01"), Err(words.to_owned()));
        let words = "Cia may not sign for the network; on 2026-07-01 the signatories are Bo: see [[network.signatories]] in the settings";
        assert_eq!(said("Cia", "2026-07-01"), Err(words.to_owned()));
        assert!(matches!(may_sign(&[], "Cia", day("2026-07-01")), Ok(None)));
    }
}
