//! GraphQL queries of activities: filters, orders and the list.

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};

use super::types::{Activity, ActivityStatus, FundingKind};
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{self, Connection, DIRECT, ListRequest, selected_columns},
    cost::cost,
    database,
    decisions::types::DecisionBody,
    order::{self, order_input},
    scalars::{Date, Parsed, row_id, take},
};
use domain::{
    activities,
    error::{LINE, Result, ValidationErrors},
};

/// Names an activity by exactly one of its keys.
#[derive(OneofObject)]
pub enum ActivityBy {
    /// Global id.
    Id(ID),
    /// Slug, as `bip`.
    Slug(String),
}

/// Filter of activities. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct ActivityFilter {
    /// Funded by any of these sources.
    funding: Option<Vec<FundingKind>>,
    /// Has one of these statuses on `asOf`.
    status: Option<Vec<ActivityStatus>>,
    /// Day of the status; defaults to today.
    as_of: Option<Parsed<Date>>,
    /// Running on this day.
    active_on: Option<Parsed<Date>>,
    /// Id of the contact that leads it. Finds nothing when you may not see the contact.
    lead_id: Option<ID>,
    /// Id of the contact on the board that follows it. Finds nothing when you may not see the
    /// contact.
    board_contact_id: Option<ID>,
    /// Started by a decision of one of these bodies.
    decision_body: Option<Vec<DecisionBody>>,
    /// All of these words occur in the name or the slug. A word may be the beginning of a longer
    /// one. Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl ActivityFilter {
    fn check(self, errors: &mut ValidationErrors) -> activities::Filter {
        activities::Filter {
            funding: self.funding.unwrap_or_default().into_iter().map(Into::into).collect(),
            statuses: self.status.into_iter().flatten().map(Into::into).collect(),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            active_on: take(self.active_on, "filter.activeOn", errors).map(|day| day.0),
            lead: self.lead_id.map(|id| row_id(&id, "filter.leadId", errors)),
            board_contact: self
                .board_contact_id
                .map(|id| row_id(&id, "filter.boardContactId", errors)),
            decision_bodies: self.decision_body.into_iter().flatten().map(Into::into).collect(),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that activities are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "activities::Field")]
pub enum ActivityOrderField {
    /// By name, in Swedish alphabetical order.
    Name,
    /// By first day.
    StartsOn,
    /// By last day; activities until further notice last.
    EndsOn,
}

order_input! {
    /// Order of activities. Ties are ordered by id.
    ActivityOrder by ActivityOrderField
}

/// Queries of activities.
#[derive(Default)]
pub struct ActivityQuery;

#[Object]
impl ActivityQuery {
    /// Present, past and planned activities, by name unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn activities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<ActivityFilter>>,
        #[graphql(desc = "Order; by name when omitted.")] order_by: Option<ActivityOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Activity>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (activities::Field::Name, false));
        let order = activities::order(database(ctx).backend(), field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Activity, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(activities::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(activities::count(caller(ctx), filter)),
        )
        .await
    }

    /// An activity by its id or slug; null when there is none.
    async fn activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id or slug.")] by: ActivityBy,
    ) -> Option<Result<Activity>> {
        Box::pin(find(ctx, by)).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: ActivityBy) -> Result<Option<Activity>> {
    let columns = selected_columns::<Activity>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let found = match by {
        ActivityBy::Id(id) => {
            let id = row_id(&id, "by.id", &mut errors);
            errors.finish()?;
            activities::by_ids(caller(ctx), &[id], &columns).await?
        }
        ActivityBy::Slug(slug) => {
            let slug = errors.text("by.slug", &slug, LINE);
            errors.finish()?;
            activities::by_slugs(caller(ctx), &[slug], &columns).await?
        }
    };
    Ok(found.into_iter().next().map(|row| Activity(BatchRow::single(row))))
}
