//! GraphQL queries of agreements: filters, orders, the list and the agreements that expire.

use ::entity::id::{NodeType, TemplateVersionId};
use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Agreement, AgreementDirection, AgreementKind, AgreementStatus};
use crate::graphql::{
    OrderDirection,
    batch::BatchRow,
    caller,
    connection::{self, CONNECTION, Connection, DIRECT, ListRequest, selected_columns},
    cost::cost,
    database,
    scalars::{Date, NodeId, Parsed, row_id, take},
};
use domain::{
    agreements::{
        self, Counterparty, Filter, Of,
        deadlines::{self, Window},
    },
    error::{FieldErrorCode, FieldProblem, LINE, Result, ValidationErrors},
    page::{Args, Order},
};

/// Filter of agreements. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct AgreementFilter {
    /// Has one of these statuses on `asOf`.
    status: Option<Vec<AgreementStatus>>,
    /// Day of the status. Defaults to today; in `expiringAgreements`, to the window's first day.
    as_of: Option<Parsed<Date>>,
    /// Has one of these kinds.
    kind: Option<Vec<AgreementKind>>,
    /// Has payments in this direction.
    direction: Option<AgreementDirection>,
    /// Is about one of these activities, by slug.
    activity_slugs: Option<Vec<String>>,
    /// Id of the counterparty, a member or an organisation.
    counterparty_id: Option<ID>,
    /// The counterparty is a member in the contact area (kontaktmannaskap) of this name.
    contact_area: Option<String>,
    /// The counterparty is a member in this county (län).
    county: Option<String>,
    /// `endsOn` is this day or later. Excludes agreements until further notice.
    ends_from: Option<Parsed<Date>>,
    /// `endsOn` is this day or earlier.
    ends_to: Option<Parsed<Date>>,
    /// Id of the template version that it was made from.
    template_version_id: Option<ID>,
    /// All of these words occur in the number, the counterparty's present and former names, the
    /// activity or the parameters. A word may be the beginning of a longer one. Case and accents
    /// are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
    /// `false` excludes agreements whose deadline is snoozed until `asOf` or later. Defaults to
    /// `true`; in `expiringAgreements`, to `false`.
    include_snoozed: Option<bool>,
}

impl AgreementFilter {
    pub(super) fn check(self, errors: &mut ValidationErrors) -> Filter {
        let slugs = self.activity_slugs.unwrap_or_default();
        Filter {
            statuses: self.status.into_iter().flatten().map(Into::into).collect(),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            direction: self.direction.map(Into::into),
            activities: slugs
                .iter()
                .enumerate()
                .map(|(position, slug)| {
                    errors.text(&format!("filter.activity_slugs.{position}"), slug, LINE)
                })
                .collect(),
            counterparty: self
                .counterparty_id
                .and_then(|id| counterparty(&id, "filter.counterpartyId", errors)),
            contact_area: errors.optional_text(
                "filter.contactArea",
                self.contact_area.as_deref(),
                LINE,
            ),
            county: errors.optional_text("filter.county", self.county.as_deref(), LINE),
            ends_from: take(self.ends_from, "filter.endsFrom", errors).map(|day| day.0),
            ends_to: take(self.ends_to, "filter.endsTo", errors).map(|day| day.0),
            template_version: self
                .template_version_id
                .map(|id| row_id::<TemplateVersionId>(&id, "filter.templateVersionId", errors)),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
            include_snoozed: self.include_snoozed,
        }
    }
}

/// Parses the id of a member or an organisation, or records an error at `path`.
pub fn counterparty(id: &ID, path: &str, errors: &mut ValidationErrors) -> Option<Counterparty> {
    let read = id.parse::<NodeId>().map_err(FieldProblem::from);
    let read = read.and_then(|read| match read.node_type {
        NodeType::Member => Ok(Counterparty::Member(read.id.into())),
        NodeType::Organisation => Ok(Counterparty::Organisation(read.id.into())),
        other => Err(FieldErrorCode::NotAnId
            .problem(format!("is the id of a {other}, not of a member or an organisation"))),
    });
    read.map_err(|reason| errors.add(path, reason)).ok()
}

/// Order of agreements.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "agreements::Field")]
pub enum AgreementOrderField {
    /// By number, numerically: `2026-42` before `2026-0101`; drafts first.
    Number,
    /// By first day in force.
    StartsOn,
    /// By last day of the agreed term; agreements until further notice last.
    EndsOn,
    /// By day on which both parties had signed; unsigned agreements last.
    SignedOn,
}

/// Order of agreements. Ties are ordered by id.
#[derive(InputObject)]
pub struct AgreementOrder {
    /// Field to order by.
    field: AgreementOrderField,
    /// Direction of the order.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

fn order(ctx: &Context<'_>, parsed: Option<AgreementOrder>) -> Order {
    let (field, descending) = parsed.map_or((agreements::Field::Number, false), |order| {
        (order.field.into(), order.direction.is_descending())
    });
    agreements::order(database(ctx), field, descending)
}

/// Returns the agreements of each row of a batch, with one statement for all of them.
pub fn agreements_of<'c, M: Send + Sync + 'static>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    of: Of,
    id: fn(&M) -> Uuid,
    filter: Option<Box<AgreementFilter>>,
    order_by: Option<AgreementOrder>,
    args: Args,
) -> BoxFuture<'c, Result<Connection<Agreement>>> {
    let mut errors = ValidationErrors::default();
    let filter = filter.unwrap_or_default().check(&mut errors);
    let order = order(ctx, order_by);
    connection::nested_connection(
        ctx,
        row,
        id,
        filter,
        move |ctx, parents, filter| {
            Box::pin(async move {
                let columns = selected_columns::<Agreement>(ctx, CONNECTION);
                agreements::of_each(
                    caller(ctx),
                    of,
                    parents,
                    filter,
                    &order,
                    &args,
                    &columns,
                    errors,
                )
                .await
            })
        },
        move |ctx, parents, filter| {
            Box::pin(agreements::count_each(caller(ctx), of, parents, filter))
        },
    )
}

/// Names an agreement by exactly one of its keys.
#[derive(OneofObject)]
pub enum AgreementBy {
    /// Global id.
    Id(ID),
    /// Number, as `2026-0042`.
    Number(String),
}

/// Queries of agreements.
#[derive(Default)]
pub struct AgreementQuery;

#[Object]
impl AgreementQuery {
    /// Agreements that you may see, by number unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<AgreementFilter>>,
        #[graphql(desc = "Order; by number when omitted.")] order_by: Option<AgreementOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Agreement, _>::new(ctx, filter, order(ctx, order_by), args),
            errors,
            |ctx, list| {
                Box::pin(agreements::list(
                    caller(ctx),
                    &list.filter,
                    &list.order,
                    &list.args,
                    &list.columns,
                    ValidationErrors::default(),
                ))
            },
            |ctx, filter| Box::pin(agreements::count(caller(ctx), filter)),
        )
        .await
    }

    /// An agreement by its id or number; null when there is none, or you may not see it.
    async fn agreement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id or number.")] by: AgreementBy,
    ) -> Option<Result<Agreement>> {
        Box::pin(find(ctx, by)).await.transpose()
    }

    /// Agreements whose next deadline (see `AgreementDeadline`) falls on `from` or within the
    /// following `days`, the soonest first. A script may run it on any day, since it is a window.
    /// Excludes agreements with a signed successor and, unless the filter sets
    /// `includeSnoozed`, those snoozed until `from` or later.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    #[graphql(directive = cost::apply("200".into()))]
    async fn expiring_agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "deadlines::DEFAULT_DAYS",
            desc = "Length of the window in days after `from`, 0 to 3660."
        )]
        within_days: i64,
        #[graphql(desc = "First day of the window; defaults to today.")] from: Option<Parsed<Date>>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<AgreementFilter>>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        let mut errors = ValidationErrors::default();
        let from = take(from, "from", &mut errors).map(|day| day.0);
        let window = Window::check(caller(ctx).clock, within_days, from, "withinDays", &mut errors);
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Agreement, _>::new(
                ctx,
                filter,
                deadlines::soonest_first(database(ctx), window),
                args,
            ),
            errors,
            move |ctx, list| {
                Box::pin(deadlines::list(
                    caller(ctx),
                    window,
                    &list.filter,
                    &list.args,
                    &list.columns,
                    ValidationErrors::default(),
                ))
            },
            move |ctx, filter| Box::pin(deadlines::count(caller(ctx), window, filter)),
        )
        .await
    }
}

async fn find(ctx: &Context<'_>, by: AgreementBy) -> Result<Option<Agreement>> {
    let columns = selected_columns::<Agreement>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let found = match by {
        AgreementBy::Id(id) => {
            let id = row_id(&id, "by.id", &mut errors);
            errors.finish()?;
            agreements::by_ids(caller(ctx), &[id], &columns).await?.pop()
        }
        AgreementBy::Number(number) => {
            let number = errors.text("by.number", &number, LINE);
            errors.finish()?;
            agreements::by_number(caller(ctx), &number, &columns).await?
        }
    };
    Ok(found.map(|row| Agreement(BatchRow::single(row))))
}
