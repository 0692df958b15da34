//! What is asked of the trail: pages of it, and the entries about a thing.

use ::entity::{
    audit_entry::{self, Column, Entity},
    kind::{Form, SubjectKind},
    partial::PartialRow,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{migration::TRAIL_MIGRATE, reads, sealing};
use crate::{
    auth::viewer::{TrailVisibility, Viewer},
    database::{Database, among, rows},
    error::{Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
};

/// Which entries; every part narrows the others.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// By this subject.
    pub actor: Option<String>,
    /// About this thing.
    pub subject: Option<Uuid>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// The order of the trail: the latest first.
#[must_use]
pub fn order() -> Order {
    let revision = Expr::col((Entity, Column::Revision));
    // The revision alone decides; the subject only fills the place of the tie-breaker.
    Order {
        name: "REVISION",
        key: revision,
        key_type: KeyType::Number,
        id: Expr::col((Entity, Column::SubjectId)),
        descending: true,
    }
}

/// The forms of what those who keep the accounts and the invoices may change, with all that is
/// recorded of it.
const ACCOUNTS: [Form; 19] = [
    Form::Allocation,
    Form::Cost,
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

fn matching(viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    match viewer.trail() {
        TrailVisibility::All => {}
        TrailVisibility::Accounts => {
            let words = ACCOUNTS.map(Form::word).join("', '");
            select.and_where(Expr::cust(format!("\"audit_entry\".\"form\" IN ('{words}')")));
        }
        TrailVisibility::Nothing => {
            select.and_where(Expr::cust("1 = 0"));
        }
    }
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

/// Notes whose personal data the entries show, which were read with their kind whenever a text was.
fn note<'e>(
    db: &Database,
    viewer: &Viewer,
    entries: impl IntoIterator<Item = &'e audit_entry::Model>,
) -> Result<()> {
    let shown = |entry: &&audit_entry::Model| {
        entry.subject_kind == SubjectKind::Contact
            && (entry.before.is_some() || entry.after.is_some())
    };
    reads::note(db, viewer, entries.into_iter().filter(shown).map(|entry| entry.subject_id.into()))
}

/// Opens the texts of entries that stand apart.
async fn open_in_place<'e>(
    db: &Database,
    entries: impl Iterator<Item = &'e mut audit_entry::Model>,
) -> Result<()> {
    let mut entries: Vec<_> = entries.collect();
    let mut opened: Vec<_> = entries.iter_mut().map(|entry| std::mem::take(*entry)).collect();
    sealing::open_all(db.read(), &mut opened).await?;
    entries.into_iter().zip(opened).for_each(|(entry, opened)| *entry = opened);
    Ok(())
}

/// A page of the trail; empty for those who may not read it.
///
/// # Errors
/// INVALID for a bad page.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
) -> Result<Slice<audit_entry::Model>> {
    let mut errors = ValidationErrors::default();
    let order = order();
    let page = page::Page::check(args, &order, &mut errors);
    errors.finish()?;
    let mut slice =
        page::fetch(db.read(), matching(viewer, filter), columns, &order, &page).await?;
    open_in_place(db, slice.rows.iter_mut().map(|(_, entry)| entry)).await?;
    note(db, viewer, slice.rows.iter().map(|(_, entry)| entry))?;
    Ok(slice)
}

/// Entries with their texts opened, for the person that they name.
///
/// # Errors
/// INTERNAL when the database fails.
pub(crate) async fn opened(
    db: &impl ConnectionTrait,
    mut entries: Vec<audit_entry::Model>,
) -> Result<Vec<audit_entry::Model>> {
    sealing::open_all(db, &mut entries).await?;
    Ok(entries)
}

/// How many entries there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(viewer, filter)).await
}

/// The last revision: it stays the same as long as nothing is changed; 0 when nothing ever was.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn revision(db: &Database) -> Result<i64> {
    revision_in(db.read()).await
}

/// The last revision that a transaction sees; 0 when there is none.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn revision_in(db: &impl ConnectionTrait) -> Result<i64> {
    let select = Query::select().from(Entity).expr(Expr::col(Column::Revision).max()).take();
    let row = db.query_one(&select).await?;
    Ok(row
        .map(|row| row.try_get_by_index::<Option<i64>>(0))
        .transpose()?
        .flatten()
        .unwrap_or_default())
}

/// The entries of these revisions; none for those who may not read the trail.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_revisions(
    db: &Database,
    viewer: &Viewer,
    revisions: &[i64],
) -> Result<Vec<audit_entry::Model>> {
    let columns = audit_entry::Model::every_column();
    let mut select = matching(viewer, &Filter::default());
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(Column::Revision.is_in(revisions.iter().copied()));
    let mut found: Vec<audit_entry::Model> = rows(db.read(), &select, &columns).await?;
    sealing::open_all(db.read(), &mut found).await?;
    note(db, viewer, &found)?;
    Ok(found)
}

/// The entries about each of these things, the oldest first; none for those who may not read the
/// trail.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn about(
    db: &Database,
    viewer: &Viewer,
    subjects: &[Uuid],
    columns: &[Column],
) -> Result<Vec<audit_entry::Model>> {
    let mut select = matching(viewer, &Filter::default());
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(among(
            db.backend(),
            Expr::col((Entity, Column::SubjectId)),
            subjects.iter().copied(),
        ))
        .order_by((Entity, Column::Revision), sea_orm::Order::Asc);
    let mut found: Vec<audit_entry::Model> = rows(db.read(), &select, columns).await?;
    sealing::open_all(db.read(), &mut found).await?;
    note(db, viewer, &found)?;
    Ok(found)
}

/// Returns the entries about each of these records of a form, the oldest first; none for those who
/// may not read them.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn about_records(
    db: &Database,
    viewer: &Viewer,
    form: Form,
    records: &[Uuid],
    columns: &[Column],
) -> Result<Vec<audit_entry::Model>> {
    let mut select = matching(viewer, &Filter::default());
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(among(
            db.backend(),
            Expr::col((Entity, Column::RecordId)),
            records.iter().copied(),
        ))
        .and_where(Column::Form.eq(form))
        .order_by((Entity, Column::Revision), sea_orm::Order::Asc);
    let mut found: Vec<audit_entry::Model> = rows(db.read(), &select, columns).await?;
    sealing::open_all(db.read(), &mut found).await?;
    note(db, viewer, &found)?;
    Ok(found)
}

/// The deed that a thing was last changed by, as far as the entries tell; null: by none.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn last_action(
    db: &impl ConnectionTrait,
    subject: impl Into<Uuid>,
) -> Result<Option<String>> {
    let select = Entity::find()
        .select_only()
        .column(Column::Action)
        .filter(Column::SubjectId.eq(subject.into()));
    let select = select.filter(Column::Action.ne(TRAIL_MIGRATE));
    Ok(select.order_by_desc(Column::Revision).into_tuple().one(db).await?)
}
