//! Marking of bank payments as duplicates of others.

use std::collections::HashSet;

use ::entity::{
    bank_payment::{Column, Entity, Model},
    id::BankPaymentId,
    money::Money,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use super::{
    bookkeeping,
    status::{State, stand_for, state},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    database::among,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    payments::bank,
};

/// Marks a bank payment as a duplicate of another, which stands for it from now on; the duplicate
/// no longer counts.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; INVALID for different amounts; NOT_FOUND;
/// CONFLICT `ALREADY_MATCHED` if a part of it is matched, `DUPLICATE` if one of the two is a
/// duplicate itself or stands for others, or `PERIOD_CLOSED` if its own voucher is of a closed day
/// and of no export batch.
pub async fn mark_duplicate(
    ctx: Context<'_>,
    id: BankPaymentId,
    duplicate_of: BankPaymentId,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    let change = audit::begin(ctx, Action::BankPaymentMarkDuplicate).await?;
    if !errors.is_empty() {
        return errors.finish();
    }
    let before = bank::find(change.tx(), id).await?;
    let other = bank::find(change.tx(), duplicate_of).await;
    let other = other.map_err(|error| error.of_field("duplicate_of_id"))?;
    check(&before, &other, &mut errors);
    errors.finish()?;
    require_unmatched(&before)?;
    let stands_for = Entity::find().filter(Column::DuplicateOfId.eq(id)).one(change.tx()).await?;
    require_counting(&before, &other, stands_for.is_some())?;
    bookkeeping::require_markable(change.tx(), Closing::load(change.tx()).await?, &before).await?;
    let mut after = before.clone();
    stand_for(&mut after, &other, ctx.clock.today());
    bank::replace(change, &before, after).await
}

/// Returns those of these bank payments that the viewer may mark as duplicates: no part of them is
/// matched, and they neither are duplicates nor have any. A closed period may still prevent it.
pub async fn markable(ctx: Context<'_>, rows: &[Model]) -> Result<HashSet<BankPaymentId>> {
    if !ctx.viewer.has(Permission::ManageInvoices) {
        return Ok(HashSet::new());
    }
    let ids = rows.iter().map(|row| row.id);
    let duplicates = Entity::find().select_only().column(Column::DuplicateOfId).filter(among(
        ctx.db.backend(),
        Expr::col(Column::DuplicateOfId),
        ids,
    ));
    let duplicates = duplicates.into_tuple::<Option<BankPaymentId>>().all(ctx.db.read()).await?;
    let with_duplicates: HashSet<_> = duplicates.into_iter().flatten().collect();
    let can = |row: &&Model| {
        require_unmatched(row).is_ok()
            && require_counting(row, row, with_duplicates.contains(&row.id)).is_ok()
    };
    Ok(rows.iter().filter(can).map(|row| row.id).collect())
}

/// Adds an error unless the two are different bank payments of the same amount.
fn check(row: &Model, other: &Model, errors: &mut ValidationErrors) {
    errors.expect(
        row.id != other.id,
        "duplicate_of_id",
        FieldErrorCode::NotAllowed.problem("must be another bank payment"),
    );
    if row.amount != other.amount {
        errors.add(
            "duplicate_of_id",
            FieldErrorCode::Mismatch.problem(format!(
                "must be of the same amount, {}: it is of {}",
                row.amount, other.amount
            )),
        );
    }
}

/// Fails with `ALREADY_MATCHED` if a part of a bank payment is matched.
fn require_unmatched(row: &Model) -> Result<()> {
    if row.matched != Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::AlreadyMatched,
            "a part of this bank payment is matched; reverse its payments first",
        ));
    }
    Ok(())
}

/// Fails with `DUPLICATE` if one of the two is a duplicate, or if the first has duplicates.
fn require_counting(row: &Model, other: &Model, has_duplicates: bool) -> Result<()> {
    if has_duplicates || [row, other].into_iter().any(|own| state(own) == State::Duplicate) {
        let words = "one of the two is a duplicate already or has duplicates; name the bank payment that counts";
        return Err(Error::conflict(ConflictReason::Duplicate, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ore: i64) -> Model {
        Model { id: BankPaymentId::new(), amount: Money(ore), ..Model::default() }
    }

    #[test]
    fn a_duplicate_is_another_payment_of_the_same_amount() {
        let own = row(800);
        for (other, count) in [(row(800), 0), (row(801), 1), (own.clone(), 1)] {
            let mut errors = ValidationErrors::default();
            check(&own, &other, &mut errors);
            assert_eq!(errors.into_inner().len(), count);
        }
    }

    #[test]
    fn a_duplicate_is_unmatched_and_both_count() {
        let (own, other) = (row(800), row(800));
        assert!(require_unmatched(&own).is_ok() && require_counting(&own, &other, false).is_ok());
        assert!(require_unmatched(&Model { matched: Money(1), ..own.clone() }).is_err());
        assert!(require_counting(&own, &other, true).is_err());
        let mut duplicate = row(800);
        stand_for(&mut duplicate, &other, "2026-11-30".parse().unwrap());
        assert!(require_counting(&duplicate, &other, false).is_err());
        assert!(require_counting(&own, &duplicate, false).is_err());
    }
}
