//! GraphQL query of the list of documents.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::types::{Document, DocumentKind};
use crate::graphql::{
    agreements::queries::counterparty,
    caller,
    connection::{self, Connection, ListRequest},
    cost::cost,
    order::{self, order_input},
    scalars::{Date, Parsed, day_range},
    slug_list::slugs,
};
use domain::{
    document_list::{self, Filter},
    error::{LINE, Result, ValidationErrors},
};

/// Filter of documents. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct DocumentFilter {
    /// Has one of these kinds.
    kind: Option<Vec<DocumentKind>>,
    /// Id of the counterparty of the agreement, or of the buyer of the invoice: a member or an
    /// organisation.
    counterparty_id: Option<ID>,
    /// Of an agreement about one of these activities, or of an invoice with a line of one, by slug;
    /// each must exist.
    activity_slugs: Option<Vec<String>>,
    /// `createdOn` is this day or later.
    created_from: Option<Parsed<Date>>,
    /// `createdOn` is this day or earlier.
    created_to: Option<Parsed<Date>>,
    /// All of these words occur in the number, the names of the counterparty or the rest that
    /// `agreements` and `invoices` are searched by. A word may be the beginning of a longer one.
    /// Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl DocumentFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [from, to] = day_range("created", self.created_from, self.created_to, errors);
        Filter {
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            counterparty: self
                .counterparty_id
                .and_then(|id| counterparty(&id, "filter.counterpartyId", errors)),
            activities: slugs(self.activity_slugs, "activity_slugs", errors),
            from,
            to,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field to order documents by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "document_list::Field")]
pub enum DocumentOrderField {
    /// By day of creation.
    CreatedOn,
    /// By title: alphabetically by the kind in Swedish, then by number, numerically.
    Title,
}

order_input! {
    /// Order of documents. Ties are ordered by id.
    DocumentOrder by DocumentOrderField
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
        let (field, descending) = order::chosen(order_by, (document_list::Field::CreatedOn, true));
        let order = document_list::order(field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Document, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(document_list::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(document_list::count(caller(ctx), filter)),
        )
        .await
    }
}
