//! The log of who read contacts as the API tells of it.

use std::sync::Arc;

use ::entity::contact_read;
use async_graphql::{Context, Description, ID, InputObject, Object};

use super::{
    batch::BatchRow,
    connection::{self, CONNECTION, Column, Connection, ConnectionNode, selected_columns},
    contacts::{Contact, contact_of},
    cost::unversioned,
    database,
    scalars::{Date, DateTime, Parsed, row_id, take},
    viewer,
};
use domain::{
    audit::reads,
    error::{LINE, Result, ValidationErrors},
};

/// That somebody read a contact's name, e-mail or phone on a day, in whatever way: also as the
/// trail tells of it.
#[derive(Clone, Description)]
pub struct ContactRead(pub BatchRow<contact_read::Model>);

#[Object(use_type_description)]
impl ContactRead {
    /// Who: the subject of the token, or the command at the machine.
    async fn reader(&self) -> &str {
        &self.0.reader
    }

    /// Whose; null when you may not see contacts. To read it here is logged as well.
    async fn contact(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        contact_of(ctx, &self.0, |row| Some(row.contact_id)).await.transpose()
    }

    /// The day, in Sweden.
    async fn day(&self) -> Date {
        Date(self.0.day)
    }

    /// The first time that day.
    async fn first_at(&self) -> DateTime {
        DateTime(self.0.first_at)
    }

    /// The last time that day.
    async fn last_at(&self) -> DateTime {
        DateTime(self.0.last_at)
    }

    /// How many times that day, each place of an answer counted.
    async fn times(&self) -> i64 {
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
            "day" => &[C::Day],
            "firstAt" => &[C::FirstAt],
            "lastAt" => &[C::LastAt],
            "times" => &[C::Times],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[contact_read::Column::Id]
    }
}

/// Which lines of the log; every part narrows the others.
#[derive(InputObject, Default)]
pub struct ContactReadFilter {
    /// Of this contact.
    contact: Option<ID>,
    /// By this subject.
    reader: Option<String>,
    /// Not before this day.
    from: Option<Parsed<Date>>,
    /// Not after this day.
    to: Option<Parsed<Date>>,
}

impl ContactReadFilter {
    fn check(self, errors: &mut ValidationErrors) -> reads::Filter {
        reads::Filter {
            contact: self.contact.map(|id| row_id(&id, "contact", "filter.contact", errors)),
            reader: errors.optional_text("filter.reader", self.reader.as_deref(), LINE),
            from: take(self.from, "filter.from", errors).map(|from| from.0),
            to: take(self.to, "filter.to", errors).map(|to| to.0),
        }
    }
}

/// The log's query.
#[derive(Default)]
pub struct ContactReadQuery;

#[Object]
impl ContactReadQuery {
    /// Who read contacts, the latest day first; empty unless you may read the trail (OFFICE,
    /// AUDITOR). What was read in the last seconds may be missing, and what is older than the
    /// network keeps it is gone.
    #[graphql(directive = unversioned::apply())]
    async fn contact_reads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<ContactReadFilter>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<ContactRead>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        domain::page::Page::check(&args, &reads::order(), &mut errors);
        errors.finish()?;
        let slice = reads::list(
            database(ctx),
            viewer(ctx),
            &filter,
            &args,
            &selected_columns::<ContactRead>(ctx, CONNECTION),
        )
        .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(async move { reads::count(database(ctx), viewer(ctx), &filter).await })
        });
        Ok(Connection::new(slice, count))
    }
}
