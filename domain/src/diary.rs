//! The diary (diarium): everything with a registry number, in one list: archived documents,
//! agreements, invoices and requisitions. A viewer reads the entries of what it may read.

use ::entity::{
    agreement, archived_document,
    diary_entry::{Column, Entity, Model},
    id::NodeType,
    invoice, requisition,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Alias, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use crate::{
    activity_slugs::ListFilter,
    agreements, archived_documents,
    auth::viewer::Resource,
    context::Context,
    database::fixed_day,
    document_list::offered_on,
    error::Result,
    invoices,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// Kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A document of the archive.
    ArchivedDocument,
    /// An agreement that was offered.
    Agreement,
    /// An issued invoice or credit note.
    Invoice,
    /// A requisition of a grant.
    Requisition,
}

impl Kind {
    const ALL: [Self; 4] =
        [Self::ArchivedDocument, Self::Agreement, Self::Invoice, Self::Requisition];

    /// Returns the type of the record of an entry of this kind.
    #[must_use]
    pub fn node_type(self) -> NodeType {
        match self {
            Self::ArchivedDocument => NodeType::ArchivedDocument,
            Self::Agreement => NodeType::Agreement,
            Self::Invoice => NodeType::Invoice,
            Self::Requisition => NodeType::Requisition,
        }
    }

    /// Returns the kind of a row.
    #[must_use]
    pub fn of(row: &Model) -> Self {
        let is_own = |kind: &Self| kind.node_type().word() == row.node_type;
        Self::ALL.into_iter().find(is_own).unwrap_or(Self::ArchivedDocument)
    }
}

/// Filter of the diary; an entry must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Kinds, one of which it has; empty: any.
    pub kinds: Vec<Kind>,
    /// Registered on this day or later.
    pub from: Option<NaiveDate>,
    /// Registered on this day or earlier.
    pub to: Option<NaiveDate>,
    /// Words, or beginnings of words, that must all occur in the record: see [`search`]. Of a
    /// requisition, the beginning of its number.
    pub search: Option<String>,
}

impl ListFilter for Filter {}

impl Filter {
    fn text(&self) -> Option<&str> {
        self.search.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Returns the condition that the object with an id has the words of the search.
    fn found(&self, ctx: Context<'_>, of: EntityType, id: SimpleExpr) -> Option<SimpleExpr> {
        Some(search::found(ctx.db.backend(), of, id, self.text()?))
    }
}

/// Returns the order of entries by the day of registration.
#[must_use]
pub fn order(descending: bool) -> Order {
    Order {
        name: "REGISTERED_ON",
        key: column(Column::RegisteredOn),
        key_type: KeyType::Day,
        id: column(Column::Id),
        descending,
    }
}

/// Columns of the diary for records of one kind. Each has the same type in all kinds, so that
/// SQLite merges the records in order and needs not sort all of them.
struct Columns {
    id: SimpleExpr,
    registered_on: SimpleExpr,
    number: SimpleExpr,
    title: SimpleExpr,
}

/// Selects the columns of the diary for one kind, in the order of the union, and filters by day.
fn select(mut from: SelectStatement, kind: Kind, own: Columns, filter: &Filter) -> SelectStatement {
    let name = |column: Column| -> Alias { Alias::new(sea_orm::IdenStatic::as_str(&column)) };
    let node_type = Expr::cust(format!("CAST('{}' AS text)", kind.node_type().word()));
    from.and_where_option(filter.from.map(|day| own.registered_on.clone().gte(fixed_day(day))))
        .and_where_option(filter.to.map(|day| own.registered_on.clone().lte(fixed_day(day))))
        .expr_as(own.id, name(Column::Id))
        .expr_as(node_type, name(Column::NodeType))
        .expr_as(own.registered_on, name(Column::RegisteredOn))
        .expr_as(own.number, name(Column::Number))
        .expr_as(own.title, name(Column::Title));
    from
}

fn of_documents(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    use archived_document::Column as C;
    let found = filter.found(ctx, EntityType::ArchivedDocument, column(C::Id));
    let from = Query::select()
        .from(archived_document::Entity)
        .cond_where(archived_documents::visible(ctx))
        .and_where_option(found)
        .take();
    let columns = Columns {
        id: column(C::Id),
        registered_on: column(C::RegisteredOn),
        number: column(C::Number),
        title: column(C::Title),
    };
    select(from, Kind::ArchivedDocument, columns, filter)
}

fn of_agreements(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    use agreement::Column as C;
    let found = filter.found(ctx, EntityType::Agreement, column(C::Id));
    let numbered = Condition::all()
        .add(column(C::OfferedAt).is_not_null())
        .add(column(C::Number).is_not_null());
    let from = Query::select()
        .from(agreement::Entity)
        .cond_where(agreements::visible(ctx))
        .cond_where(numbered)
        .and_where_option(found)
        .take();
    let columns = Columns {
        id: column(C::Id),
        registered_on: offered_on(ctx.db.backend()),
        number: column(C::Number),
        title: Expr::cust("CAST('Avtal' AS text)"),
    };
    select(from, Kind::Agreement, columns, filter)
}

fn of_invoices(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    use invoice::Column as C;
    let found = filter.found(ctx, EntityType::Invoice, column(C::Id));
    let numbered = Condition::all()
        .add(column(C::IssuedOn).is_not_null())
        .add(column(C::Number).is_not_null());
    let from = Query::select()
        .from(invoice::Entity)
        .cond_where(invoices::visible(ctx))
        .cond_where(numbered)
        .and_where_option(found)
        .take();
    let title = "CAST(CASE WHEN \"invoice\".\"kind\" = 'CREDIT_NOTE' THEN 'Kreditfaktura' \
        ELSE 'Faktura' END AS text)";
    let columns = Columns {
        id: column(C::Id),
        registered_on: column(C::IssuedOn),
        number: column(C::Number),
        title: Expr::cust(title),
    };
    select(from, Kind::Invoice, columns, filter)
}

fn of_requisitions(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    use requisition::Column as C;
    let is_readable = ctx.viewer.visibility(Resource::Invoices).all;
    let by_number = filter.text().map(|text| {
        let (first, number) = (text.to_uppercase(), column(C::Number));
        let end = format!("{first}\u{10FFFF}");
        number.clone().gte(first).and(number.lt(end))
    });
    let from = Query::select()
        .from(requisition::Entity)
        .and_where_option((!is_readable).then(query::nothing))
        .and_where_option(by_number)
        .take();
    let columns = Columns {
        id: column(C::Id),
        registered_on: column(C::IssuedOn),
        number: column(C::Number),
        title: Expr::cust("CAST('Rekvisition' AS text)"),
    };
    select(from, Kind::Requisition, columns, filter)
}

/// Selects the entries that the viewer may read and that match the filter, as a table.
fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let wanted = |kind: &Kind| filter.kinds.is_empty() || filter.kinds.contains(kind);
    let mut parts = Kind::ALL.into_iter().filter(wanted).map(|kind| match kind {
        Kind::ArchivedDocument => of_documents(ctx, filter),
        Kind::Agreement => of_agreements(ctx, filter),
        Kind::Invoice => of_invoices(ctx, filter),
        Kind::Requisition => of_requisitions(ctx, filter),
    });
    let mut union = parts.next().unwrap_or_default();
    for part in parts {
        union.union(UnionType::All, part);
    }
    Query::select().from_subquery(union, Entity).take()
}

/// Returns a page of the entries that the viewer may read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the entries that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns all entries that the viewer may read and that match the filter, the earliest day first;
/// for lists of the command line.
pub async fn all(ctx: Context<'_>, filter: &Filter) -> Result<Vec<Model>> {
    let order = [Column::RegisteredOn, Column::Id];
    let columns =
        [Column::Id, Column::NodeType, Column::RegisteredOn, Column::Number, Column::Title];
    query::rows_in_order(ctx.db.read(), matching(ctx, filter), &order, &columns).await
}
