//! Coverage: which members have joined an activity by a participation agreement, as of a day; "40 of 70".

use std::collections::{HashMap, HashSet};

use ::entity::{
    agreement::{self, Column},
    id::{ActivityId, MemberId},
    member,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{funding_of, needs_agreements, with_slugs};
use crate::{
    auth::viewer::{Realm, Viewer},
    database::{Database, among},
    error::Result,
    members::{self, Status},
    terms,
};

fn column(column: Column) -> SimpleExpr {
    Expr::col((agreement::Entity, column))
}

/// Members on the day, as everywhere in the register.
fn present(on: NaiveDate) -> members::Filter {
    members::Filter { status: Some(Status::Active), as_of: Some(on), ..members::Filter::default() }
}

/// The agreements in force that the viewer sees; drafts are never among them.
fn visible(backend: DbBackend, viewer: &Viewer) -> Condition {
    let sight = viewer.sees(Realm::Agreements);
    if sight.all {
        return Condition::all();
    }
    let mut any = Condition::any();
    if let Some(own) = sight.member {
        any = any.add(column(Column::MemberId).eq(own));
    }
    if !sight.activities.is_empty() {
        any = any.add(column(Column::ActivityId).in_subquery(with_slugs(backend, &sight.activities)));
    }
    if any.is_empty() { any.add(Expr::cust("1 = 0")) } else { any }
}

/// The participation agreements in force on the day, in these activities.
fn participation(db: &Database, viewer: &Viewer, activities: &[ActivityId], on: NaiveDate) -> SelectStatement {
    Query::select()
        .from(agreement::Entity)
        .and_where(terms::is_participation())
        .and_where(among(db.backend(), column(Column::ActivityId), activities.iter().copied()))
        .and_where(column(Column::MemberId).is_not_null())
        .cond_where(terms::in_force(on))
        .cond_where(visible(db.backend(), viewer))
        .take()
}

/// How many members there are on the day, of those that the viewer sees.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn members(db: &Database, viewer: &Viewer, on: NaiveDate) -> Result<i64> {
    members::count(db, viewer, &present(on)).await
}

/// How many of them have joined each of these activities; those that nobody has joined are left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn connected(db: &Database, viewer: &Viewer, activities: &[ActivityId], on: NaiveDate) -> Result<HashMap<ActivityId, i64>> {
    let of_agreement = Expr::col((member::Entity, member::Column::Id)).equals((agreement::Entity, Column::MemberId));
    let mut select = participation(db, viewer, activities, on);
    select
        .expr(column(Column::ActivityId))
        .expr(column(Column::MemberId).count_distinct())
        // Each agreement's member is looked up by its key; `IN` the members on the day was seen to try every one of them for each activity.
        .inner_join(member::Entity, of_agreement)
        .cond_where(members::visible(viewer))
        .and_where(member::Column::JoinedOn.lte(on))
        .cond_where(Condition::any().add(member::Column::LeftOn.is_null()).add(member::Column::LeftOn.gte(on)))
        .add_group_by([column(Column::ActivityId)]);
    let found = db.read().query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// How large a part of the members has joined, 0 to 1; 0 when there are no members.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "members are far fewer than 2^53")]
pub fn share(connected: i64, members: i64) -> f64 {
    if members == 0 { 0.0 } else { connected as f64 / members as f64 }
}

/// Members that have not joined, of several activities at once: each member's row stands there once.
#[derive(Clone, Debug, Default)]
pub struct NotConnected {
    /// The members on the day that the viewer sees, in order of name.
    pub members: Vec<member::Model>,
    /// The places in that list of those that have not joined an activity. Empty for one that needs no agreements.
    pub places: HashMap<ActivityId, Vec<usize>>,
}

/// Which of them have not joined each of these activities. What volunteers alone carry needs no agreements, so that nobody is missing there.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn not_connected(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    on: NaiveDate,
    columns: &[member::Column],
) -> Result<NotConnected> {
    let members = members::all(db, viewer, &present(on), columns).await?;
    let funding = funding_of(db.read(), activities).await?;
    let mut select = participation(db, viewer, activities, on);
    select.distinct().expr(column(Column::ActivityId)).expr(column(Column::MemberId));
    let mut joined: HashMap<ActivityId, HashSet<MemberId>> = HashMap::new();
    for row in &db.read().query_all(&select).await? {
        joined.entry(row.try_get_by_index(0)?).or_default().insert(row.try_get_by_index(1)?);
    }
    let nobody = HashSet::new();
    let missing = |activity: &ActivityId| -> Vec<usize> {
        if !needs_agreements(funding.get(activity).map_or(&[], Vec::as_slice)) {
            return Vec::new();
        }
        let joined = joined.get(activity).unwrap_or(&nobody);
        (0..members.len()).filter(|place| !joined.contains(&members[*place].id)).collect()
    };
    let places = activities.iter().map(|activity| (*activity, missing(activity))).collect();
    Ok(NotConnected { members, places })
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
