//! Recording of the reference rate of a half-year.

use ::entity::{
    id::ReferenceRateId,
    reference_rate::{Column, Entity},
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::rate;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    interest::rates::half_year,
};

/// Records the rate of a half-year, and replaces the known one. `errors` are those already found in
/// the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field.
pub async fn set(
    ctx: Context<'_>,
    valid_from: NaiveDate,
    hundredths: i64,
    source: &str,
    mut errors: ValidationErrors,
) -> Result<ReferenceRateId> {
    ctx.require(Permission::ManageAccounts)?;
    errors.expect(
        half_year(valid_from) == valid_from,
        "valid_from",
        FieldErrorCode::InvalidValue
            .problem("must be 1 January or 1 July, the first day of a half-year"),
    );
    let source = errors.text("source", source, LINE);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::ReferenceRateSet).await?;
    let before = Entity::find().filter(Column::ValidFrom.eq(valid_from)).one(change.tx()).await?;
    let after = rate(valid_from, hundredths, source);
    if before.as_ref() != Some(&after) {
        if before.is_some() {
            audit::replace(&change, after.clone()).await?;
        } else {
            audit::insert(&change, after.clone()).await?;
        }
        change.record(before.as_ref(), Some(&after))?;
    }
    change.commit_with(after.id).await?;
    Ok(after.id)
}
