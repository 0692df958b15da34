//! The list of documents: agreements as they were offered, invoices, reminders and requisitions
//! that exist as a PDF. A viewer may read the documents of what it may read.

use ::entity::{
    agreement, agreement_document,
    id::NodeType,
    invoice, invoice_content, invoice_line,
    listed_document::{Column, Entity, Model},
    reminder, requisition,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, DbBackend, ExprTrait,
    sea_query::{Alias, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use crate::{
    activities,
    activity_slugs::ListFilter,
    agreements::{self, Counterparty},
    auth::viewer::Resource,
    context::Context,
    database::fixed_day,
    error::Result,
    invoices,
    page::{self, KeyType, Order, PageRequest, Slice},
    query,
    search::{self, EntityType},
};

/// Kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An agreement as it was offered.
    Agreement,
    /// An invoice or credit note.
    Invoice,
    /// A reminder.
    Reminder,
    /// A requisition of a grant.
    Requisition,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Agreement, Self::Invoice, Self::Reminder, Self::Requisition];

    /// Returns the type of the subject of a document of this kind.
    #[must_use]
    pub fn node_type(self) -> NodeType {
        match self {
            Self::Agreement => NodeType::Agreement,
            Self::Invoice => NodeType::Invoice,
            Self::Reminder => NodeType::Reminder,
            Self::Requisition => NodeType::Requisition,
        }
    }

    /// Returns the kind of a row.
    #[must_use]
    pub fn of(row: &Model) -> Self {
        let is_own = |kind: &Self| kind.node_type().word() == row.node_type;
        Self::ALL.into_iter().find(is_own).unwrap_or(Self::Agreement)
    }
}

/// Returns the title of a document in Swedish, as `Faktura 1001`.
#[must_use]
pub fn title(row: &Model) -> String {
    format!("{} {}", row.label, row.number)
}

/// Filter of documents; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one of these kinds; empty: of any.
    pub kinds: Vec<Kind>,
    /// Of an agreement with this counterparty, or of an invoice to it.
    pub counterparty: Option<Counterparty>,
    /// Slugs of activities: of an agreement about one of them, or of an invoice with a line of one;
    /// empty: any.
    pub activities: Vec<String>,
    /// Created on this day or later.
    pub from: Option<NaiveDate>,
    /// Created on this day or earlier.
    pub to: Option<NaiveDate>,
    /// Words, or beginnings of words, that must all occur in the subject: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![("activity_slugs", &self.activities)]
    }
}

impl Filter {
    fn text(&self) -> Option<&str> {
        self.search.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Returns the condition that a column has one of the activities; `None` if any will do.
    fn has_activity(&self, ctx: Context<'_>, column: SimpleExpr) -> Option<SimpleExpr> {
        let theirs = || activities::with_slugs(ctx.db.backend(), &self.activities);
        (!self.activities.is_empty()).then(|| column.in_subquery(theirs()))
    }
}

/// A field that documents can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Day of creation.
    CreatedOn,
    /// Title: the name of the kind in Swedish, then the number.
    Title,
}

/// Column with the title as it is ordered, with numbers in numeric order.
const TITLE_KEY: &str = "title_key";

/// Returns an order of documents.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::CreatedOn => ("CREATED_ON", Expr::col((Entity, Column::CreatedOn)), KeyType::Day),
        Field::Title => ("TITLE", Expr::col((Entity, Alias::new(TITLE_KEY))), KeyType::Text),
    };
    Order { name, key, key_type, id: Expr::col((Entity, Column::Id)), descending }
}

/// Columns of the list for documents of one kind. Each has the same type in all kinds, so that
/// SQLite merges the documents in order and needs not sort all of them.
struct Columns {
    id: SimpleExpr,
    created_on: SimpleExpr,
    label: &'static str,
    number: SimpleExpr,
    /// The same expression as in the index.
    title_key: &'static str,
    sha256: &'static str,
}

/// SHA-256 of the stored PDF of an invoice.
const OF_INVOICE: &str = "(SELECT \"f\".\"sha256\" FROM \"invoice_file\" AS \"f\" \
    WHERE \"f\".\"invoice_id\" = \"invoice\".\"id\" AND \"f\".\"format\" = 'PDF')";
/// A document that is rendered on each request.
const NOT_STORED: &str = "CAST(NULL AS text)";

/// Selects the columns of the list for one kind, in the order of the union, and filters by day.
fn select(mut from: SelectStatement, kind: Kind, own: Columns, filter: &Filter) -> SelectStatement {
    let name = |column: Column| -> Alias { Alias::new(sea_orm::IdenStatic::as_str(&column)) };
    let node_type = Expr::cust(format!("CAST('{}' AS text)", kind.node_type().word()));
    from.and_where_option(filter.from.map(|day| own.created_on.clone().gte(fixed_day(day))))
        .and_where_option(filter.to.map(|day| own.created_on.clone().lte(fixed_day(day))))
        .expr_as(own.id, name(Column::Id))
        .expr_as(node_type, name(Column::NodeType))
        .expr_as(own.created_on, name(Column::CreatedOn))
        .expr_as(Expr::cust(own.label), name(Column::Label))
        .expr_as(own.number, name(Column::Number))
        .expr_as(Expr::cust(own.title_key), Alias::new(TITLE_KEY))
        .expr_as(Expr::cust(own.sha256), name(Column::Sha256));
    from
}

/// Returns the day of the offer in Sweden; the expression is the same as in the index. SQLite knows
/// no time zones: there it has the summer time of the years from 1996 on, as
/// [`crate::clock::day_of`].
pub(crate) fn offered_on(backend: DbBackend) -> SimpleExpr {
    if backend == DbBackend::Postgres {
        let day = "CAST(\"agreement\".\"offered_at\" AT TIME ZONE 'Europe/Stockholm' AS date)";
        return Expr::cust(day);
    }
    let part =
        |first: u8, length: u8| format!("SUBSTR(\"agreement\".\"offered_at\", {first}, {length})");
    let (year, day, hour) = (part(1, 4), part(1, 10), part(12, 2));
    let last_sunday = |end: &str| format!("date({year} || '{end}', '-6 days', 'weekday 0')");
    let (from, to) = (last_sunday("-03-31"), last_sunday("-10-31"));
    Expr::cust(format!(
        "CAST(CASE WHEN {hour} = '23' OR ({hour} = '22' AND {day} >= {from} AND {day} < {to}) \
         THEN date({day}, '+1 day') ELSE {day} END AS text)"
    ))
}

/// Returns the condition that an agreement is readable and matches the filter.
fn agreement_matches(ctx: Context<'_>, filter: &Filter) -> Condition {
    let own = |column: agreement::Column| Expr::col((agreement::Entity, column));
    let counterparty = filter.counterparty.map(|counterparty| match counterparty {
        Counterparty::Member(id) => own(agreement::Column::MemberId).eq(id),
        Counterparty::Organisation(id) => own(agreement::Column::OrganisationId).eq(id),
    });
    let found = filter.text().map(|text| {
        search::found(ctx.db.backend(), EntityType::Agreement, own(agreement::Column::Id), text)
    });
    let activity = filter.has_activity(ctx, own(agreement::Column::ActivityId));
    Condition::all()
        .add(agreements::visible(ctx))
        .add_option(counterparty)
        .add_option(activity)
        .add_option(found)
}

/// Returns the condition that an invoice is readable and matches the filter.
fn invoice_matches(ctx: Context<'_>, filter: &Filter) -> Condition {
    let own = |column: invoice::Column| Expr::col((invoice::Entity, column));
    let buyer = filter.counterparty.map(|buyer| match buyer {
        Counterparty::Member(id) => own(invoice::Column::MemberId).eq(id),
        Counterparty::Organisation(id) => own(invoice::Column::OrganisationId).eq(id),
    });
    let line = |column: invoice_line::Column| Expr::col((invoice_line::Entity, column));
    let activity = filter.has_activity(ctx, line(invoice_line::Column::ActivityId));
    let activity = activity.map(|has_activity| {
        let lines = Query::select()
            .expr(line(invoice_line::Column::InvoiceId))
            .from(invoice_line::Entity)
            .and_where(has_activity)
            .take();
        own(invoice::Column::Id).in_subquery(lines)
    });
    let found = filter.text().map(|text| {
        search::found(ctx.db.backend(), EntityType::Invoice, own(invoice::Column::Id), text)
    });
    Condition::all()
        .add(invoices::visible(ctx))
        .add(own(invoice::Column::IssuedOn).is_not_null())
        .add_option(buyer)
        .add_option(activity)
        .add_option(found)
}

fn of_agreements(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    use agreement_document::Column as C;
    let own = |column: agreement::Column| Expr::col((agreement::Entity, column));
    let document = |column: C| Expr::col((agreement_document::Entity, column));
    let from = Query::select()
        .from(agreement::Entity)
        .inner_join(
            agreement_document::Entity,
            document(C::AgreementId).equals((agreement::Entity, agreement::Column::Id)),
        )
        .cond_where(agreement_matches(ctx, filter))
        .and_where(own(agreement::Column::OfferedAt).is_not_null())
        .and_where(document(C::Pdf).is_not_null())
        .take();
    let columns = Columns {
        id: own(agreement::Column::Id),
        created_on: offered_on(ctx.db.backend()),
        label: "CAST('Avtal' AS text)",
        number: own(agreement::Column::Number),
        title_key: "'Avtal ' || \"agreement\".\"number_key\"",
        sha256: "\"agreement_document\".\"sha256\"",
    };
    select(from, Kind::Agreement, columns, filter)
}

/// Selects the invoices that have a document and match the filter.
fn with_content(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let content = (invoice_content::Entity, invoice_content::Column::InvoiceId);
    Query::select()
        .from(invoice::Entity)
        .inner_join(
            invoice_content::Entity,
            Expr::col(content).equals((invoice::Entity, invoice::Column::Id)),
        )
        .cond_where(invoice_matches(ctx, filter))
        .take()
}

fn of_invoices(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let own = |column: invoice::Column| Expr::col((invoice::Entity, column));
    let columns = Columns {
        id: own(invoice::Column::Id),
        created_on: own(invoice::Column::IssuedOn),
        label: "CAST(CASE WHEN \"invoice\".\"kind\" = 'CREDIT_NOTE' THEN 'Kreditfaktura' \
            ELSE 'Faktura' END AS text)",
        number: own(invoice::Column::Number),
        title_key: "CASE WHEN \"invoice\".\"kind\" = 'CREDIT_NOTE' THEN 'Kreditfaktura ' \
            ELSE 'Faktura ' END || \"invoice\".\"number_key\"",
        sha256: OF_INVOICE,
    };
    select(with_content(ctx, filter), Kind::Invoice, columns, filter)
}

fn of_reminders(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let own = |column: reminder::Column| Expr::col((reminder::Entity, column));
    let mut from = with_content(ctx, filter);
    from.inner_join(
        reminder::Entity,
        own(reminder::Column::InvoiceId).equals((invoice::Entity, invoice::Column::Id)),
    );
    let columns = Columns {
        id: own(reminder::Column::Id),
        created_on: own(reminder::Column::SentOn),
        label: "CAST('Påminnelse om faktura' AS text)",
        number: Expr::col((invoice::Entity, invoice::Column::Number)),
        title_key: "'Påminnelse om faktura ' || \"invoice\".\"number_key\"",
        sha256: NOT_STORED,
    };
    select(from, Kind::Reminder, columns, filter)
}

/// Selects the requisitions, as far as the viewer may read them. Conditions on their agreement hold
/// only for agreements that it may read.
fn of_requisitions(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let own = |column: requisition::Column| Expr::col((requisition::Entity, column));
    let is_readable = ctx.viewer.visibility(Resource::Invoices).all;
    let mut from = Query::select().from(requisition::Entity).take();
    from.and_where_option((!is_readable).then(query::nothing));
    let is_about = filter.counterparty.is_some() || !filter.activities.is_empty();
    if is_about || filter.search.is_some() {
        let agreements = Query::select()
            .column((agreement::Entity, agreement::Column::Id))
            .from(agreement::Entity)
            .cond_where(agreement_matches(ctx, filter))
            .take();
        let of_agreement = own(requisition::Column::AgreementId).in_subquery(agreements);
        let by_number = filter.text().filter(|_| !is_about).map(|text| {
            let (first, number) = (text.to_uppercase(), own(requisition::Column::Number));
            let end = format!("{first}\u{10FFFF}");
            number.clone().gte(first).and(number.lt(end))
        });
        from.cond_where(Condition::any().add(of_agreement).add_option(by_number));
    }
    let columns = Columns {
        id: own(requisition::Column::Id),
        created_on: own(requisition::Column::IssuedOn),
        label: "CAST('Rekvisition' AS text)",
        number: own(requisition::Column::Number),
        title_key: "'Rekvisition ' || \"requisition\".\"number\"",
        sha256: NOT_STORED,
    };
    select(from, Kind::Requisition, columns, filter)
}

/// Selects the documents that the viewer may read and that match the filter, as a table.
fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let wanted = |kind: &Kind| filter.kinds.is_empty() || filter.kinds.contains(kind);
    let mut parts = Kind::ALL.into_iter().filter(wanted).map(|kind| match kind {
        Kind::Agreement => of_agreements(ctx, filter),
        Kind::Invoice => of_invoices(ctx, filter),
        Kind::Reminder => of_reminders(ctx, filter),
        Kind::Requisition => of_requisitions(ctx, filter),
    });
    let mut union = parts.next().unwrap_or_default();
    for part in parts {
        union.union(UnionType::All, part);
    }
    Query::select().from_subquery(union, Entity).take()
}

/// Returns a page of the documents that the viewer may read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the documents that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}
