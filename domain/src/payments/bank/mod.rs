//! Payments as reported by bank files: stored permanently, matched with invoices automatically or
//! manually, or excluded.

pub mod bookkeeping;
mod booking;
mod candidates;
pub mod deduplication;
pub mod duplicates;
mod entries;
pub mod exclude;
pub mod import;
pub mod incoming;
pub mod integrity;
pub mod listing;
pub(super) mod loading;
pub(crate) mod manual_payments;
pub mod mark_duplicate;
mod match_checks;
pub mod match_payment;
mod matching;
pub mod observation;
mod parts;
pub mod payer_references;
pub mod reopen;
pub mod sameness;
pub mod status;

use std::collections::HashMap;

use ::entity::{
    bank_payment::{Column, Entity, Model},
    id::BankPaymentId,
    kind::BankFinding,
    money::Money,
    payment,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};

pub use self::status::{State, state};
use crate::{
    activity_slugs::ListFilter,
    audit::{self, Change},
    auth::viewer::Resource,
    context::Context,
    database::among_words,
    error::{Error, Result},
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// Filter of bank payments; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; empty: in any.
    pub states: Vec<State>,
    /// With one of these results of the matching at import; empty: with any.
    pub findings: Vec<BankFinding>,
    /// Words, or beginnings of words, that must all occur in the payer's name, the references or
    /// the message: see [`search`].
    pub search: Option<String>,
    /// In the bank on this day or later.
    pub from: Option<NaiveDate>,
    /// In the bank on this day or earlier.
    pub to: Option<NaiveDate>,
}

impl ListFilter for Filter {}

/// Returns the sum that is not matched; negative for a return by the bank.
#[must_use]
pub fn left(row: &Model) -> Money {
    row.amount - row.matched
}

/// Fields that bank payments can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Day in the bank.
    ReceivedOn,
    /// Amount.
    Amount,
}

/// Returns the order of bank payments by a field.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::ReceivedOn => ("RECEIVED_ON", column(Column::BookedOn), KeyType::Day),
        Field::Amount => ("AMOUNT", column(Column::Amount), KeyType::Number),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Returns the condition that a bank payment has this state; must agree with [`state`]. The
/// expressions are the same as in the partial indexes, so that they are used.
fn has_state(state: State) -> Condition {
    let own = |conditions: &[&'static str]| {
        conditions.iter().fold(Condition::all(), |all, part| all.add(Expr::cust(*part)))
    };
    let (counts, unmatched) = ("duplicate_of_id IS NULL", "matched <> amount");
    match state {
        State::Duplicate => own(&["duplicate_of_id IS NOT NULL"]),
        State::Matched => own(&[counts, "matched = amount"]),
        State::Excluded => own(&[counts, unmatched, "set_aside_on IS NOT NULL"]),
        State::Pending => own(&[counts, unmatched, "set_aside_on IS NULL"]),
    }
}

/// Selects the bank payments that the viewer may read and that match the filter. A viewer may read
/// all of them or none, since an unmatched payment belongs to no member.
fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !ctx.viewer.visibility(Resource::Invoices).all {
        select.and_where(query::nothing());
    }
    match filter.states.as_slice() {
        [] => {}
        // Without an OR, so that the partial index is used.
        [one] => _ = select.cond_where(has_state(*one)),
        several => {
            let any = several.iter().fold(Condition::any(), |any, one| any.add(has_state(*one)));
            select.cond_where(any);
        }
    }
    if !filter.findings.is_empty() {
        let words = filter.findings.iter().map(|finding| finding.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Finding), words));
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::BankPayment,
        column(Column::Id),
        text,
    ));
    select
        .and_where_option(filter.from.map(|day| column(Column::BookedOn).gte(day)))
        .and_where_option(filter.to.map(|day| column(Column::BookedOn).lte(day)));
    select
}

/// Returns a page of the bank payments that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the bank payments that match the filter.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns the time of the first import of a bank payment that matches the filter; `None` if none
/// does.
pub async fn first_imported_at(ctx: Context<'_>, filter: &Filter) -> Result<Option<DateTime<Utc>>> {
    let select = matching(ctx, filter).expr(column(Column::ImportedAt).min()).take();
    let row = ctx.db.read().query_one(&select).await?;
    let first = row.map(|row| row.try_get_by_index::<Option<DateTime<Utc>>>(0)).transpose()?;
    Ok(first.flatten())
}

/// Returns those of these bank payments that the viewer may read, in no order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[BankPaymentId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, matching(ctx, &Filter::default()), Column::Id, ids, &[], columns)
        .await
}

/// Returns the payments made from each of these bank payments, and their reversals, by day. The
/// caller must have checked that the viewer may read the bank payments.
pub async fn payments_of(
    ctx: Context<'_>,
    ids: &[BankPaymentId],
) -> Result<HashMap<BankPaymentId, Vec<payment::Model>>> {
    let order = [payment::Column::ReceivedOn, payment::Column::Id];
    let mut found: HashMap<BankPaymentId, Vec<payment::Model>> = HashMap::new();
    for (id, payment) in parts::payments_of(ctx.db.read(), ids.iter().copied(), &order).await? {
        found.entry(id).or_default().push(payment);
    }
    Ok(found)
}

/// Returns a bank payment, for a change of it.
pub(super) async fn find(db: &impl ConnectionTrait, id: BankPaymentId) -> Result<Model> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::missing("bank_payment_id", "there is no such bank payment"))
}

/// Writes the changed bank payment and commits.
pub(super) async fn replace(mut change: Change, before: &Model, after: Model) -> Result<()> {
    audit::replace(&change, after.clone()).await?;
    change.record(Some(before), Some(&after))?;
    change.commit_with(before.id).await
}
