//! Loading of a draft with all facts that it is issued with, before the lock of writers is taken.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, adjustment, agreement,
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line, member, member_billing, organisation,
    partial::PartialRow,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, ExprTrait, FromQueryResult, Order, QueryResult,
    sea_query::{Alias, Expr, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{
    aggregate::InvoiceAggregate,
    claim_terms::Agreed,
    document_content::Names,
    documents,
    draft::{self, NewDraft, NewInvoice},
    fact_loading::{member_facts, organisation_facts},
    line_taxes, loading,
    parties::{BuyerFacts, Buyers, buyer_of},
};
use crate::{
    config::Network,
    context::Context,
    error::{Result, ValidationErrors},
    tax_decisions::in_force::TaxDecisions,
};

/// Prefix of the columns of a line.
const LINE: &str = "line_";

/// A draft with the facts that it is issued with.
#[derive(Debug)]
pub(super) struct DraftFacts {
    pub(super) draft: InvoiceAggregate,
    pub(super) buyers: Buyers,
    pub(super) names: Names,
    pub(super) agreed: Agreed,
    /// Empty unless a line is of a fee.
    pub(super) decisions: TaxDecisions,
}

impl DraftFacts {
    /// Loads an invoice for issue on this day; `None` if it does not exist. One statement, and one
    /// for each kind of fact that few invoices have: tax decisions, agreements, a corrected
    /// invoice.
    pub(super) async fn load(
        db: &impl ConnectionTrait,
        id: InvoiceId,
        issued_on: NaiveDate,
    ) -> Result<Option<Self>> {
        let Some((mut draft, buyers, mut names, has_parts)) =
            read(&db.query_all(&select(id)).await?)?
        else {
            return Ok(None);
        };
        if has_parts
            && let Some((_, payments, adjustments)) =
                loading::parts_of(db, BTreeSet::from([id])).await?.remove(&id)
        {
            (draft.payments, draft.adjustments) = (payments, adjustments);
        }
        let other = draft.row.credits_id.or(draft.row.corrects_id);
        names.invoices = documents::references(db, other.into_iter().collect()).await?;
        let agreed = Agreed::load(db, &draft.lines).await?;
        let decisions = decisions(db, &draft, issued_on).await?;
        Ok(Some(Self { draft, buyers, names, agreed, decisions }))
    }

    /// Prepares a draft that is not stored, for issue on this day. `new` is the input, today and
    /// the day of issue.
    ///
    /// # Errors
    /// As [`draft::prepare`].
    pub(super) async fn of_new(
        ctx: Context<'_>,
        db: &impl ConnectionTrait,
        network: &Network,
        (new, today, issued_on): (NewInvoice, NaiveDate, NaiveDate),
        errors: ValidationErrors,
    ) -> Result<Self> {
        let NewDraft { aggregate: draft, buyers } =
            draft::prepare(ctx, db, (network, today), new, errors).await?;
        let names = Names::load(db, std::slice::from_ref(&draft)).await?;
        let agreed = Agreed::load(db, &draft.lines).await?;
        let decisions = decisions(db, &draft, issued_on).await?;
        Ok(Self { draft, buyers, names, agreed, decisions })
    }

    /// Returns the ids of the invoices that the facts about the one with this id depend on.
    pub(super) fn own(facts: Option<&Self>, id: InvoiceId) -> Vec<Uuid> {
        let row = facts.map(|facts| &facts.draft.row);
        let other = row.and_then(|row| row.credits_id.or(row.corrects_id));
        [Some(id), other].into_iter().flatten().map(|id| id.0).collect()
    }
}

/// Loads the tax decisions in force on the day of issue if a line is of a fee, else none.
async fn decisions(
    db: &impl ConnectionTrait,
    draft: &InvoiceAggregate,
    issued_on: NaiveDate,
) -> Result<TaxDecisions> {
    if line_taxes::has_fee(draft) {
        TaxDecisions::on(db, issued_on).await
    } else {
        Ok(TaxDecisions::default())
    }
}

/// Returns the statement: a row for each line, or one without a line.
fn select(id: InvoiceId) -> SelectStatement {
    let of = |table: &'static str, column: &'static str| -> SimpleExpr {
        Expr::col((Alias::new(table), Alias::new(column)))
    };
    let payments = Query::select()
        .expr(Expr::val(1))
        .from(payment::Entity)
        .and_where(payment::Column::InvoiceId.eq(id))
        .take();
    let adjustments = Query::select()
        .expr(Expr::val(1))
        .from(adjustment::Entity)
        .and_where(adjustment::Column::InvoiceId.eq(id))
        .take();
    let mut select = Query::select();
    for column in invoice::Model::every_column() {
        select.column((invoice::Entity, column));
    }
    select
        .expr(of("activity", "name"))
        .expr(of("agreement", "number"))
        .expr(Expr::exists(payments).or(Expr::exists(adjustments)));
    for (of_member, of_organisation) in member_facts().into_iter().zip(organisation_facts()) {
        select.expr(Func::coalesce([of_member, of_organisation]));
    }
    for column in invoice_line::Model::every_column() {
        let name = Alias::new(format!("{LINE}{}", name_of(column)));
        select.expr_as(Expr::col((invoice_line::Entity, column)), name);
    }
    select
        .from(invoice::Entity)
        .left_join(invoice_line::Entity, of("invoice_line", "invoice_id").eq(of("invoice", "id")))
        .left_join(activity::Entity, of("activity", "id").eq(of("invoice_line", "activity_id")))
        .left_join(agreement::Entity, of("agreement", "id").eq(of("invoice_line", "agreement_id")))
        .left_join(member::Entity, of("member", "id").eq(of("invoice", "member_id")))
        .left_join(
            member_billing::Entity,
            of("member_billing", "member_id").eq(of("invoice", "member_id")),
        )
        .left_join(
            organisation::Entity,
            of("organisation", "id").eq(of("invoice", "organisation_id")),
        )
        .and_where(invoice::Column::Id.eq(id))
        .order_by((invoice_line::Entity, invoice_line::Column::Position), Order::Asc)
        .take()
}

fn name_of<C: ColumnTrait>(column: C) -> String {
    column.as_str().to_owned()
}

/// Reads the rows of [`select`]: the invoice, its buyer, the names that its lines refer to, and a
/// flag that is set if it has payments or adjustments.
fn read(
    rows: &[QueryResult],
) -> std::result::Result<Option<(InvoiceAggregate, Buyers, Names, bool)>, DbErr> {
    let Some(first) = rows.first() else { return Ok(None) };
    let columns = invoice::Model::every_column();
    let mut draft =
        InvoiceAggregate { row: invoice::Model::read(first, &columns)?, ..Default::default() };
    let (activity, agreement, parts) = (columns.len(), columns.len() + 1, columns.len() + 2);
    let mut names = Names::default();
    for row in rows {
        let id: Option<InvoiceLineId> = row.try_get(LINE, "id")?;
        if id.is_none() {
            continue;
        }
        let line = invoice_line::Model::from_query_result(row, LINE)?;
        if let Some(id) = line.activity_id {
            names.activities.insert(id, row.try_get_by_index(activity)?);
        }
        let number: Option<String> = row.try_get_by_index(agreement)?;
        if let Some((id, number)) = line.agreement_id.zip(number) {
            names.agreements.insert(id, number);
        }
        draft.lines.push(line);
    }
    let mut buyers = HashMap::new();
    if let Some(buyer) = buyer_of(&draft.row) {
        buyers.insert(buyer, BuyerFacts::read(first, parts + 1)?);
    }
    Ok(Some((draft, Buyers(buyers), names, first.try_get_by_index(parts)?)))
}
