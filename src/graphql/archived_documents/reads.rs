//! GraphQL query and type of the log of reads of archived documents.

use ::entity::archived_document_read;
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};

use super::types::ArchivedDocument;
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, ListRequest},
    cost::unversioned,
    order::{OrderInput as _, order_input},
    scalars::{Date, DateTime, Parsed, day_range, row_id},
};
use domain::{
    archived_documents,
    audit::document_reads::{self, Filter},
    error::{LINE, Result, ValidationErrors},
};

/// Opened files of an archived document by one reader on one day.
#[derive(Clone, Description)]
pub struct ArchivedDocumentRead(pub BatchRow<archived_document_read::Model>);

#[Object(use_type_description)]
impl ArchivedDocumentRead {
    /// Reader: the subject of the token.
    async fn reader(&self) -> &str {
        &self.0.reader
    }

    /// Document whose files were opened; null when you may not see it.
    async fn document(&self, ctx: &Context<'_>) -> Option<Result<ArchivedDocument>> {
        connection::referenced::<ArchivedDocument, _, _>(
            ctx,
            &self.0,
            |row| Some(row.document_id),
            |row| row.id,
            |ctx, ids, columns| Box::pin(archived_documents::by_ids(caller(ctx), ids, columns)),
        )
        .await
        .transpose()
    }

    /// Day of the reads, in Swedish time.
    async fn read_on(&self) -> Date {
        Date(self.0.day)
    }

    /// Time of the first read on that day.
    async fn first_at(&self) -> DateTime {
        DateTime(self.0.first_at)
    }

    /// Time of the last read on that day.
    async fn last_at(&self) -> DateTime {
        DateTime(self.0.last_at)
    }

    /// Number of reads on that day.
    async fn read_count(&self) -> i64 {
        self.0.times
    }
}

impl ConnectionNode for ArchivedDocumentRead {
    type Row = archived_document_read::Model;
    const NAME: &'static str = "ArchivedDocumentRead";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use archived_document_read::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "reader" => &[C::Reader],
            "document" => &[C::DocumentId],
            "readOn" => &[C::Day],
            "firstAt" => &[C::FirstAt],
            "lastAt" => &[C::LastAt],
            "readCount" => &[C::Times],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[archived_document_read::Column::Id]
    }
}

/// Filter of the log of reads of archived documents. All conditions must hold.
#[derive(InputObject, Default)]
pub struct ArchivedDocumentReadFilter {
    /// Id of the document whose files were opened.
    archived_document_id: Option<ID>,
    /// Read by this token subject, exactly.
    reader: Option<String>,
    /// `readOn` is this day or later.
    read_from: Option<Parsed<Date>>,
    /// `readOn` is this day or earlier.
    read_to: Option<Parsed<Date>>,
}

impl ArchivedDocumentReadFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [from, to] = day_range("read", self.read_from, self.read_to, errors);
        Filter {
            document: self
                .archived_document_id
                .map(|id| row_id(&id, "filter.archivedDocumentId", errors)),
            reader: errors.optional_text("filter.reader", self.reader.as_deref(), LINE),
            from,
            to,
        }
    }
}

/// Field to order the log of reads of archived documents by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum ArchivedDocumentReadOrderField {
    /// By day of the reads.
    ReadOn,
}

order_input! {
    /// Order of the log of reads of archived documents. Ties are ordered by id.
    ArchivedDocumentReadOrder by ArchivedDocumentReadOrderField
}

/// Query of the log of reads of archived documents.
#[derive(Default)]
pub struct ArchivedDocumentReadQuery;

#[Object]
impl ArchivedDocumentReadQuery {
    /// Log of opened files of archived documents, the latest day first unless `orderBy` says
    /// otherwise; empty unless you may read it (OFFICE, AUDITOR). Reads of the last seconds may be
    /// missing, and lines older than the network's retention period are deleted.
    #[graphql(directive = unversioned::apply())]
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn archived_document_reads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<ArchivedDocumentReadFilter>,
        >,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<
            ArchivedDocumentReadOrder,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<ArchivedDocumentRead>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let is_descending = order_by.is_none_or(|order| match order.parts() {
            (ArchivedDocumentReadOrderField::ReadOn, is_descending) => is_descending,
        });
        let order = document_reads::order(is_descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<ArchivedDocumentRead, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(document_reads::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(document_reads::count(caller(ctx), filter)),
        )
        .await
    }
}
