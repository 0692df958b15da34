//! Coverage: which members have joined an activity by a participation agreement, as of a day; "40
//! of 70".

use std::collections::{HashMap, HashSet};

use ::entity::{
    activity_funding,
    agreement::{self, Column},
    id::{ActivityId, MemberId},
    kind::FundingKind,
    member,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use super::with_slugs;
use crate::{
    auth::viewer::{Resource, Viewer},
    database::{Database, among},
    error::Result,
    members::{self, Status},
    term_sql,
};

fn column(column: Column) -> SimpleExpr {
    Expr::col((agreement::Entity, column))
}

/// Members on the day, as everywhere in the register.
#[must_use]
pub fn present(on: NaiveDate) -> members::Filter {
    members::Filter { status: Some(Status::Active), as_of: Some(on), ..members::Filter::default() }
}

/// The agreements in force that the viewer sees; drafts are never among them.
fn visible(backend: DbBackend, viewer: &Viewer) -> Condition {
    let visibility = viewer.visibility(Resource::Agreements);
    if visibility.all {
        return Condition::all();
    }
    let mut any = Condition::any();
    if let Some(own) = visibility.member {
        any = any.add(column(Column::MemberId).eq(own));
    }
    if !visibility.activities.is_empty() {
        any = any.add(
            column(Column::ActivityId).in_subquery(with_slugs(backend, &visibility.activities)),
        );
    }
    if any.is_empty() { any.add(Expr::cust("1 = 0")) } else { any }
}

/// The participation agreements in force on the day, in these activities.
fn participation(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    on: NaiveDate,
) -> SelectStatement {
    Query::select()
        .from(agreement::Entity)
        .and_where(term_sql::is_participation())
        .and_where(among(db.backend(), column(Column::ActivityId), activities.iter().copied()))
        .and_where(column(Column::MemberId).is_not_null())
        .cond_where(term_sql::in_force(on))
        .cond_where(visible(db.backend(), viewer))
        .take()
}

/// The same, of those alone who are members on the day and whom the viewer sees.
fn joined(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    on: NaiveDate,
) -> SelectStatement {
    let of_agreement = Expr::col((member::Entity, member::Column::Id))
        .equals((agreement::Entity, Column::MemberId));
    let mut select = participation(db, viewer, activities, on);
    // Each agreement's member is looked up by its key; `IN` the members on the day was seen to try
    // every one of them for each activity.
    select.inner_join(member::Entity, of_agreement);
    narrow_to_present(&mut select, viewer, on);
    select
}

fn narrow_to_present(select: &mut SelectStatement, viewer: &Viewer, on: NaiveDate) {
    select
        .cond_where(members::visible(viewer))
        .and_where(member::Column::JoinedOn.lte(on))
        .cond_where(
            Condition::any()
                .add(member::Column::LeftOn.is_null())
                .add(member::Column::LeftOn.gte(on)),
        );
}

/// How many members there are and how many of them have joined, of those that the viewer sees.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Members on the day.
    pub members: i64,
    /// How many of them have joined each activity; those that nobody has joined are left out.
    pub connected: HashMap<ActivityId, i64>,
}

/// Counts for these activities, by one statement.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn counts(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    on: NaiveDate,
) -> Result<Counts> {
    let mut select = joined(db, viewer, activities, on);
    select
        .expr(column(Column::ActivityId))
        .expr(column(Column::MemberId).count_distinct())
        .add_group_by([column(Column::ActivityId)]);
    let mut all = Query::select()
        .from(member::Entity)
        .expr(Expr::cust("NULL"))
        .expr(Expr::cust("COUNT(*)"))
        .take();
    narrow_to_present(&mut all, viewer, on);
    let mut counts = Counts::default();
    for row in &db.read().query_all(select.union(UnionType::All, all)).await? {
        match row.try_get_by_index::<Option<ActivityId>>(0)? {
            Some(activity) => drop(counts.connected.insert(activity, row.try_get_by_index(1)?)),
            None => counts.members = row.try_get_by_index(1)?,
        }
    }
    Ok(counts)
}

/// How large a part of the members has joined, 0 to 1; 0 when there are no members.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "members are far fewer than 2^53")]
pub fn share(connected: i64, members: i64) -> f64 {
    if members == 0 { 0.0 } else { connected as f64 / members as f64 }
}

/// Members on a day, and which of them have not joined each of several activities: a member's row
/// stands there once.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// The members that the viewer sees, in order of name.
    pub members: Vec<member::Model>,
    /// How many of them have joined each activity.
    pub connected: HashMap<ActivityId, i64>,
    /// The places in the list of those that have not; none for an activity that needs no
    /// agreements.
    pub positions: HashMap<ActivityId, Vec<usize>>,
}

/// Who has not joined each of these activities, by two statements. What volunteers alone carry
/// needs no agreements, so that nobody is missing there.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn missing(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    on: NaiveDate,
    columns: &[member::Column],
) -> Result<Missing> {
    let members = members::all(db, viewer, &present(on), columns).await?;
    let mut select = participation(db, viewer, activities, on);
    select
        .distinct()
        .expr(column(Column::ActivityId))
        .expr(column(Column::MemberId))
        .union(UnionType::All, by_volunteers(db, activities));
    let (mut joined, mut needs_none) = (HashSet::new(), HashSet::new());
    for row in &db.read().query_all(&select).await? {
        let activity: ActivityId = row.try_get_by_index(0)?;
        match row.try_get_by_index::<Option<MemberId>>(1)? {
            Some(member) => joined.insert((activity, member)),
            None => needs_none.insert(activity),
        };
    }
    let mut missing = Missing { members, ..Missing::default() };
    for activity in activities {
        let lacking = (0..missing.members.len())
            .filter(|position| !joined.contains(&(*activity, missing.members[*position].id)));
        let lacking: Vec<_> = lacking.collect();
        let connected = i64::try_from(missing.members.len() - lacking.len()).unwrap_or(i64::MAX);
        missing.connected.insert(*activity, connected);
        missing
            .positions
            .insert(*activity, if needs_none.contains(activity) { Vec::new() } else { lacking });
    }
    Ok(missing)
}

/// Who has come and gone between two days, by activity; one with nobody is left out.
#[derive(Clone, Debug, Default)]
pub struct Trend {
    /// Members on the later day with an agreement in force, who had none or were no members on the
    /// earlier.
    pub joined: HashMap<ActivityId, Vec<MemberId>>,
    /// Members on the earlier day with an agreement in force, who have none or are no members on
    /// the later.
    pub left: HashMap<ActivityId, Vec<MemberId>>,
}

/// Who has come and gone between two days in these activities, of those that the viewer sees, by
/// two statements.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn trend(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Trend> {
    let on = |day| {
        joined(db, viewer, activities, day)
            .expr(column(Column::ActivityId))
            .expr(column(Column::MemberId))
            .take()
    };
    let mut trend = Trend::default();
    for (first, second, found) in [(to, from, &mut trend.joined), (from, to, &mut trend.left)] {
        let select = on(first).union(UnionType::Except, on(second)).take();
        for row in &db.read().query_all(&select).await? {
            found.entry(row.try_get_by_index(0)?).or_default().push(row.try_get_by_index(1)?);
        }
    }
    Ok(trend)
}

/// Those of these activities that volunteers alone carry, each with null for a member.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_as_the_report_has_them() {
        for (connected, per_cent) in [(40, "57.14"), (31, "44.29")] {
            assert_eq!(format!("{:.2}", share(connected, 70) * 100.0), per_cent);
        }
        assert_eq!(share(0, 0).to_bits(), 0.0_f64.to_bits());
    }
}
