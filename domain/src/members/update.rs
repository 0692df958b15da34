//! Updates the data of members.

use ::entity::{agreement, id::MemberId, member, member_former_name};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::{
    changes::{Checked, MemberChanges},
    details::{contact_area, org_number_taken, snapshot, write_municipalities},
};
use crate::{
    audit::{self, Action, Change, forms::Member},
    auth::viewer::Permission,
    context::Context,
    error::{Result, ValidationErrors},
    term_sql,
};

/// Returns `true` if the viewer may update members.
#[must_use]
pub fn can_update(ctx: Context<'_>) -> bool {
    ctx.viewer.has(Permission::ManageRegister)
}

/// Updates a member and stores its old name as a former name.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `ORG_NUMBER_TAKEN`, or `AGREEMENTS_IN_FORCE` when the membership would begin after
/// agreements of the member.
pub async fn update(
    ctx: Context<'_>,
    id: MemberId,
    changes: MemberChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::MemberUpdate).await?;
    let before = match snapshot(change.tx(), id).await {
        // The id is invalid: check the other fields too, so that every error is reported together.
        Err(_) if !errors.is_empty() => Member::default(),
        found => found?,
    };
    let Checked { mut row, contact_area_name: area, municipalities: names, billing } =
        changes.check(id, &before.row, &mut errors);
    errors.finish()?;

    if row.joined_on > before.row.joined_on {
        expect_no_agreements_before(&change, &row).await?;
    }
    if let Some(area) = area {
        row.contact_area_id = match area {
            Some(area) => Some(contact_area(&mut change, &area).await?),
            None => None,
        };
    }
    if row.name != before.row.name {
        store_former_name(&change, id, &before.row.name, ctx.clock.today()).await?;
    }
    let number = row.org_number.clone();
    audit::replace(&change, row).await.map_err(|error| {
        error.on_constraint("member__org_number", org_number_taken(number.as_ref()))
    })?;
    if let Some(names) = &names {
        write_municipalities(&change, id, names).await?;
    }
    match billing {
        Some(billing) if before.billing.is_some() => audit::replace(&change, billing).await?,
        Some(billing) => audit::insert(&change, billing).await?,
        None => {}
    }
    let after = snapshot(change.tx(), id).await?;
    if after != before {
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}

/// Rejects a first day of membership that is after the start of an agreement of the member. The
/// error lists the agreements' numbers.
async fn expect_no_agreements_before(change: &Change, row: &member::Model) -> Result<()> {
    let own = Condition::all()
        .add(agreement::Column::MemberId.eq(row.id))
        .add(term_sql::begins_before(row.joined_on));
    let words = |numbers: &str| {
        format!(
            "{} has agreements that begin before {}: {numbers}; choose an earlier day",
            row.name, row.joined_on
        )
    };
    term_sql::refuse_agreements(change.tx(), own, words).await
}

async fn store_former_name(
    change: &Change,
    member: MemberId,
    name: &str,
    until: NaiveDate,
) -> Result<()> {
    let former = member_former_name::Model { member_id: member, name: name.to_owned(), until };
    // A name that the member had twice is stored with its latest last day.
    member_former_name::Entity::delete_many()
        .filter(member_former_name::Column::MemberId.eq(member))
        .filter(member_former_name::Column::Name.eq(name))
        .exec(change.tx())
        .await?;
    audit::insert(change, former).await
}
