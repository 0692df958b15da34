//! GraphQL type and query of the log of reads of contacts.

use ::entity::contact_read;
use async_graphql::{Context, Description, ID, InputObject, Object};

use super::{
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, ListRequest},
    contacts::{Contact, contact_of},
    cost::unversioned,
    scalars::{Date, DateTime, Parsed, row_id, take},
};
use domain::{
    audit::reads,
    error::{LINE, Result, ValidationErrors},
};

/// Reads of a contact's name, e-mail or phone by one reader on one day, including reads through the
/// audit trail.
#[derive(Clone, Description)]
pub struct ContactRead(pub BatchRow<contact_read::Model>);

#[Object(use_type_description)]
impl ContactRead {
    /// Reader: the subject of the token, or the command on the server.
    async fn reader(&self) -> &str {
        &self.0.reader
    }

    /// Contact that was read; null when you may not see contacts. Reading it here is logged as
    /// well.
    async fn contact(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        contact_of(ctx, &self.0, |row| Some(row.contact_id)).await.transpose()
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

    /// Number of reads on that day; each position of an answer counts.
    async fn read_count(&self) -> i64 {
        self.0.times
    }
}

impl ConnectionNode for ContactRead {
    type Row = contact_read::Model;
    const NAME: &'static str = "ContactRead";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use contact_read::Column as C;
        match field {
            "reader" => &[C::Reader],
            "contact" => &[C::ContactId],
            "readOn" => &[C::Day],
            "firstAt" => &[C::FirstAt],
            "lastAt" => &[C::LastAt],
            "readCount" => &[C::Times],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[contact_read::Column::Id]
    }
}

/// Filter of the log. All conditions must hold.
#[derive(InputObject, Default)]
pub struct ContactReadFilter {
    /// Id of the contact that was read.
    contact_id: Option<ID>,
    /// Read by this token subject, exactly.
    reader: Option<String>,
    /// On this day or later.
    from: Option<Parsed<Date>>,
    /// On this day or earlier.
    to: Option<Parsed<Date>>,
}

impl ContactReadFilter {
    fn check(self, errors: &mut ValidationErrors) -> reads::Filter {
        reads::Filter {
            contact: self.contact_id.map(|id| row_id(&id, "filter.contactId", errors)),
            reader: errors.optional_text("filter.reader", self.reader.as_deref(), LINE),
            from: take(self.from, "filter.from", errors).map(|from| from.0),
            to: take(self.to, "filter.to", errors).map(|to| to.0),
        }
    }
}

/// Queries of the log.
#[derive(Default)]
pub struct ContactReadQuery;

#[Object]
impl ContactReadQuery {
    /// Log of reads of contacts, the latest day first; empty unless you may read it (OFFICE,
    /// AUDITOR). Reads of the last seconds may be missing, and lines older than the network's
    /// retention period are deleted.
    #[graphql(directive = unversioned::apply())]
    async fn contact_reads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<ContactReadFilter>,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<ContactRead>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<ContactRead, _>::new(ctx, filter, reads::order(), args),
            errors,
            |ctx, list| Box::pin(reads::list(caller(ctx), &list.filter, &list.args, &list.columns)),
            |ctx, filter| Box::pin(reads::count(caller(ctx), filter)),
        )
        .await
    }
}
