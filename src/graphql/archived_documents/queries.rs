//! GraphQL query of the archive.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::types::{ArchivedDocument, ArchivedDocumentKind, attachment};
use crate::graphql::{
    caller,
    connection::{self, Connection, ListRequest},
    cost::cost,
    order::{self, order_input},
    scalars::{Date, Parsed, day_range},
};
use domain::{
    archived_documents::{self, Filter},
    error::{LINE, Result, ValidationErrors},
};

/// Filter of archived documents. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct ArchivedDocumentFilter {
    /// Has one of these kinds.
    kind: Option<Vec<ArchivedDocumentKind>>,
    /// Id of the agreement, member, organisation, activity or cost that it is attached to.
    attached_to_id: Option<ID>,
    /// `registeredOn` is this day or later.
    registered_from: Option<Parsed<Date>>,
    /// `registeredOn` is this day or earlier.
    registered_to: Option<Parsed<Date>>,
    /// `datedOn` is this day or later.
    dated_from: Option<Parsed<Date>>,
    /// `datedOn` is this day or earlier.
    dated_to: Option<Parsed<Date>>,
    /// `true`: its files are erased; `false`: they are stored.
    is_erased: Option<bool>,
    /// All of these words occur in the number or the title. A word may be the beginning of a longer
    /// one. Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl ArchivedDocumentFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [registered_from, registered_to] =
            day_range("registered", self.registered_from, self.registered_to, errors);
        let [dated_from, dated_to] = day_range("dated", self.dated_from, self.dated_to, errors);
        Filter {
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            attached_to: self
                .attached_to_id
                .and_then(|id| attachment(&id, "filter.attachedToId", errors)),
            registered_from,
            registered_to,
            dated_from,
            dated_to,
            is_erased: self.is_erased,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field to order archived documents by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "archived_documents::Field")]
pub enum ArchivedDocumentOrderField {
    /// By day of the registration, and so by registry number.
    RegisteredOn,
    /// By day on which it was received, made or signed.
    DatedOn,
}

order_input! {
    /// Order of archived documents. Ties are ordered by id, which follows the registration.
    ArchivedDocumentOrder by ArchivedDocumentOrderField
}

/// The order of the list without `orderBy`.
const LATEST_FIRST: (archived_documents::Field, bool) =
    (archived_documents::Field::RegisteredOn, true);

/// Queries of archived documents.
#[derive(Default)]
pub struct ArchivedDocumentQuery;

#[Object]
impl ArchivedDocumentQuery {
    /// Documents of the archive (handlingar) that you may see, the latest registered first unless
    /// `orderBy` says otherwise. Who may see what a document is attached to may see the document.
    /// The network's own documents and those of an organisation are for OFFICE, FINANCE, BOARD and
    /// AUDITOR.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn archived_documents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<ArchivedDocumentFilter>,
        >,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<
            ArchivedDocumentOrder,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<ArchivedDocument>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, LATEST_FIRST);
        let order = archived_documents::order(field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<ArchivedDocument, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(archived_documents::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(archived_documents::count(caller(ctx), filter)),
        )
        .await
    }
}
