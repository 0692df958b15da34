//! What the agreements of today will bring in a year.

use std::collections::HashMap;

use ::entity::{
    agreement::{Column, Entity, Model},
    allocation,
    id::{AgreementId, MemberId},
    kind::{AllocationBasis, Direction, FeeBasis},
    money::Money,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{
    Groups, Report, Sums,
    ledger::{Group, Range},
    scope::Scope,
};
use crate::{
    auth::viewer::Viewer,
    database::{Database, among, rows},
    error::{Error, Faults, Result},
    fees::{
        self,
        amounts::{Fee, amount_for},
    },
    terms,
};

/// Agreements that are reckoned together, so that a forecast of any size needs little memory.
const CHUNK: u64 = 1000;

/// What the agreements that bring money, and are signed and not ended as known today, will bring in a year, by activity and without
/// costs and grants. A fee per mille of an allocation that is not known yet is of the latest one that is. `invoices` is the
/// number of agreements that bring something. Answers the days of the year too.
///
/// # Errors
/// INVALID for a year that is none.
pub async fn forecast(db: &Database, viewer: &Viewer, year: i32) -> Result<(Range, Report)> {
    let range =
        Range::year(year).filter(|_| (1900..=2999).contains(&year)).ok_or_else(|| Error::invalid("year", "must be 1900 to 2999"))?;
    let scope = Scope::asked(db, viewer, None, None, &mut Faults::default()).await?;
    let (mut groups, mut total, mut last) = (Groups::default(), Sums::default(), None);
    while !scope.is_empty() {
        let chunk = chunk(db, &scope, range, last).await?;
        let Some(end) = chunk.last() else { break };
        last = Some(end.id);
        let allocations = allocations(db, &chunk, year).await?;
        for row in &chunk {
            let allocation = row.member_id.and_then(|member| allocations.get(&member).copied());
            let net = Fee::of(row).and_then(|fee| amount_for(&fee, allocation, &terms::of(row), year)).unwrap_or_default();
            if net != Money::ZERO {
                let vat = row.vat_rate.and_then(|rate| net.times(rate.percent(), 100)).unwrap_or_default();
                total.invoices += 1;
                let group = Group { activity: row.activity_id, ..Group::default() };
                groups.of(group)?.add(&Sums { net, vat, invoices: 1, ..Sums::default() });
            }
        }
    }
    Ok((range, super::finish(db, groups, total).await?))
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// The next agreements after `last` that may bring something in the days of `year`.
async fn chunk(db: &Database, scope: &Scope, year: Range, last: Option<AgreementId>) -> Result<Vec<Model>> {
    let today = db.clock.today();
    let columns: Vec<Column> = [Column::ActivityId, Column::VatRate].into_iter().chain(fees::columns()).collect();
    // What the term covers exactly is for the fee to say; here only what ended for good before the year is left out.
    let goes_on = Condition::any()
        .add(column(Column::EndsOn).is_null())
        .add(column(Column::EndsOn).gte(year.from))
        .add(column(Column::RenewalMonths).is_not_null().and(column(Column::NoticeGivenOn).is_null()));
    let select: SelectStatement = Query::select()
        .columns(columns.iter().map(|column| (Entity, *column)))
        .from(Entity)
        .and_where(Column::Direction.eq(Direction::Income))
        .and_where(column(Column::FeeBasis).is_not_null())
        .and_where(column(Column::SignedOn).lte(today))
        .and_where(column(Column::WithdrawnOn).is_null())
        .and_where(column(Column::StartsOn).lte(year.to))
        .cond_where(Condition::any().add(column(Column::ReplacedFrom).is_null()).add(column(Column::ReplacedFrom).gt(year.from)))
        .cond_where(goes_on)
        .cond_where(scope.of_agreements(db.backend()))
        .and_where_option(last.map(|last| column(Column::Id).gt(last)))
        .order_by_expr(column(Column::Id), Order::Asc)
        .limit(CHUNK)
        .take();
    rows(db.read(), &select, &columns).await
}

/// The allocation of all parties of each member whose fee is reckoned on it: the year's, else the latest before it.
async fn allocations(db: &Database, agreements: &[Model], year: i32) -> Result<HashMap<MemberId, Money>> {
    let per_mille = agreements.iter().filter(|row| row.fee_basis == Some(FeeBasis::PerMilleOfAllocation));
    let members: Vec<MemberId> = per_mille.filter_map(|row| row.member_id).collect();
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let column = |column: allocation::Column| Expr::col((allocation::Entity, column));
    let select = Query::select()
        .exprs([column(allocation::Column::MemberId), column(allocation::Column::Amount)])
        .from(allocation::Entity)
        .and_where(among(db.backend(), column(allocation::Column::MemberId), members))
        .and_where(allocation::Column::Basis.eq(AllocationBasis::AllParties))
        .and_where(column(allocation::Column::Year).lte(year))
        .order_by_expr(column(allocation::Column::Year), Order::Asc)
        .take();
    // Later years come later, and take the place of those before.
    let found = db.read().query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
