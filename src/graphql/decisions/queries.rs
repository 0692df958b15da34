//! GraphQL query of the list of decisions.

use async_graphql::{Context, Enum, InputObject, Object};

use super::types::{DecisionBody, DecisionSubjectType, DecisionUse};
use crate::graphql::{
    caller,
    connection::{self, Connection, ListRequest},
    cost::cost,
    order::{self, order_input},
    scalars::{Date, Parsed, day_range},
};
use domain::{
    decision_list,
    error::{LINE, Result, ValidationErrors},
};

/// Filter of decisions. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct DecisionFilter {
    /// Taken by one of these bodies.
    body: Option<Vec<DecisionBody>>,
    /// Has a subject of one of these types.
    subject_type: Option<Vec<DecisionSubjectType>>,
    /// `decidedOn` is this day or later. Excludes decisions without a known day.
    decided_from: Option<Parsed<Date>>,
    /// `decidedOn` is this day or earlier. Excludes decisions without a known day.
    decided_to: Option<Parsed<Date>>,
    /// All of these words occur in the paragraph or the document, or all of them in the search
    /// words of the subject: an activity's name, an agreement's number, counterparty and
    /// parameters. A word may be the beginning of a longer one. Case and accents are ignored, but
    /// å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl DecisionFilter {
    fn check(self, errors: &mut ValidationErrors) -> decision_list::Filter {
        let [decided_from, decided_to] =
            day_range("decided", self.decided_from, self.decided_to, errors);
        decision_list::Filter {
            bodies: self.body.into_iter().flatten().map(Into::into).collect(),
            subjects: self.subject_type.into_iter().flatten().map(Into::into).collect(),
            decided_from,
            decided_to,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that decisions are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "decision_list::Field")]
pub enum DecisionOrderField {
    /// By day of the decision; decisions without a known day first.
    DecidedOn,
    /// By body, in alphabetical order of the values of `DecisionBody`.
    Body,
}

order_input! {
    /// Order of decisions. Ties are ordered by the id of the subject.
    DecisionOrder by DecisionOrderField
}

/// Queries of decisions.
#[derive(Default)]
pub struct DecisionQuery;

#[Object]
impl DecisionQuery {
    /// Decisions about activities, prices and the agreements that you may see, each with its
    /// subject; the latest first unless `orderBy` says otherwise. A decision with several subjects
    /// has a row for each.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn decisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<DecisionFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<DecisionOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<DecisionUse>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (decision_list::Field::DecidedOn, true));
        let order = decision_list::order(field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<DecisionUse, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(decision_list::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(decision_list::count(caller(ctx), filter)),
        )
        .await
    }
}
