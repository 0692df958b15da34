//! Loading of the lines that have billed months of yearly fees.

use std::collections::HashMap;

use ::entity::{
    agreement,
    date_range::DateRange,
    id::{ActivityId, AgreementId, InvoiceId},
    invoice, invoice_line,
    kind::{FeeBasis, InvoiceKind},
    money::Money,
};
use sea_orm::{
    ConnectionTrait, ExprTrait, JoinType, Order,
    sea_query::{Alias, Expr, Query, SelectStatement, SimpleExpr},
};

use super::{
    Buyer,
    run_months::{BilledMonths, Contract, Line},
};
use crate::{
    database::sum,
    error::Result,
    fees::{amounts, billed_months::BilledLine},
    query, term_sql,
};

/// Loads the lines, in order of invoice number, by two statements.
pub(super) async fn load(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    year: i32,
) -> Result<BilledMonths> {
    use agreement::Column as C;
    let mut columns = vec![C::Id, C::MemberId, C::OrganisationId, C::FeeBasis];
    columns.extend(term_sql::COLUMNS);
    let select = Query::select()
        .from(agreement::Entity)
        .and_where(Expr::col(C::ActivityId).eq(activity))
        .take();
    let found: Vec<agreement::Model> = query::rows(db, select, &columns).await?;
    let contract = |row: agreement::Model| {
        let buyer = Buyer::of(row.member_id, row.organisation_id)?;
        let is_yearly =
            matches!(row.fee_basis, Some(FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation));
        is_yearly.then(|| (row.id, Contract { buyer, term: term_sql::of(&row) }))
    };
    let contracts: HashMap<_, _> = found.into_iter().filter_map(contract).collect();
    let lines = match amounts::year(year) {
        Some(days) => lines(db, activity, days).await?,
        None => Vec::new(),
    };
    let lines = lines.into_iter().filter(|line| contracts.contains_key(&line.agreement)).collect();
    Ok(BilledMonths { year, contracts, lines })
}

/// Loads the lines of issued invoices for the agreements of an activity, with a period that has a
/// day of the year.
async fn lines(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    days: DateRange,
) -> Result<Vec<Line>> {
    let mut found = Vec::new();
    // Credited sums of an agreement's lines on an invoice, for credit notes that name no line, such
    // as imported ones.
    let mut unnamed: HashMap<(InvoiceId, AgreementId), Money> = HashMap::new();
    for row in db.query_all(&select(activity, days)).await? {
        let (agreement, invoice): (AgreementId, InvoiceId) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let net: Money = row.try_get_by_index(4)?;
        let named: Money = row.try_get_by_index(5)?;
        let left = net - named;
        let rest = unnamed.entry((invoice, agreement)).or_insert(row.try_get_by_index(6)?);
        let taken = Ord::max(Ord::min(*rest, left), Money::ZERO);
        *rest = *rest - taken;
        let billed = BilledLine {
            period: DateRange::new(row.try_get_by_index(2)?, row.try_get_by_index(3)?),
            net,
            left: left - taken,
        };
        found.push(Line { agreement, invoice, billed });
    }
    Ok(found)
}

fn select(activity: ActivityId, days: DateRange) -> SelectStatement {
    let DateRange { from: first, to: last } = days;
    use invoice_line::Column as C;
    let line = |column: C| -> SimpleExpr { Expr::col((invoice_line::Entity, column)) };
    let document = |column: invoice::Column| -> SimpleExpr { Expr::col((invoice::Entity, column)) };
    let (credit, note) = (Alias::new("credit"), Alias::new("note"));
    let of_credit = |column: C| -> SimpleExpr { Expr::col((credit.clone(), column)) };
    let of_note = |column: invoice::Column| -> SimpleExpr { Expr::col((note.clone(), column)) };
    let named = Query::select()
        .expr(sum(of_credit(C::Net)))
        .from_as(invoice_line::Entity, credit.clone())
        .and_where(of_credit(C::CreditsLineId).eq(line(C::Id)))
        .take();
    let unnamed = Query::select()
        .expr(sum(of_credit(C::Net)))
        .from_as(invoice_line::Entity, credit.clone())
        .join_as(
            JoinType::InnerJoin,
            invoice::Entity,
            note.clone(),
            of_note(invoice::Column::Id).eq(of_credit(C::InvoiceId)),
        )
        .and_where(of_note(invoice::Column::CreditsId).eq(line(C::InvoiceId)))
        .and_where(of_credit(C::AgreementId).eq(line(C::AgreementId)))
        .and_where(of_credit(C::CreditsLineId).is_null())
        .take();
    let theirs = Query::select()
        .column(agreement::Column::Id)
        .from(agreement::Entity)
        .and_where(Expr::col(agreement::Column::ActivityId).eq(activity))
        .take();
    Query::select()
        .exprs([C::AgreementId, C::InvoiceId, C::PeriodFrom, C::PeriodTo, C::Net].map(line))
        .exprs([SimpleExpr::from(named), SimpleExpr::from(unnamed)])
        .from(invoice_line::Entity)
        .inner_join(invoice::Entity, document(invoice::Column::Id).eq(line(C::InvoiceId)))
        .and_where(document(invoice::Column::Kind).eq(InvoiceKind::Invoice))
        .and_where(document(invoice::Column::IssuedOn).is_not_null())
        .and_where(line(C::AgreementId).in_subquery(theirs))
        .and_where(line(C::Net).gt(0))
        .and_where(line(C::PeriodFrom).lte(last))
        .and_where(line(C::PeriodTo).gte(first))
        .order_by_expr(document(invoice::Column::NumberKey), Order::Asc)
        .order_by_expr(line(C::InvoiceId), Order::Asc)
        .order_by_expr(line(C::Position), Order::Asc)
        .take()
}
