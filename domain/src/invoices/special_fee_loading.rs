//! Loading of the facts about an activity's special fees, for a run.

use ::entity::{
    activity, agreement,
    id::ActivityId,
    kind::{AgreementKind, Direction, VatRate},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, Order,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::{
    Buyer, billed_lines,
    fee_charges::{self, FeeSelection},
    revenue_accounts::LineAccounts,
    run_plan::{Item, Plan, RunInput},
    special_fees::{SpecialFees, unpaid_months},
};
use crate::{
    auth::viewer::Viewer,
    config::Network,
    context::Context,
    database::{Database, among},
    error::{Error, Result},
    fees, query,
    tax_decisions::in_force::TaxDecisions,
};

/// Returns the lines of the special fees of an activity's agreements by which money comes in, in
/// order of agreement number.
///
/// # Errors
/// NOT_FOUND for the activity.
pub(super) async fn items(
    ctx: Context<'_>,
    network: &Network,
    input: &RunInput,
    (id, issued_on): (ActivityId, NaiveDate),
    plan: &mut Plan,
) -> Result<Vec<Item>> {
    let activity = activity::Entity::find_by_id(id).one(ctx.db.read()).await?;
    let activity =
        activity.ok_or_else(|| Error::missing("activity_id", "there is no such activity"))?;
    let found = signed_agreements(ctx.db, input, id).await?;
    plan.unpaid = unpaid_months(&found, input.year);
    let is_exempt = found.iter().any(|row| row.vat_rate == Some(VatRate::Exempt));
    let viewer = Viewer::operator("invoices run");
    let special = SpecialFees {
        decisions: if is_exempt {
            TaxDecisions::on(ctx.db.read(), issued_on).await?
        } else {
            TaxDecisions::default()
        },
        // A viewer who may invoice a fee may calculate it, even without read access to the member's
        // affairs.
        fees: fees::with_allocations(ctx.with_viewer(&viewer), &found, input.year).await?,
        invoiced: fee_charges::invoiced(ctx.db.read(), &FeeSelection::Activity(id), input.year)
            .await?,
        billed: billed_lines::load(ctx.db.read(), id, input.year).await?,
        accounts: LineAccounts::load(ctx.db.read(), network).await?,
        activity: (id, activity.name),
        year: input.year,
    };
    plan.to_credit = special.billed.to_credit(|buyer| match (buyer, &input.members) {
        (Buyer::Member(member), Some(members)) => members.contains(&member),
        (Buyer::Organisation(_), Some(_)) => false,
        (_, None) => true,
    });
    Ok(found.iter().flat_map(|row| special.items(row, plan)).collect())
}

/// Returns the signed agreements of an activity that bring in fees and have begun by the end of the
/// year, in order of number.
async fn signed_agreements(
    db: &Database,
    input: &RunInput,
    activity: ActivityId,
) -> Result<Vec<agreement::Model>> {
    use agreement::Column as C;
    let last = NaiveDate::from_ymd_opt(input.year, 12, 31).unwrap_or_default();
    let mut columns = fees::columns();
    columns.extend([C::OrganisationId, C::Number, C::NumberKey, C::VatRate]);
    let of = |column: C| -> SimpleExpr { Expr::col((agreement::Entity, column)) };
    let mut select = Query::select();
    select
        .from(agreement::Entity)
        .and_where(of(C::ActivityId).eq(activity))
        .and_where(C::Direction.eq(Direction::Income))
        // Money that comes in by a cooperation agreement is a grant, which is requisitioned.
        .and_where(C::Kind.ne(AgreementKind::Cooperation))
        .and_where(of(C::SignedOn).is_not_null())
        .and_where(of(C::WithdrawnOn).is_null())
        .and_where(of(C::StartsOn).lte(last))
        .order_by_expr(of(C::NumberKey), Order::Asc)
        .order_by_expr(of(C::Id), Order::Asc);
    if let Some(members) = &input.members {
        select.and_where(among(db.backend(), of(C::MemberId), members.iter().copied()));
    }
    query::rows(db.read(), select, &columns).await
}
