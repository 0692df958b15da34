//! The matrix of members and activities, with the participation agreements between them as of a
//! day.

use ::entity::{
    activity,
    agreement::{Column, Model},
    id::{ActivityId, MemberId},
    kind::FundingKind,
    member,
};
use chrono::NaiveDate;
use sea_orm::Order;

use super::{select, visibility::column};
use crate::{
    activities::{self, coverage},
    auth::viewer::Resource,
    context::Context,
    database::{among, rows},
    error::{FieldErrorCode, Result, ValidationErrors},
    members, page, term_sql,
};

/// The columns of the matrix.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The activities that run on the day and need agreements, ordered by name. Only activities
    /// about which the viewer can read agreements are included.
    pub activities: Vec<activity::Model>,
    /// The activities that only volunteers fund, and that need no agreements.
    pub by_volunteers: Vec<activity::Model>,
}

/// Returns the activities that run on `on`, in two statements; with `slugs`, only those with these
/// slugs. `columns` must include the id and the slug.
pub async fn columns(
    ctx: Context<'_>,
    on: NaiveDate,
    slugs: &[String],
    columns: &[activity::Column],
) -> Result<Columns> {
    let filter = activities::Filter { active_on: Some(on), ..activities::Filter::default() };
    let mut running = activities::all(ctx, &filter, columns).await?;
    running.retain(|activity| slugs.is_empty() || slugs.contains(&activity.slug));
    let ids: Vec<_> = running.iter().map(|activity| activity.id).collect();
    let funding = activities::funding_of(ctx.db.read(), &ids).await?;
    let is_by_volunteers = |activity: &activity::Model| {
        funding.get(&activity.id).is_some_and(|kinds| kinds == &[FundingKind::Volunteer])
    };
    let (by_volunteers, mut activities): (Vec<_>, Vec<_>) =
        running.into_iter().partition(is_by_volunteers);
    // Omit a column whose agreements the ctx.viewer cannot read: it would look as if no one
    // participates.
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    activities.retain(|activity| {
        visibility.all
            || visibility.activities.contains(&activity.slug)
            || (visibility.activities.is_empty() && visibility.member.is_some())
    });
    Ok(Columns { activities, by_volunteers })
}

/// Returns the rows: a page of the members on the day that the viewer can read, ordered by name.
///
/// # Errors
/// INVALID for a bad page.
pub async fn members_on(
    ctx: Context<'_>,
    on: NaiveDate,
    args: &page::Args,
    columns: &[member::Column],
) -> Result<page::Slice<member::Model>> {
    members::list(
        ctx,
        &coverage::present(on),
        &members::order(ctx.db.backend(), members::Field::Name, false),
        args,
        columns,
    )
    .await
}

/// Counts the rows.
pub async fn count(ctx: Context<'_>, on: NaiveDate) -> Result<i64> {
    members::count(ctx, &coverage::present(on)).await
}

/// Adds an error unless the earlier day of a comparison is before the later one.
pub fn check(compared_to: Option<NaiveDate>, as_of: NaiveDate, errors: &mut ValidationErrors) {
    errors.expect(
        compared_to.is_none_or(|compared_to| compared_to < as_of),
        "compared_to",
        FieldErrorCode::TooLate.problem("must be before the day of the matrix"),
    );
}

/// Returns the cells, in one statement: the participation agreements in force on `on` of these
/// members and about these activities that the viewer can read, the latest first day first.
/// `columns` must include the member and the activity.
pub async fn cells(
    ctx: Context<'_>,
    (members, activities): (&[MemberId], &[ActivityId]),
    on: NaiveDate,
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx);
    select
        .columns(columns.iter().map(|column| (::entity::agreement::Entity, *column)))
        .and_where(term_sql::is_participation())
        .and_where(among(ctx.db.backend(), column(Column::ActivityId), activities.iter().copied()))
        .and_where(among(ctx.db.backend(), column(Column::MemberId), members.iter().copied()))
        .cond_where(term_sql::in_force(on))
        .order_by_expr(column(Column::StartsOn), Order::Desc)
        .order_by_expr(column(Column::Id), Order::Desc);
    rows(ctx.db.read(), &select, columns).await
}
