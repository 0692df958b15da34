//! The matrix: which members take part in which activities by which agreements, as of a day.

use ::entity::{
    activity,
    agreement::{Column, Model},
    id::{ActivityId, MemberId},
    kind::FundingKind,
    member,
};
use chrono::NaiveDate;
use sea_orm::Order;

use super::{column, select};
use crate::{
    activities::{self, coverage},
    auth::viewer::{Resource, Viewer},
    database::{Database, among, rows},
    error::{Result, ValidationErrors},
    members, page, term_sql,
};

/// The columns of the matrix.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The activities that run on the day and need agreements, in order of name: those about which
    /// the viewer sees any.
    pub activities: Vec<activity::Model>,
    /// Those that volunteers alone carry, and that need none.
    pub by_volunteers: Vec<activity::Model>,
}

/// The activities that run on `on`, or those among them with these slugs when there are any, by two
/// statements. `columns` must have the id and the slug.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn columns(
    db: &Database,
    viewer: &Viewer,
    on: NaiveDate,
    slugs: &[String],
    columns: &[activity::Column],
) -> Result<Columns> {
    let filter = activities::Filter { active_on: Some(on), ..activities::Filter::default() };
    let mut running = activities::all(db, viewer, &filter, columns).await?;
    running.retain(|activity| slugs.is_empty() || slugs.contains(&activity.slug));
    let ids: Vec<_> = running.iter().map(|activity| activity.id).collect();
    let funding = activities::funding_of(db.read(), &ids).await?;
    let is_by_volunteers = |activity: &activity::Model| {
        funding.get(&activity.id).is_some_and(|kinds| kinds == &[FundingKind::Volunteer])
    };
    let (by_volunteers, mut activities): (Vec<_>, Vec<_>) =
        running.into_iter().partition(is_by_volunteers);
    // A column whose agreements are another's would look as if nobody took part.
    let visibility = viewer.visibility(Resource::Agreements);
    activities.retain(|activity| {
        visibility.all
            || visibility.activities.contains(&activity.slug)
            || (visibility.activities.is_empty() && visibility.member.is_some())
    });
    Ok(Columns { activities, by_volunteers })
}

/// The rows: a page of the members on the day that the viewer sees, by name.
///
/// # Errors
/// INVALID for a bad page.
pub async fn members_on(
    db: &Database,
    viewer: &Viewer,
    on: NaiveDate,
    args: &page::Args,
    columns: &[member::Column],
) -> Result<page::Slice<member::Model>> {
    members::list(
        db,
        viewer,
        &coverage::present(on),
        &members::order(members::Field::Name, false),
        args,
        columns,
    )
    .await
}

/// How many rows there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, on: NaiveDate) -> Result<i64> {
    members::count(db, viewer, &coverage::present(on)).await
}

/// Checks the days of a comparison: the earlier must be before the later.
pub fn check(from: Option<NaiveDate>, to: NaiveDate, errors: &mut ValidationErrors) {
    errors.expect(from.is_none_or(|from| from < to), "comparedTo", "must be before asOf");
}

/// The cells: the participation agreements in force on `on` between these members and in these
/// activities that the viewer sees, by one statement; the one that began last comes first.
/// `columns` must have the member and the activity.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn cells(
    db: &Database,
    viewer: &Viewer,
    (members, activities): (&[MemberId], &[ActivityId]),
    on: NaiveDate,
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(db, viewer);
    select
        .columns(columns.iter().map(|column| (::entity::agreement::Entity, *column)))
        .and_where(term_sql::is_participation())
        .and_where(among(db.backend(), column(Column::ActivityId), activities.iter().copied()))
        .and_where(among(db.backend(), column(Column::MemberId), members.iter().copied()))
        .cond_where(term_sql::in_force(on))
        .order_by_expr(column(Column::StartsOn), Order::Desc)
        .order_by_expr(column(Column::Id), Order::Desc);
    rows(db.read(), &select, columns).await
}
