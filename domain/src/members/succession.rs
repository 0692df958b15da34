//! Succession: a member's affairs include those of the members that were merged into it.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    id::MemberId,
    member::{Column, Entity},
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{
        Alias, CommonTableExpression, Expr, Query, SelectStatement, SimpleExpr, UnionType,
        WithClause,
    },
};

use crate::{auth::viewer::Visibility, context::Context, database::among, error::Result};

/// SQL predicate: the column holds the member of the viewer or, where its visibility includes
/// predecessors, a member that was merged into it before the day, directly or through others.
pub(crate) fn is_own(
    visibility: &Visibility,
    own: MemberId,
    column: impl Into<SimpleExpr>,
) -> SimpleExpr {
    match visibility.predecessors_left_before {
        Some(day) => column.into().in_subquery(with_predecessors(own, day)),
        None => column.into().eq(own),
    }
}

/// Selects the ids of a member and of the members that were merged into it and left before `day`.
fn with_predecessors(own: MemberId, day: NaiveDate) -> SelectStatement {
    let lineage = Alias::new("lineage");
    let predecessor = Query::select()
        .column((Entity, Column::Id))
        .from(Entity)
        .inner_join(
            lineage.clone(),
            Expr::col((Entity, Column::SuccessorId)).equals((lineage.clone(), Column::Id)),
        )
        .and_where(Expr::col((Entity, Column::LeftOn)).lt(day))
        .take();
    let lineage_of = Query::select()
        .column((Entity, Column::Id))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Id)).eq(own))
        .union(UnionType::Distinct, predecessor)
        .take();
    let table = CommonTableExpression::new()
        .query(lineage_of)
        .column(Column::Id)
        .table_name(lineage.clone())
        .to_owned();
    let with = WithClause::new().recursive(true).cte(table).to_owned();
    Query::select().column((lineage.clone(), Column::Id)).from(lineage).with_cte(with).take()
}

/// Returns the members that were merged into any of these and have left, directly or through
/// others, each with those of these that it was merged into.
pub(crate) async fn successors_of_merged(
    ctx: Context<'_>,
    members: &[MemberId],
) -> Result<HashMap<MemberId, BTreeSet<MemberId>>> {
    let (wanted, today): (BTreeSet<MemberId>, _) =
        (members.iter().copied().collect(), ctx.clock.today());
    let mut successors: HashMap<MemberId, BTreeSet<MemberId>> = HashMap::new();
    let mut level = wanted.clone();
    while !level.is_empty() {
        let column = |column| Expr::col((Entity, column));
        let select = Query::select()
            .exprs([Column::Id, Column::SuccessorId].map(column))
            .from(Entity)
            .and_where(among(ctx.db.backend(), column(Column::SuccessorId), level.iter().copied()))
            .and_where(column(Column::LeftOn).lt(today))
            .take();
        level.clear();
        for row in ctx.db.read().query_all(&select).await? {
            let (member, into): (MemberId, MemberId) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let mut of_all = successors.get(&into).cloned().unwrap_or_default();
            of_all.extend(wanted.contains(&into).then_some(into));
            let known = successors.entry(member).or_default();
            let count = known.len();
            known.extend(of_all);
            // Continue only with new ids, so that the loop ends even if the rows form a cycle.
            if known.len() > count {
                level.insert(member);
            }
        }
    }
    Ok(successors)
}
