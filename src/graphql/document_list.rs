//! GraphQL type and query of the list of documents.

use ::entity::listed_document;
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};

use super::{
    OrderDirection,
    agreements::counterparty,
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, ListRequest},
    cost::{cost, unversioned},
    file_links::link,
    node::{self, Node},
    scalars::{Date, NodeId, Parsed, Sha256, Url, row_id, take},
};
use domain::{
    document_list::{self, Filter, Kind},
    error::{Result, ValidationErrors},
};

/// Kind of a document.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Kind")]
pub enum DocumentKind {
    /// An agreement (avtal) as it was offered.
    Agreement,
    /// An invoice (faktura) or credit note (kreditfaktura).
    Invoice,
    /// A reminder (påminnelse) of an invoice.
    Reminder,
    /// A requisition (rekvisition) of a grant.
    Requisition,
}

/// A document that exists as a PDF.
#[derive(Clone, Description)]
pub struct Document(pub BatchRow<listed_document::Model>);

#[Object(use_type_description)]
impl Document {
    /// Kind of the document.
    async fn kind(&self) -> DocumentKind {
        Kind::of(&self.0).into()
    }

    /// Agreement, invoice, reminder or requisition that it documents; null if it was deleted while
    /// the list was read.
    async fn node(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let found = self.0.load(ctx, "", || async {
            let ids: Vec<NodeId> = self.0.batch_rows().iter().map(subject).collect();
            node::by_ids(ctx, &ids).await
        });
        match found.await {
            Ok(found) => found.get(&subject(&self.0)).cloned().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Title in Swedish: `Faktura 1001`.
    async fn title(&self) -> String {
        document_list::title(&self.0)
    }

    /// Day of its creation: of the offer (in UTC), of issue, or of the reminder.
    async fn created_on(&self) -> Date {
        Date(self.0.created_on)
    }

    /// SHA-256 of the PDF's bytes, in hexadecimal; null while the PDF is not stored, as before the
    /// first download of an invoice, and for reminders and requisitions.
    async fn sha256(&self) -> Option<Sha256> {
        self.0.sha256.as_deref().map(Sha256::new)
    }

    /// Link to the PDF/A file: absolute, and signed so that it opens without a token for some
    /// minutes.
    #[graphql(directive = unversioned::apply())]
    async fn pdf_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Result<Url> {
        let folder = match Kind::of(&self.0) {
            Kind::Agreement => "agreements",
            Kind::Invoice => "invoices",
            Kind::Reminder => "reminders",
            Kind::Requisition => "requisitions",
        };
        let path = format!("/files/{folder}/{}_{}.pdf", self.0.node_type, self.0.id.simple());
        link(ctx, &path, self.0.sha256.as_deref(), valid_for_seconds)
    }
}

/// Returns the global id of the subject of a document.
fn subject(row: &listed_document::Model) -> NodeId {
    NodeId { node_type: Kind::of(row).node_type(), id: row.id }
}

impl ConnectionNode for Document {
    type Row = listed_document::Model;
    const NAME: &'static str = "Document";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use listed_document::Column as C;
        match field {
            "title" => &[C::Label, C::Number],
            "createdOn" => &[C::CreatedOn],
            "sha256" | "pdfUrl" => &[C::Sha256],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[listed_document::Column::Id, listed_document::Column::NodeType]
    }
}

/// Filter of documents. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct DocumentFilter {
    /// Has one of these kinds.
    kind: Option<Vec<DocumentKind>>,
    /// Id of the counterparty of the agreement, or of the buyer of the invoice: a member or an
    /// organisation.
    counterparty_id: Option<ID>,
    /// Id of the activity of the agreement, or of a line of the invoice.
    activity_id: Option<ID>,
    /// Created on this day or later.
    created_from: Option<Parsed<Date>>,
    /// Created on this day or earlier.
    created_to: Option<Parsed<Date>>,
    /// All of these words occur in the number, the names of the counterparty or the rest that
    /// `agreements` and `invoices` are searched by. A word may be the beginning of a longer one.
    /// Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl DocumentFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        Filter {
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            counterparty: self
                .counterparty_id
                .and_then(|id| counterparty(&id, "filter.counterpartyId", errors)),
            activity: self.activity_id.map(|id| row_id(&id, "filter.activityId", errors)),
            from: take(self.created_from, "filter.createdFrom", errors).map(|day| day.0),
            to: take(self.created_to, "filter.createdTo", errors).map(|day| day.0),
            search: self.search,
        }
    }
}

/// Field to order documents by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DocumentOrderField {
    /// By day of creation.
    CreatedOn,
}

/// Order of documents. Ties are ordered by id.
#[derive(InputObject)]
pub struct DocumentOrder {
    /// Field to order by.
    field: DocumentOrderField,
    /// Direction of the order.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// Queries of documents.
#[derive(Default)]
pub struct DocumentQuery;

#[Object]
impl DocumentQuery {
    /// Documents that exist as a PDF and that you may see, the latest first unless `orderBy` says
    /// otherwise: agreements as they were offered, invoices and credit notes, reminders, and
    /// requisitions.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn documents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<DocumentFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<DocumentOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Document>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let descending = order_by.is_none_or(|order| match order.field {
            DocumentOrderField::CreatedOn => order.direction.is_descending(),
        });
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Document, _>::new(ctx, filter, document_list::order(descending), args),
            errors,
            |ctx, list| {
                Box::pin(document_list::list(
                    caller(ctx),
                    &list.filter,
                    &list.order,
                    &list.args,
                    &list.columns,
                ))
            },
            |ctx, filter| Box::pin(document_list::count(caller(ctx), filter)),
        )
        .await
    }
}
