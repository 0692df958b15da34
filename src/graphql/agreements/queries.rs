//! How agreements are asked for: filters, orders, the list and those that expire.

use std::sync::Arc;

use ::entity::id::TemplateVersionId;
use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};
use uuid::Uuid;

use super::{Agreement, AgreementKind, AgreementStatus, Direction};
use crate::graphql::{
    OrderDirection,
    batch::{BatchRow, distinct},
    connection::{self, CONNECTION, Connection, DIRECT, Pages, selected_columns},
    cost::cost,
    database,
    scalars::{Date, NodeId, Parsed, row_id, take},
    viewer,
};
use domain::{
    agreements::{
        self, Counterparty, Filter, Of,
        deadlines::{self, Window},
    },
    error::{LINE, Result, ValidationErrors},
    page::{Args, Order},
};

/// Which agreements; every part narrows the others, and an empty list narrows nothing.
#[derive(InputObject, Default)]
pub struct AgreementFilter {
    /// With one of these statuses on `asOf`.
    status: Option<Vec<AgreementStatus>>,
    /// The day that the status is reckoned on; when left out today, or the window's first day among
    /// those that expire.
    as_of: Option<Parsed<Date>>,
    /// Of one of these kinds.
    kind: Option<Vec<AgreementKind>>,
    /// With the money going this way.
    direction: Option<Direction>,
    /// Slugs: about one of these activities.
    activity: Option<Vec<String>>,
    /// With this member or organisation.
    counterparty: Option<ID>,
    /// With a member in the contact area (kontaktmannaskap) of this name.
    contact_area: Option<String>,
    /// With a member in this county (län).
    county: Option<String>,
    /// With `endsOn` on this day or later; those until further notice are left out.
    ends_from: Option<Parsed<Date>>,
    /// With `endsOn` on this day or earlier.
    ends_to: Option<Parsed<Date>>,
    /// Made from this version of a template.
    template_version: Option<ID>,
    /// With all of these words in its number, its counterparty's name (now or before), its activity
    /// and its parameters. A word may be the beginning of one; capitals and accents don't count,
    /// but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
    /// False leaves out those whose deadline somebody has acknowledged until `asOf` or later; when
    /// left out they are there, except among those that expire.
    include_acknowledged: Option<bool>,
}

impl AgreementFilter {
    pub(super) fn check(self, errors: &mut ValidationErrors) -> Filter {
        let slugs = self.activity.unwrap_or_default();
        Filter {
            statuses: self.status.into_iter().flatten().map(Into::into).collect(),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            direction: self.direction.map(Into::into),
            activities: slugs
                .iter()
                .enumerate()
                .map(|(position, slug)| {
                    errors.text(&format!("filter.activity.{position}"), slug, LINE)
                })
                .collect(),
            counterparty: self
                .counterparty
                .and_then(|id| counterparty(&id, "filter.counterparty", errors)),
            contact_area: errors.optional_text(
                "filter.contactArea",
                self.contact_area.as_deref(),
                LINE,
            ),
            county: errors.optional_text("filter.county", self.county.as_deref(), LINE),
            ends_from: take(self.ends_from, "filter.endsFrom", errors).map(|day| day.0),
            ends_to: take(self.ends_to, "filter.endsTo", errors).map(|day| day.0),
            template_version: self.template_version.map(|id| {
                row_id::<TemplateVersionId>(
                    &id,
                    "template_version",
                    "filter.templateVersion",
                    errors,
                )
            }),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
            include_acknowledged: self.include_acknowledged,
        }
    }
}

/// The member or the organisation that an id means, or its fault noted.
pub fn counterparty(id: &ID, path: &str, errors: &mut ValidationErrors) -> Option<Counterparty> {
    let read = id.parse::<NodeId>().and_then(|read| match read.noun.as_str() {
        "member" => Ok(Counterparty::Member(read.id.into())),
        "organisation" => Ok(Counterparty::Organisation(read.id.into())),
        other => Err(format!("is the id of a {other}, not of a member or an organisation")),
    });
    read.map_err(|reason| errors.add(path, reason)).ok()
}

/// What agreements can be ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "agreements::Field")]
pub enum AgreementOrderField {
    /// Number, as people count: `2026-42` before `2026-0101`; drafts before all.
    Number,
    /// First day in force.
    StartsOn,
    /// Last day of the agreed term; those until further notice after all.
    EndsOn,
}

/// An order of agreements; the id breaks ties.
#[derive(InputObject)]
pub struct AgreementOrder {
    /// What to order by.
    field: AgreementOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

fn order(ctx: &Context<'_>, parsed: Option<AgreementOrder>) -> Order {
    let (field, descending) = parsed.map_or((agreements::Field::Number, false), |order| {
        (order.field.into(), order.direction.is_descending())
    });
    agreements::order(database(ctx), field, descending)
}

/// The agreements of each row of a batch, by one statement for all of them.
pub async fn agreements_of<M: Send + Sync + 'static>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    of: Of,
    id: fn(&M) -> Uuid,
    filter: Option<AgreementFilter>,
    order_by: Option<AgreementOrder>,
    args: Args,
) -> Result<Connection<Agreement>> {
    let mut errors = ValidationErrors::default();
    let filter = filter.unwrap_or_default().check(&mut errors);
    let (order, columns) = (order(ctx, order_by), selected_columns::<Agreement>(ctx, CONNECTION));
    let pages = row.load(ctx, "agreements", async {
        let parents = distinct(row.batch_rows().iter().map(id));
        let slices = agreements::of_each(
            database(ctx),
            viewer(ctx),
            of,
            &parents,
            &filter,
            &order,
            &args,
            &columns,
            errors,
        )
        .await?;
        Ok(Pages::new(slices))
    });
    let pages = pages.await?;
    let (row, own) = (row.clone(), id(row));
    let count: connection::Count = Arc::new(move |ctx| {
        let (row, filter) = (row.clone(), filter.clone());
        Box::pin(async move {
            let parents = distinct(row.batch_rows().iter().map(id));
            let counts = row
                .load(
                    ctx,
                    "count",
                    agreements::count_each(database(ctx), viewer(ctx), of, &parents, &filter),
                )
                .await?;
            Ok(counts.get(&own).copied().unwrap_or_default())
        })
    });
    Ok(pages.connection(own, count))
}

/// Names an agreement in one of two ways.
#[derive(OneofObject)]
pub enum AgreementBy {
    /// By its id.
    Id(ID),
    /// By its number.
    Number(String),
}

/// Questions about agreements.
#[derive(Default)]
pub struct AgreementQuery;

#[Object]
impl AgreementQuery {
    /// The agreements that you may see; by number unless you say otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<AgreementFilter>,
        #[graphql(desc = "In which order; see the list's default")] order_by: Option<
            AgreementOrder,
        >,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (order, args) = (order(ctx, order_by), connection::args(first, after, last, before));
        let columns = selected_columns::<Agreement>(ctx, CONNECTION);
        let slice =
            agreements::list(database(ctx), viewer(ctx), &filter, &order, &args, &columns, errors)
                .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(async move { agreements::count(database(ctx), viewer(ctx), &filter).await })
        });
        Ok(Connection::new(slice, count))
    }

    /// One agreement; null when there is none, or none that you may see.
    async fn agreement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; exactly one of the ways")] by: AgreementBy,
    ) -> Option<Result<Agreement>> {
        find(ctx, by).await.transpose()
    }

    /// Agreements whose next deadline (see `AgreementDeadline`) falls on `from` or within the
    /// following days; the soonest first. It is a window, so that a script may run on any day. Left
    /// out are agreements that a signed one replaces and, unless the filter says
    /// `includeAcknowledged`, those that somebody has acknowledged until `from` or later.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    #[graphql(directive = cost::apply("200".into()))]
    async fn expiring_agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "deadlines::DEFAULT_DAYS",
            desc = "Days after `from`, 0 to 3660."
        )]
        within_days: i64,
        #[graphql(desc = "The window's first day; today when left out.")] from: Option<
            Parsed<Date>,
        >,
        #[graphql(desc = "Which; all when left out")] filter: Option<AgreementFilter>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        let mut errors = ValidationErrors::default();
        let from = take(from, "from", &mut errors).map(|day| day.0);
        let window = Window::check(database(ctx), within_days, from, "withinDays", &mut errors);
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (args, columns) = (
            connection::args(first, after, last, before),
            selected_columns::<Agreement>(ctx, CONNECTION),
        );
        let slice =
            deadlines::list(database(ctx), viewer(ctx), window, &filter, &args, &columns, errors)
                .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(
                async move { deadlines::count(database(ctx), viewer(ctx), window, &filter).await },
            )
        });
        Ok(Connection::new(slice, count))
    }
}

async fn find(ctx: &Context<'_>, by: AgreementBy) -> Result<Option<Agreement>> {
    let columns = selected_columns::<Agreement>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let found = match by {
        AgreementBy::Id(id) => {
            let id = row_id(&id, "agreement", "by.id", &mut errors);
            errors.finish()?;
            agreements::by_ids(database(ctx), viewer(ctx), &[id], &columns).await?.pop()
        }
        AgreementBy::Number(number) => {
            let number = errors.text("by.number", &number, LINE);
            errors.finish()?;
            agreements::by_number(database(ctx), viewer(ctx), &number, &columns).await?
        }
    };
    Ok(found.map(|row| Agreement(BatchRow::single(row))))
}
