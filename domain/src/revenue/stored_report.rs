//! A report from the stored totals by month, with costs and grants, in one statement.

use std::collections::HashMap;

use ::entity::{activity, total::Total};
use sea_orm::{
    ConnectionTrait, ExprTrait, JoinType,
    sea_query::{Alias, Asterisk, Expr, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

use super::{
    grouping::Range,
    recorded_sums::{add_stored, select_costs, select_stored},
    report_filter::Scope,
    report_rows::ReportQuery,
    selection::Selection,
    sums::{Basis, Groups},
};
use crate::error::Result;

/// `true` if the stored totals have all that a report needs: it is about whole months, not about
/// members, and counts no invoices beyond those of an activity.
pub(super) fn is_enough(scope: &Scope, query: &ReportQuery) -> bool {
    let range = Range { from: query.from, to: query.to };
    let (of_rows, of_total) = query.counts;
    let is_counted = query.basis == Basis::Invoiced && query.group_by.activity;
    range.whole_months() == Some(range)
        && !(query.group_by.member || scope.is_by_member() || scope.is_empty())
        && !query.committed
        && (!of_rows || is_counted)
        && !of_total
}

/// Returns the sums of the groups, and the sort keys of the activities, in one statement.
pub(super) async fn sums(
    db: &impl ConnectionTrait,
    scope: &Scope,
    query: &ReportQuery,
) -> Result<(Groups, HashMap<Uuid, String>)> {
    let (mut groups, mut names) = (Groups::default(), HashMap::new());
    let by_activity = query.group_by.activity;
    for row in &db.query_all(&select(db, scope, query)).await? {
        let (group, position) = query.group_by.read(row)?;
        if let (true, Some(id)) = (by_activity, group.activity) {
            let key: Option<String> = row.try_get_by_index(position + 7)?;
            names.insert(id.0, key.unwrap_or_default());
        }
        let amount = || row.try_get_by_index::<Total>(position);
        match row.try_get_by_index::<i32>(position + 6)? {
            0 => add_stored(&mut groups, group, row, position)?,
            1 => groups.of(group)?.cost += amount()?,
            _ => groups.of(group)?.grants += amount()?,
        }
    }
    Ok((groups, names))
}

/// Selects the groups of revenue, costs and grants: the columns of the group, those of
/// [`select_stored`], 0, 1 or 2, and for groups by activity the sort key of its name.
fn select(db: &impl ConnectionTrait, scope: &Scope, query: &ReportQuery) -> SelectStatement {
    let backend = db.get_database_backend();
    let (group_by, range) = (query.group_by, Range { from: query.from, to: query.to });
    let selection = Selection { scope, basis: query.basis, group_by, range };
    let mut parts = vec![select_stored(backend, selection)];
    if scope.has_costs() {
        parts.extend(select_costs(backend, scope, group_by, range));
    }
    let of = |(number, mut part): (usize, SelectStatement)| {
        part.expr(Expr::cust(number.to_string()));
        // As a subquery, since each has its own limit.
        Query::select().column(Asterisk).from_subquery(part, "part").take()
    };
    let mut all: Option<SelectStatement> = None;
    for part in parts.into_iter().enumerate().map(of) {
        all = Some(match all {
            Some(mut all) => all.union(UnionType::All, part).take(),
            None => part,
        });
    }
    let mut select = Query::select();
    select.expr(Expr::cust("\"entry\".*")).from_subquery(all.unwrap_or_default(), "entry");
    if group_by.activity {
        // The name of the first column of the stored totals.
        let of_entry = Expr::col((Alias::new("entry"), Alias::new("activity_id")));
        let is_its = of_entry.eq(Expr::col((activity::Entity, activity::Column::Id)));
        select.expr(Expr::col((activity::Entity, activity::Column::NameKey))).join(
            JoinType::LeftJoin,
            activity::Entity,
            is_its,
        );
    }
    select
}
