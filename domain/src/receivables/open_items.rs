//! Owed and overpaid sums of each member, over all its invoices.

use std::collections::HashMap;

use ::entity::{
    banking_day,
    id::MemberId,
    invoice::{Column, Entity},
    kind::InvoiceKind,
    member,
    total::Total,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use crate::invoices::visible;
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::{among, total},
    error::Result,
    members::succession,
    query::column,
};

/// Owed and overpaid sums of a member, öre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Sum still to be paid of its issued invoices.
    pub outstanding: Total,
    /// Part of that sum past its last day to pay.
    pub overdue: Total,
    /// Sum paid and credited beyond the totals of some invoices, to be paid back; not deducted from
    /// the others.
    pub overpaid: Total,
}

impl Balance {
    /// Adds another balance.
    pub(crate) fn add(&mut self, other: &Self) {
        self.outstanding += other.outstanding;
        self.overdue += other.overdue;
        self.overpaid += other.overpaid;
    }
}

/// Returns those of these members whose invoices the viewer may read.
pub(crate) async fn visible_members(
    ctx: Context<'_>,
    members: &[MemberId],
) -> Result<Vec<MemberId>> {
    let visibility = ctx.viewer.visibility(Resource::Invoices);
    let Some(own) = visibility.member.filter(|_| !members.is_empty()) else {
        return Ok(if visibility.all { members.to_vec() } else { Vec::new() });
    };
    let id = || Expr::col((member::Entity, member::Column::Id));
    let select = Query::select()
        .expr(id())
        .from(member::Entity)
        .and_where(succession::is_own(&visibility, own, id()))
        .and_where(among(ctx.db.backend(), id(), members.iter().copied()))
        .take();
    ctx.db.read().query_all(&select).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Returns the balance as of now of each of these members whose invoices the viewer may read, by
/// one statement.
pub async fn of_members(
    ctx: Context<'_>,
    members: &[MemberId],
) -> Result<HashMap<MemberId, Balance>> {
    let visible_members = visible_members(ctx, members).await?;
    let mut balances: HashMap<MemberId, Balance> =
        visible_members.into_iter().map(|member| (member, Balance::default())).collect();
    if balances.is_empty() {
        return Ok(balances);
    }
    let left = || {
        column(Column::Total)
            .sub(column(Column::Paid))
            .sub(column(Column::Credited))
            .sub(column(Column::WrittenOff))
    };
    let sum_if = |condition: SimpleExpr, amount: SimpleExpr| {
        total(ctx.db.backend(), Expr::case(condition, amount).finally(Expr::cust("0")).into())
    };
    let (owes, is_due) =
        (|| left().gt(0), column(Column::DueOn).lte(banking_day::last_before(ctx.clock.today())));
    let select = Query::select()
        .expr(column(Column::MemberId))
        .expr(sum_if(owes(), left()))
        .expr(sum_if(owes().and(is_due), left()))
        .expr(sum_if(left().lt(0), Expr::cust("0").sub(left())))
        .from(Entity)
        .cond_where(visible(ctx))
        .and_where(Column::Kind.eq(InvoiceKind::Invoice))
        .and_where(column(Column::IssuedOn).is_not_null())
        // The same expression as in the partial index, so that the index is used.
        .and_where(Expr::cust(
            "\"invoice\".\"paid\" + \"invoice\".\"credited\" <> \"invoice\".\"total\"",
        ))
        .and_where(among(ctx.db.backend(), column(Column::MemberId), members.iter().copied()))
        .add_group_by([column(Column::MemberId)])
        .take();
    for row in ctx.db.read().query_all(&select).await? {
        let balance = Balance {
            outstanding: row.try_get_by_index(1)?,
            overdue: row.try_get_by_index(2)?,
            overpaid: row.try_get_by_index(3)?,
        };
        balances.insert(row.try_get_by_index(0)?, balance);
    }
    Ok(balances)
}
