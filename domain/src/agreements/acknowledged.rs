//! The agreements whose deadline is acknowledged, as an SQL condition.

use ::entity::{
    acknowledgement,
    agreement::{Column, Entity},
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Expr, Query},
};

use super::visibility::{visible, without_member};
use crate::context::Context;

/// Selects agreements whose deadline is acknowledged until `on` or later, if the viewer may know
/// it. For other viewers, acknowledgements have no effect on the list. Otherwise it would reveal
/// that the network has postponed a decision, and until when.
pub(super) fn acknowledged(ctx: Context<'_>, on: NaiveDate) -> Condition {
    let column = |column| Expr::col((acknowledgement::Entity, column));
    let seen = Query::select()
        .expr(Expr::cust("1"))
        .from(acknowledgement::Entity)
        .and_where(column(acknowledgement::Column::AgreementId).eq(Expr::col((Entity, Column::Id))))
        .and_where(column(acknowledgement::Column::Until).gte(on))
        // Inside the subquery, where a null condition hides nothing else.
        .cond_where(visible(ctx.with_viewer(&without_member(ctx))))
        .take();
    Condition::all().add(Expr::exists(seen))
}
