//! Erases persons who are not contacts (GDPR art. 17).
//!
//! One transaction deletes the key of the person's data in the audit trail and removes the name
//! from the rows of the register. Data that must be preserved under bokföringslagen 7 kap. 2 §
//! stays until the retention period is over.

use ::entity::{
    activity, agreement, fee_schedule,
    kind::{Form, PersonKind, SubjectKind},
};
use chrono::NaiveDate;
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::{Erased, Found, Named, buyer, decision, missing, payer, signatory, token_subject};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    config::Retention,
    context::Context,
    error::Result,
    idempotency::Outcome,
    retention,
};

/// Erases a person who is not a contact. Erasing the same person again changes nothing.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, CONFLICT `RETAINED` with the first
/// day on which the law permits the erasure, or `IS_CONTACT`.
pub async fn erase(ctx: Context<'_>, named: &Named) -> Result<Erased> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::PersonErase).await?;
    let today = ctx.clock.today();
    let found = persons_of(&mut change, named, today).await;
    let (kind, (persons, of)) = found.map_err(|error| error.of_field(named.field()))?;
    let erased = Erased { kind, revisions: change.erase(&persons, of).await? };
    change.commit_with(Outcome::default().detailed(&erased)?).await?;
    // A failure here does not undo the erasure.
    if let Err(error) = ctx.db.truncate_wal().await {
        tracing::warn!(%error, "the database's log could not be emptied after the erasure");
    }
    Ok(erased)
}

/// Erases the persons from the rows. Returns them, and the object whose history records it.
async fn persons_of(
    change: &mut Change,
    named: &Named,
    today: NaiveDate,
) -> Result<(PersonKind, Found)> {
    Ok(match named {
        Named::Signatory(id, party) => {
            (PersonKind::Signatory, signatory::erase(change, *id, *party, today).await?)
        }
        Named::Payer(id) => (PersonKind::Payer, payer::erase(change, *id, today).await?),
        Named::MemberBuyer(id) => (PersonKind::Buyer, buyer::erase_of_member(change, *id).await?),
        Named::OrganisationBuyer(id) => {
            (PersonKind::Buyer, buyer::erase_of_organisation(change, *id).await?)
        }
        Named::InvoiceReferences(id) => {
            (PersonKind::Buyer, buyer::erase_of_invoice(change, *id, today).await?)
        }
        Named::AgreementDecision(id) => {
            exists::<agreement::Entity>(change, id.0, "agreement").await?;
            (
                PersonKind::Decision,
                decision::erase(change, Form::Agreement, (SubjectKind::Agreement, id.0), today)
                    .await?,
            )
        }
        Named::ActivityDecision(id) => {
            exists::<activity::Entity>(change, id.0, "activity").await?;
            (
                PersonKind::Decision,
                decision::erase(change, Form::Activity, (SubjectKind::Activity, id.0), today)
                    .await?,
            )
        }
        Named::FeeDecision(id) => {
            exists::<fee_schedule::Entity>(change, id.0, "fee").await?;
            (
                PersonKind::Decision,
                decision::erase(change, Form::FeeSchedule, (SubjectKind::FeeSchedule, id.0), today)
                    .await?,
            )
        }
        Named::Subject(subject) => {
            (PersonKind::Subject, token_subject::erase(change, subject, today).await?)
        }
    })
}

/// Erases the payers of bank payments whose retention period, as the network decided it, is over:
/// their names, references and messages, and their keys in the audit trail, whose entries remain
/// verifiable. Returns the number of payments.
///
/// # Errors
/// As [`erase`]; payers that were erased before the error stay erased.
pub async fn erase_due_payers(ctx: Context<'_>, decided: &Retention) -> Result<u64> {
    let mut erased = 0;
    loop {
        let due = retention::due_payers(ctx, decided).await?;
        if due.is_empty() {
            return Ok(erased);
        }
        for id in due {
            erase(ctx, &Named::Payer(id)).await?;
            erased += 1;
        }
    }
}

async fn exists<E: EntityTrait>(change: &Change, id: Uuid, noun: &str) -> Result<()>
where
    <E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType: From<Uuid>,
{
    E::find_by_id(id).one(change.tx()).await?.map(drop).ok_or_else(|| missing(noun))
}
