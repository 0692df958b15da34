//! Invoices and credit notes: visibility, queries and parts.

pub mod accrual;
pub mod adjustments;
pub mod amounts;
pub(crate) mod bulk_insert;
pub mod counted_payments;
pub mod creditable;
pub(crate) mod draft_checks;
pub(crate) mod draft_line_loading;
pub mod draft_lines;
mod draft_facts;
mod draft_references;
pub mod draft_status;
pub mod loading;
pub(crate) mod naming;
pub mod payment_allocation;
pub(crate) mod payment_rejections;
pub(crate) mod posting;
pub mod integrity;
mod billed_lines;
mod charge_status;
pub mod fact_loading;
mod fee_charges;
mod fee_lines;
pub mod claim_terms;
pub mod credit;
pub mod date_order;
mod difference_filter;
pub mod differences;
mod document_content;
pub mod documents;
pub mod discard_draft;
pub mod draft;
pub mod fee_decision;
pub mod interest_rows;
pub mod issue;
pub mod issue_day;
pub mod issue_each;
pub mod issue_new;
pub mod issue_renderer;
mod line_taxes;
mod member_fees;
pub mod lines;
pub mod listing;
mod number_series;
mod numbers;
pub mod parties;
pub mod parts;
pub mod revenue_accounts;
pub mod invoice_run;
pub mod run_months;
pub mod run_plan;
mod settlement;
mod special_fee_loading;
mod special_fees;
pub mod status_filter;
pub mod stored_allocation;
pub mod stored_totals;
mod stored_totals_sql;
pub mod supply_date;
pub mod totals_delta;
pub mod update_draft;
pub mod vat_rates;
pub mod vat_scope;
pub mod aggregate;
pub mod small_differences;
pub mod write_off;

use std::{cmp::max, collections::HashMap};

use ::entity::{
    activity, agreement,
    id::{AgreementId, InvoiceId, MemberId, OrganisationId},
    invoice::{Column, Entity, Model},
    invoice_line,
    kind::InvoiceKind,
    money::Money,
    partial::PartialRow,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, DbBackend, ExprTrait, JoinType,
    sea_query::{Alias, Expr, Query, SelectStatement, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::{amounts::State, differences::Difference};
use crate::{
    activity_slugs::ListFilter,
    agreements::{self, Counterparty},
    auth::viewer::Resource,
    context::Context,
    database::{among, among_words, fixed_day, fixed_word},
    error::Result,
    members::succession,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column, day_or_never},
    search::{self, EntityType, condition::Search},
};

/// A buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Buyer {
    /// A member.
    Member(MemberId),
    /// A counterparty that is not a member.
    Organisation(OrganisationId),
}

impl Buyer {
    /// Returns the buyer of a row, from the two columns that store it.
    #[must_use]
    pub fn of(member: Option<MemberId>, organisation: Option<OrganisationId>) -> Option<Self> {
        member.map(Self::Member).or(organisation.map(Self::Organisation))
    }
}

impl From<Counterparty> for Buyer {
    fn from(counterparty: Counterparty) -> Self {
        match counterparty {
            Counterparty::Member(id) => Self::Member(id),
            Counterparty::Organisation(id) => Self::Organisation(id),
        }
    }
}

/// Filter of invoices; all conditions must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// In one of these states on `as_of`; empty: in any.
    pub states: Vec<State>,
    /// Day of the state; null: today.
    pub as_of: Option<NaiveDate>,
    /// Of this kind.
    pub kind: Option<InvoiceKind>,
    /// With a line of one of these activities, by slug; empty: of any or none.
    pub activities: Vec<String>,
    /// To this buyer.
    pub buyer: Option<Buyer>,
    /// With a line of this agreement; matches nothing if the viewer can't read the agreement.
    pub agreement: Option<AgreementId>,
    /// Issued on this day or later.
    pub issued_from: Option<NaiveDate>,
    /// Issued on this day or earlier.
    pub issued_to: Option<NaiveDate>,
    /// With a last day to pay on this day or later.
    pub due_from: Option<NaiveDate>,
    /// With a last day to pay on this day or earlier.
    pub due_to: Option<NaiveDate>,
    /// `true` if more than the total is paid; `false` if not.
    pub overpaid: Option<bool>,
    /// With one of these differences between the paid sum and the total; empty: with any or none.
    pub differences: Vec<Difference>,
    /// Words, or beginnings of words, that must all occur in the number, the payment reference, the
    /// buyer's names, the references or the text of the lines: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![("activity_slugs", &self.activities)]
    }
}

/// Fields that invoices can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Number in natural order; drafts first.
    Number,
    /// Day of issue; drafts last.
    IssuedOn,
    /// Last day to pay; invoices without one last.
    DueOn,
    /// Sum to be paid.
    Total,
}

/// Returns the order of invoices by a field.
#[must_use]
pub fn order(backend: DbBackend, field: Field, descending: bool) -> Order {
    let day = |column| day_or_never(backend, column);
    let (name, key, key_type) = match field {
        Field::Number => ("NUMBER", column(Column::NumberKey), KeyType::Text),
        Field::IssuedOn => ("ISSUED_ON", day(Column::IssuedOn), KeyType::Day),
        Field::DueOn => ("DUE_ON", day(Column::DueOn), KeyType::Day),
        Field::Total => ("TOTAL", column(Column::Total), KeyType::Number),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Condition for the invoices that the viewer may read: all, or those issued to its own member.
#[must_use]
pub fn visible(ctx: Context<'_>) -> Condition {
    let visibility = ctx.viewer.visibility(Resource::Invoices);
    match (visibility.all, visibility.member) {
        (true, _) => Condition::all(),
        (false, Some(own)) => Condition::all()
            .add(succession::is_own(&visibility, own, column(Column::MemberId)))
            .add(column(Column::IssuedOn).is_not_null()),
        (false, None) => Condition::all().add(query::nothing()),
    }
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(ctx)).take()
}

/// Selects the invoices with a line of this agreement; none if the viewer can't read it.
fn of_agreement(ctx: Context<'_>, id: AgreementId) -> SelectStatement {
    let own = |column: invoice_line::Column| Expr::col((invoice_line::Entity, column));
    let readable = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .and_where(Expr::col((agreement::Entity, agreement::Column::Id)).eq(id))
        .cond_where(agreements::visible(ctx))
        .take();
    Query::select()
        .expr(own(invoice_line::Column::InvoiceId))
        .from(invoice_line::Entity)
        .and_where(own(invoice_line::Column::AgreementId).in_subquery(readable))
        .take()
}

impl Filter {
    /// Returns the day of the state.
    fn day(&self, ctx: Context<'_>) -> NaiveDate {
        self.as_of.unwrap_or_else(|| ctx.clock.today())
    }

    /// `true` if few of all invoices match it, whatever the state.
    fn is_short(&self) -> bool {
        self.buyer.is_some()
            || self.agreement.is_some()
            || !self.activities.is_empty()
            || self.search.as_deref().is_some_and(|text| !text.trim().is_empty())
    }
}

/// Adds the conditions of a filter to a statement that selects few of all invoices.
fn narrow(ctx: Context<'_>, mut select: SelectStatement, filter: &Filter) -> SelectStatement {
    if !filter.states.is_empty() {
        let (backend, on) = (ctx.db.backend(), filter.day(ctx));
        select.cond_where(status_filter::has_state(backend, &filter.states, on));
    }
    narrow_any_state(ctx, select, filter)
}

/// Adds the conditions of a filter without the state.
fn narrow_any_state(
    ctx: Context<'_>,
    mut select: SelectStatement,
    filter: &Filter,
) -> SelectStatement {
    if let Some(overpaid) = filter.overpaid {
        select.cond_where(difference_filter::is_overpaid(overpaid));
    }
    if !filter.differences.is_empty() {
        select.cond_where(difference_filter::has_difference(&filter.differences));
    }
    if let Some(kind) = filter.kind {
        select.and_where(column(Column::Kind).eq(fixed_word(kind.word())));
    }
    if !filter.activities.is_empty() {
        let activities = Query::select()
            .column(activity::Column::Id)
            .from(activity::Entity)
            .and_where(among_words(
                ctx.db.backend(),
                Expr::col((activity::Entity, activity::Column::Slug)),
                &filter.activities,
            ))
            .take();
        let of_activity = Query::select()
            .column(invoice_line::Column::InvoiceId)
            .from(invoice_line::Entity)
            .and_where(
                Expr::col((invoice_line::Entity, invoice_line::Column::ActivityId))
                    .in_subquery(activities),
            )
            .take();
        select.and_where(column(Column::Id).in_subquery(of_activity));
    }
    match filter.buyer {
        Some(Buyer::Member(member)) => select.and_where(column(Column::MemberId).eq(member)),
        Some(Buyer::Organisation(organisation)) => {
            select.and_where(column(Column::OrganisationId).eq(organisation))
        }
        None => &mut select,
    };
    if let Some(agreement) = filter.agreement {
        let invoices = of_agreement(ctx, agreement);
        select.and_where(column(Column::Id).in_subquery(invoices));
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::Invoice,
        column(Column::Id),
        text,
    ));
    select
        .and_where_option(
            filter.issued_from.map(|day| column(Column::IssuedOn).gte(fixed_day(day))),
        )
        .and_where_option(filter.issued_to.map(|day| column(Column::IssuedOn).lte(fixed_day(day))))
        .and_where_option(filter.due_from.map(|day| column(Column::DueOn).gte(fixed_day(day))))
        .and_where_option(filter.due_to.map(|day| column(Column::DueOn).lte(fixed_day(day))));
    select
}

pub(crate) fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx);
    if filter.is_short() || !ctx.viewer.visibility(Resource::Invoices).all {
        return narrow(ctx, select, filter);
    }
    if !filter.states.is_empty() {
        let (backend, on) = (ctx.db.backend(), filter.day(ctx));
        select.cond_where(status_filter::has_state_among_all(backend, &filter.states, on));
    }
    narrow_any_state(ctx, select, filter)
}

/// Returns the statement of [`matching`] in two parts without a common row, if an index finds the
/// rows of each: those of open invoices.
fn open_parts(ctx: Context<'_>, filter: &Filter) -> Option<[SelectStatement; 2]> {
    if filter.is_short() || !ctx.viewer.visibility(Resource::Invoices).all {
        return None;
    }
    let backend = ctx.db.backend();
    let kind = |kind: InvoiceKind| column(Column::Kind).eq(fixed_word(kind.word()));
    let kind = filter.kind.map(|own| query::unindexed(backend, kind(own)));
    let others = Filter { kind: None, ..filter.clone() };
    let part = |state: Condition| {
        let state = state.add_option(kind.clone());
        narrow_any_state(ctx, select(ctx).cond_where(state).take(), &others)
    };
    Some(status_filter::open_parts(backend, &filter.states, filter.day(ctx))?.map(part))
}

/// Returns the search of a filter that has no other condition, if the viewer can read all rows.
fn searched(ctx: Context<'_>, filter: &Filter) -> Option<Search> {
    let is_alone = *filter == Filter { search: filter.search.clone(), ..Filter::default() };
    let text = filter.search.as_deref().filter(|_| is_alone);
    let search = Search::of(ctx.db.backend(), EntityType::Invoice, text)?;
    ctx.viewer.visibility(Resource::Invoices).all.then_some(search)
}

/// Returns a page of the invoices that the viewer may read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    if let Some(search) = searched(ctx, filter) {
        return page::fetch_searched(ctx.db.read(), select(ctx), &search, page).await;
    }
    match open_parts(ctx, filter) {
        Some(parts) => page::fetch_of_parts(ctx.db.read(), select(ctx), parts, page).await,
        None => page::fetch(ctx.db.read(), matching(ctx, filter), page).await,
    }
}

/// Counts the invoices that the viewer may read and that match the filter. May stop above
/// `at_most`, as [`page::count_at_most`] does.
pub async fn count(ctx: Context<'_>, filter: &Filter, at_most: Option<u64>) -> Result<i64> {
    if let Some(search) = searched(ctx, filter) {
        return page::count_at_most(ctx.db.read(), search.select(), at_most).await;
    }
    match open_parts(ctx, filter) {
        Some(parts) => page::count_parts(ctx.db.read(), parts, at_most).await,
        None => page::count_at_most(ctx.db.read(), matching(ctx, filter), at_most).await,
    }
}

/// Returns those of these invoices that the viewer may read, in no order.
pub async fn by_ids(ctx: Context<'_>, ids: &[InvoiceId], columns: &[Column]) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx), Column::Id, ids, &[], columns).await
}

/// Returns the invoice with this number if the viewer may read it, else the credit note: each kind
/// has a series of its own.
pub async fn by_number(
    ctx: Context<'_>,
    number: &str,
    columns: &[Column],
) -> Result<Option<Model>> {
    for kind in [InvoiceKind::Invoice, InvoiceKind::CreditNote] {
        let mut select = select(ctx);
        select.and_where(Column::Kind.eq(kind)).and_where(Column::Number.eq(number));
        if let Some(found) = query::rows(ctx.db.read(), select, columns).await?.pop() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Returns the invoice with this OCR reference, if the viewer may read it.
pub async fn by_ocr(ctx: Context<'_>, ocr: &str, columns: &[Column]) -> Result<Option<Model>> {
    query::row(ctx.db, select(ctx), Column::Ocr.eq(ocr), columns).await
}

/// Returns the credit notes of each of these invoices that the viewer may read, in order of number.
pub async fn credit_notes_of(
    ctx: Context<'_>,
    invoices: &[InvoiceId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(
        ctx.db,
        select(ctx),
        Column::CreditsId,
        invoices,
        &[Column::NumberKey, Column::Id],
        columns,
    )
    .await
}

/// Parent of nested invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The buyer, a member.
    Member,
    /// An agreement of one of the lines.
    Agreement,
}

impl Parent {
    /// Returns the condition that an invoice is one of this parent's.
    fn has(self, parent: SimpleExpr) -> SimpleExpr {
        match self {
            Self::Member => column(Column::MemberId).eq(parent),
            Self::Agreement => {
                let line = |column| Expr::col((invoice_line::Entity, column));
                let lines = Query::select()
                    .expr(line(invoice_line::Column::InvoiceId))
                    .from(invoice_line::Entity)
                    .and_where(line(invoice_line::Column::AgreementId).eq(parent))
                    .take();
                column(Column::Id).in_subquery(lines)
            }
        }
    }

    /// Selects the invoices of these parents, and returns the expression of the parent of each.
    fn select(self, ctx: Context<'_>, parents: &[Uuid]) -> (SelectStatement, SimpleExpr) {
        let mut select = Query::select();
        select.cond_where(visible(ctx));
        match self {
            Self::Member => {
                select.from(Entity).and_where(among(
                    ctx.db.backend(),
                    column(Column::MemberId),
                    parents.iter().copied(),
                ));
                (select, column(Column::MemberId))
            }
            Self::Agreement => {
                select.from_subquery(with_agreement(ctx, parents), Entity);
                (select, Expr::col((Entity, Alias::new(AGREEMENT))))
            }
        }
    }
}

/// Name of the column that [`with_agreement`] adds: the id of the agreement.
const AGREEMENT: &str = "of_agreement";

/// Subquery that stands for the invoice table: returns an invoice for each agreement among
/// `agreements` that its lines are about, with the agreement in a column of its own.
fn with_agreement(ctx: Context<'_>, agreements: &[Uuid]) -> SelectStatement {
    let pair = Alias::new("pair");
    let agreement = Expr::col((invoice_line::Entity, invoice_line::Column::AgreementId));
    let pairs = Query::select()
        .distinct()
        .expr(agreement.clone())
        .column((invoice_line::Entity, invoice_line::Column::InvoiceId))
        .from(invoice_line::Entity)
        .and_where(among(ctx.db.backend(), agreement, agreements.iter().copied()))
        .take();
    let mut select = Query::select();
    select.columns(Model::every_column().into_iter().map(|own| (Entity, own))).expr_as(
        Expr::col((pair.clone(), invoice_line::Column::AgreementId)),
        Alias::new(AGREEMENT),
    );
    let joined =
        Expr::col((pair.clone(), invoice_line::Column::InvoiceId)).equals((Entity, Column::Id));
    select.from_subquery(pairs, pair).join(JoinType::InnerJoin, Entity, joined).take()
}

/// Returns the same page of the invoices of each of these parents. The caller must have checked
/// that the viewer may read the parents.
pub async fn of_each(
    ctx: Context<'_>,
    of: Parent,
    parents: &[Uuid],
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<HashMap<Uuid, Slice<Model>>> {
    let select = narrow(ctx, select(ctx), filter);
    page::fetch_each(ctx.db.read(), select, page, parents, |parent| of.has(parent)).await
}

/// Counts the invoices of each of these parents; parents without any are left out.
pub async fn count_each(
    ctx: Context<'_>,
    of: Parent,
    parents: &[Uuid],
    filter: &Filter,
) -> Result<HashMap<Uuid, i64>> {
    let (select, parent) = of.select(ctx, parents);
    page::count_each(ctx.db.read(), narrow(ctx, select, filter), parent).await
}

/// Returns the sum that is still to be paid: the total without what was paid, credited and written
/// off, never below zero. A credit note is never paid.
#[must_use]
pub fn outstanding(row: &Model) -> Money {
    match row.kind {
        InvoiceKind::Invoice => {
            max(Money::ZERO, row.total - row.paid - row.credited - row.written_off)
        }
        InvoiceKind::CreditNote => Money::ZERO,
    }
}

/// Returns the paid, credited and written-off sum beyond the total, which is to be paid back.
#[must_use]
pub fn overpaid(row: &Model) -> Money {
    match row.kind {
        InvoiceKind::Invoice => {
            max(Money::ZERO, row.paid + row.credited + row.written_off - row.total)
        }
        InvoiceKind::CreditNote => Money::ZERO,
    }
}
