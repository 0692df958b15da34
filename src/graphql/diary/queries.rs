//! GraphQL query of the diary.

use async_graphql::{Context, Enum, InputObject, Object};

use super::types::{DiaryEntry, DiaryEntryKind};
use crate::graphql::{
    caller,
    connection::{self, Connection, ListRequest},
    cost::cost,
    order::{OrderInput as _, order_input},
    scalars::{Date, Parsed, day_range},
};
use domain::{
    diary::{self, Filter},
    error::{LINE, Result, ValidationErrors},
};

/// Filter of the diary. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct DiaryFilter {
    /// Has one of these kinds.
    kind: Option<Vec<DiaryEntryKind>>,
    /// `registeredOn` is this day or later.
    registered_from: Option<Parsed<Date>>,
    /// `registeredOn` is this day or earlier.
    registered_to: Option<Parsed<Date>>,
    /// All of these words occur in what `archivedDocuments`, `agreements` and `invoices` are
    /// searched by; of a requisition, its number begins with the text. A word may be the beginning
    /// of a longer one. Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl DiaryFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [from, to] = day_range("registered", self.registered_from, self.registered_to, errors);
        Filter {
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            from,
            to,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field to order the diary by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DiaryOrderField {
    /// By day on which the record got its number.
    RegisteredOn,
}

order_input! {
    /// Order of the diary. Ties are ordered by id.
    DiaryOrder by DiaryOrderField
}

/// Queries of the diary.
#[derive(Default)]
pub struct DiaryQuery;

#[Object]
impl DiaryQuery {
    /// The diary (diarium): everything with a registry number that you may see, the latest first
    /// unless `orderBy` says otherwise: documents of the archive, agreements that were offered,
    /// issued invoices and credit notes, and requisitions.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn diary(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<DiaryFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<DiaryOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<DiaryEntry>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let descending = order_by.is_none_or(|order| match order.parts() {
            (DiaryOrderField::RegisteredOn, is_descending) => is_descending,
        });
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<DiaryEntry, _>::new(filter, diary::order(descending), args, errors),
            |ctx, filter, page| Box::pin(diary::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(diary::count(caller(ctx), filter)),
        )
        .await
    }
}
