//! Queries of the trail: pages of it, and the entries about an object.

use std::collections::HashMap;

use ::entity::{
    audit_entry::{self, Column, Entity},
    kind::{Form, SubjectKind},
    partial::PartialRow,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{action::Action, history::History, reads, sealing};
use crate::{
    activity_slugs::ListFilter,
    auth::viewer::TrailVisibility,
    context::Context,
    database::among_numbers,
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query,
};

/// A filter of entries; all parts must match.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// By this subject.
    pub actor: Option<String>,
    /// About this object.
    pub subject: Option<Uuid>,
    /// Not before this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
}

impl ListFilter for Filter {}

/// Returns the order of the trail, by time.
#[must_use]
pub fn order(descending: bool) -> Order {
    let revision = Expr::col((Entity, Column::Revision));
    // The revision is unique; the subject only fills the position of the tie-breaker.
    Order {
        name: "REVISION",
        key: revision,
        key_type: KeyType::Number,
        id: Expr::col((Entity, Column::SubjectId)),
        descending,
    }
}

/// The forms of objects that the accounts and invoices permissions allow to change.
const ACCOUNTS: [Form; 20] = [
    Form::Allocation,
    Form::Cost,
    Form::CostFile,
    Form::Grant,
    Form::Requisition,
    Form::FeeSchedule,
    Form::TaxDecision,
    Form::Invoice,
    Form::FeeCharge,
    Form::Reminder,
    Form::Adjustment,
    Form::InvoiceContent,
    Form::InvoicePdf,
    Form::InvoiceXml,
    Form::BankPayment,
    Form::BankPaymentPart,
    Form::ExportBatch,
    Form::VoucherImport,
    Form::BooksClosing,
    Form::ReferenceRate,
];

/// Selects the entries that the viewer can read; the condition is empty if it can read all of them.
pub(crate) fn visible(ctx: Context<'_>) -> Condition {
    match ctx.viewer.trail() {
        TrailVisibility::All => Condition::all(),
        TrailVisibility::Accounts => {
            let words = ACCOUNTS.map(Form::word).join("', '");
            let own = Expr::cust(format!("\"audit_entry\".\"form\" IN ('{words}')"));
            Condition::all().add(own)
        }
        TrailVisibility::Nothing => Condition::all().add(query::nothing()),
    }
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).cond_where(visible(ctx)).take();
    if let Some(actor) = &filter.actor {
        select.and_where(Column::Actor.eq(actor.as_str()));
    }
    if let Some(subject) = filter.subject {
        select.and_where(Column::SubjectId.eq(subject));
    }
    if let Some(from) = filter.from {
        select.and_where(Column::At.gte(from));
    }
    if let Some(to) = filter.to {
        select.and_where(Column::At.lt(to));
    }
    select
}

/// Logs the reads of contacts whose texts the entries have. An entry that was loaded with a text
/// was loaded with its kind of object.
fn note<'e>(
    ctx: Context<'_>,
    entries: impl IntoIterator<Item = &'e audit_entry::Model>,
) -> Result<()> {
    let shown = |entry: &&audit_entry::Model| {
        entry.subject_kind == SubjectKind::Contact
            && (entry.before.is_some() || entry.after.is_some())
    };
    reads::note(ctx, entries.into_iter().filter(shown).map(|entry| entry.subject_id.into()))
}

/// Opens the texts of entries of several lists.
async fn open_in_place<'e>(
    ctx: Context<'_>,
    entries: impl Iterator<Item = &'e mut audit_entry::Model>,
) -> Result<()> {
    let mut entries: Vec<_> = entries.collect();
    let mut opened: Vec<_> = entries.iter_mut().map(|entry| std::mem::take(*entry)).collect();
    sealing::open_all(ctx.db.read(), &mut opened).await?;
    entries.into_iter().zip(opened).for_each(|(entry, opened)| *entry = opened);
    Ok(())
}

/// Returns a page of the trail; empty for a viewer who may not read it.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<audit_entry::Model>,
) -> Result<Slice<audit_entry::Model>> {
    let mut slice = page::fetch(ctx.db.read(), matching(ctx, filter), page).await?;
    open_in_place(ctx, slice.rows.iter_mut().map(|(_, entry)| entry)).await?;
    note(ctx, slice.rows.iter().map(|(_, entry)| entry))?;
    Ok(slice)
}

/// Opens the texts of entries, for the person whom they name.
pub(crate) async fn opened(
    db: &impl ConnectionTrait,
    mut entries: Vec<audit_entry::Model>,
) -> Result<Vec<audit_entry::Model>> {
    sealing::open_all(db, &mut entries).await?;
    Ok(entries)
}

/// Returns the number of entries. May stop above `at_most`, as [`page::count_at_most`] does.
pub async fn count(ctx: Context<'_>, filter: &Filter, at_most: Option<u64>) -> Result<i64> {
    page::count_at_most(ctx.db.read(), matching(ctx, filter), at_most).await
}

/// Returns the last revision, which only a change increases; 0 for an empty trail.
pub async fn revision(ctx: Context<'_>) -> Result<i64> {
    revision_in(ctx.db.read()).await
}

/// Returns the last revision that a transaction sees; 0 for an empty trail.
pub async fn revision_in(db: &impl ConnectionTrait) -> Result<i64> {
    let select = Query::select().from(Entity).expr(Expr::col(Column::Revision).max()).take();
    let row = db.query_one(&select).await?;
    Ok(row
        .map(|row| row.try_get_by_index::<Option<i64>>(0))
        .transpose()?
        .flatten()
        .unwrap_or_default())
}

/// Returns the entries of these revisions; none for a viewer who may not read the trail.
pub async fn by_revisions(ctx: Context<'_>, revisions: &[i64]) -> Result<Vec<audit_entry::Model>> {
    let columns = audit_entry::Model::every_column();
    let mut select = matching(ctx, &Filter::default());
    let own = query::column(Column::Revision);
    select.and_where(among_numbers(ctx.db.backend(), own, revisions));
    let mut found: Vec<audit_entry::Model> = query::rows(ctx.db.read(), select, &columns).await?;
    sealing::open_all(ctx.db.read(), &mut found).await?;
    note(ctx, &found)?;
    Ok(found)
}

/// Returns the same page of the entries about each of these objects; empty for a viewer who may not
/// read them.
pub async fn of_each(
    ctx: Context<'_>,
    history: History,
    ids: &[Uuid],
    page: &PageRequest<audit_entry::Model>,
) -> Result<HashMap<Uuid, Slice<audit_entry::Model>>> {
    let mut select = matching(ctx, &Filter::default());
    select.and_where(history.is_own());
    let mut found =
        page::fetch_each(ctx.db.read(), select, page, ids, |id| history.id().eq(id)).await?;
    let opened = found.values_mut().flat_map(|slice| slice.rows.iter_mut());
    open_in_place(ctx, opened.map(|(_, entry)| entry)).await?;
    let shown = found.values().flat_map(|slice| slice.rows.iter());
    note(ctx, shown.map(|(_, entry)| entry))?;
    Ok(found)
}

/// Counts the entries about each of these objects. An object without entries has none here.
pub async fn count_each(
    ctx: Context<'_>,
    history: History,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, i64>> {
    page::count_each(ctx.db.read(), about(ctx, history, ids), history.id()).await
}

fn about(ctx: Context<'_>, history: History, ids: &[Uuid]) -> SelectStatement {
    let mut select = matching(ctx, &Filter::default());
    select.cond_where(history.entries(ctx.db.backend(), ids));
    select
}

/// Returns the action that last changed an object; `None` if there is no entry.
pub async fn last_action(
    db: &impl ConnectionTrait,
    subject: impl Into<Uuid>,
) -> Result<Option<String>> {
    let select = Entity::find()
        .select_only()
        .column(Column::Action)
        .filter(Column::SubjectId.eq(subject.into()));
    let select = select.filter(Column::Action.is_not_in(Action::TrailMigrate.words()));
    Ok(select.order_by_desc(Column::Revision).into_tuple().one(db).await?)
}
