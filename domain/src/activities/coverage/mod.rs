//! Coverage: the members that have joined an activity by a participation agreement as of a day, for
//! example "40 of 70". The numbers are public; the names only to viewers who can read every
//! agreement about the activity and every member.

pub mod calculation;

use std::collections::HashSet;

use ::entity::{
    activity_funding,
    agreement::{self, Column},
    id::{ActivityId, MemberId},
    kind::FundingKind,
    member,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait,
    sea_query::{CaseStatement, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use self::calculation::{Counts, Missing, Trend};
use crate::{
    activities::with_slugs,
    auth::viewer::Resource,
    context::Context,
    database::{Database, among, fixed_day},
    error::{Error, FieldErrorCode, Result},
    members::{self, status::Status},
    query::column,
    term_sql,
};

/// Returns the filter for members on the day.
#[must_use]
pub fn present(on: NaiveDate) -> members::Filter {
    members::Filter {
        statuses: vec![Status::Active],
        as_of: Some(on),
        ..members::Filter::default()
    }
}

/// Returns those of these activities whose participants the viewer may know by name.
pub async fn readable(ctx: Context<'_>, activities: &[ActivityId]) -> Result<HashSet<ActivityId>> {
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    if !ctx.viewer.visibility(Resource::Members).all {
        return Ok(HashSet::new());
    }
    if visibility.all {
        return Ok(activities.iter().copied().collect());
    }
    if visibility.activities.is_empty() {
        return Ok(HashSet::new());
    }
    let led = with_slugs(ctx.db.backend(), &visibility.activities);
    let mut found = HashSet::new();
    for row in &ctx.db.read().query_all(&led).await? {
        let activity: ActivityId = row.try_get_by_index(0)?;
        if activities.contains(&activity) {
            found.insert(activity);
        }
    }
    Ok(found)
}

/// Returns those of these activities whose coverage on the day the viewer may know: all of them
/// until today; of a later day, those whose participants it may know by name, since a number would
/// reveal an agreement that ends or a member that leaves.
pub async fn known_on(
    ctx: Context<'_>,
    activities: &[ActivityId],
    on: NaiveDate,
) -> Result<HashSet<ActivityId>> {
    if on <= ctx.clock.today() {
        return Ok(activities.iter().copied().collect());
    }
    readable(ctx, activities).await
}

/// Returns the error of a day after today whose numbers the viewer may not know.
#[must_use]
pub fn too_late(ctx: Context<'_>, path: &str) -> Error {
    let today = ctx.clock.today();
    let message = format!(
        "must be {today} or earlier: only those who may see the agreements and members know the numbers of a later day"
    );
    Error::invalid(path, FieldErrorCode::too_late(today, message))
}

/// Selects the participation agreements of members about these activities.
fn participations(db: &Database, activities: &[ActivityId]) -> SelectStatement {
    Query::select()
        .from(agreement::Entity)
        .and_where(term_sql::is_participation())
        .and_where(among(db.backend(), column(Column::ActivityId), activities.iter().copied()))
        .and_where(column(Column::MemberId).is_not_null())
        .take()
}

/// Selects the participation agreements about these activities in force on the day.
fn participation(db: &Database, activities: &[ActivityId], on: NaiveDate) -> SelectStatement {
    participations(db, activities).cond_where(term_sql::in_force(on)).take()
}

/// Returns the condition that the member of a participation agreement is a member on the day. Its
/// subquery finds the others by their days: they are looked up once, and not for each agreement.
fn is_of_present(on: NaiveDate) -> SimpleExpr {
    let id =
        || Query::select().column((member::Entity, member::Column::Id)).from(member::Entity).take();
    let left = id().and_where(column(member::Column::LeftOn).lt(fixed_day(on))).take();
    let mut absent = id().and_where(column(member::Column::JoinedOn).gt(fixed_day(on))).take();
    absent.union(UnionType::All, left);
    column(Column::MemberId).not_in_subquery(absent)
}

/// Returns the condition that the member of a participation agreement is a member on one of two
/// days and not on the other.
fn is_of_changed(from: NaiveDate, to: NaiveDate) -> SimpleExpr {
    let id =
        || Query::select().column((member::Entity, member::Column::Id)).from(member::Entity).take();
    let mut joined = id()
        .and_where(column(member::Column::JoinedOn).gt(fixed_day(from)))
        .and_where(column(member::Column::JoinedOn).lte(fixed_day(to)))
        .take();
    let left = id()
        .and_where(column(member::Column::LeftOn).gte(fixed_day(from)))
        .and_where(column(member::Column::LeftOn).lt(fixed_day(to)))
        .take();
    joined.union(UnionType::All, left);
    column(Column::MemberId).in_subquery(joined)
}

fn narrow_to_present(select: &mut SelectStatement, on: NaiveDate) {
    select.and_where(member::Column::JoinedOn.lte(on)).cond_where(
        Condition::any().add(member::Column::LeftOn.is_null()).add(member::Column::LeftOn.gte(on)),
    );
}

/// Selects the number of members on a day.
fn number_of_members(on: NaiveDate) -> SelectStatement {
    let mut all = Query::select().from(member::Entity).expr(Expr::cust("COUNT(*)")).take();
    narrow_to_present(&mut all, on);
    all
}

/// Returns the number of members on a day.
///
/// # Errors
/// INVALID for a day after today unless the viewer may see every member.
pub async fn member_count(ctx: Context<'_>, on: NaiveDate) -> Result<i64> {
    if on > ctx.clock.today() && !ctx.viewer.visibility(Resource::Members).all {
        return Err(too_late(ctx, "as_of"));
    }
    let found = ctx.db.read().query_all(&number_of_members(on)).await?;
    found.first().map_or(Ok(0), |row| Ok(row.try_get_by_index(0)?))
}

/// Counts the coverage of these activities, in one statement.
pub async fn counts(ctx: Context<'_>, activities: &[ActivityId], on: NaiveDate) -> Result<Counts> {
    let mut select = participation(ctx.db, activities, on);
    select
        .and_where(is_of_present(on))
        .expr(column(Column::ActivityId))
        .expr(column(Column::MemberId).count_distinct())
        .add_group_by([column(Column::ActivityId)]);
    let mut all = Query::select()
        .from(member::Entity)
        .expr(Expr::cust("NULL"))
        .expr(Expr::cust("COUNT(*)"))
        .take();
    narrow_to_present(&mut all, on);
    let mut counts = Counts::default();
    for row in &ctx.db.read().query_all(select.union(UnionType::All, all)).await? {
        match row.try_get_by_index::<Option<ActivityId>>(0)? {
            Some(activity) => drop(counts.connected.insert(activity, row.try_get_by_index(1)?)),
            None => counts.members = row.try_get_by_index(1)?,
        }
    }
    Ok(counts)
}

/// Returns the members that have not joined each of these activities, in two statements, for a
/// viewer to whom `readable` ones are [`readable`]. An activity that only volunteers fund needs no
/// agreements, so no member is missing there.
pub async fn missing(
    ctx: Context<'_>,
    (activities, readable): (&[ActivityId], &HashSet<ActivityId>),
    on: NaiveDate,
    columns: &[member::Column],
) -> Result<Missing> {
    let members = members::all(ctx, &present(on), columns).await?;
    let mut select = participation(ctx.db, activities, on);
    select
        .distinct()
        .expr(column(Column::ActivityId))
        .expr(column(Column::MemberId))
        .union(UnionType::All, by_volunteers(ctx.db, activities));
    let (mut joined, mut needs_none) = (HashSet::new(), HashSet::new());
    for row in &ctx.db.read().query_all(&select).await? {
        let activity: ActivityId = row.try_get_by_index(0)?;
        match row.try_get_by_index::<Option<MemberId>>(1)? {
            Some(member) => joined.insert((activity, member)),
            None => needs_none.insert(activity),
        };
    }
    Ok(Missing::of(members, (activities, readable), &joined, &needs_none))
}

/// Returns the members that joined and left these activities between two days, in one statement.
/// Their numbers are public if the later day's coverage is [known](known_on); the members only of
/// activities that are [`readable`].
pub async fn trend(
    ctx: Context<'_>,
    activities: &[ActivityId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Trend> {
    // A member takes part in an activity by one agreement at a time. An agreement that counts on
    // both days, or on none, therefore changes nothing.
    let counts_on = |day: NaiveDate| -> SimpleExpr {
        let counts = term_sql::in_force(day).add(is_of_present(day));
        CaseStatement::new().case(counts, Expr::cust("1")).finally(Expr::cust("0")).into()
    };
    let (earlier, later) = (counts_on(from), counts_on(to));
    // Most agreements change nothing, and need no further comparison.
    let may_change = term_sql::may_change(from, to).add(is_of_changed(from, to));
    let mut select = participations(ctx.db, activities);
    select
        .expr(column(Column::ActivityId))
        .expr(column(Column::MemberId))
        .expr(later.clone().max())
        .and_where(column(Column::SignedOn).lte(fixed_day(to)))
        .and_where(column(Column::StartsOn).lte(fixed_day(to)))
        .cond_where(may_change)
        .and_where(later.clone().ne(earlier.clone()))
        .add_group_by([column(Column::ActivityId), column(Column::MemberId)])
        .and_having(later.max().ne(earlier.max()));
    let mut trend = Trend::default();
    for row in &ctx.db.read().query_all(&select).await? {
        let found = match row.try_get_by_index::<i32>(2)? {
            0 => &mut trend.left,
            _ => &mut trend.joined,
        };
        found.entry(row.try_get_by_index(0)?).or_default().push(row.try_get_by_index(1)?);
    }
    Ok(trend)
}

/// Selects those of these activities that only volunteers fund, each with a null member.
fn by_volunteers(db: &Database, activities: &[ActivityId]) -> SelectStatement {
    let kind = || Expr::col((activity_funding::Entity, activity_funding::Column::Kind));
    let activity = Expr::col((activity_funding::Entity, activity_funding::Column::ActivityId));
    Query::select()
        .from(activity_funding::Entity)
        .expr(activity.clone())
        .expr(Expr::cust("NULL"))
        .and_where(among(db.backend(), activity.clone(), activities.iter().copied()))
        .add_group_by([activity])
        .and_having(kind().min().eq(FundingKind::Volunteer.word()))
        .and_having(kind().max().eq(FundingKind::Volunteer.word()))
        .take()
}
