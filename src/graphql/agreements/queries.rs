//! GraphQL queries of agreements: lists, deadlines, ends by notice, template drift and the matrix.

use ::entity::{
    activity, agreement,
    id::{NodeType, TemplateVersionId},
};
use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    matrix::ActivityMatrix,
    template_drift::{self, TemplateDeviation},
    terms::AgreementNoticeEnd,
    types::{Agreement, AgreementDirection, AgreementKind, AgreementStatus},
};
use crate::graphql::{
    activities::types::Activity,
    batch::{BatchRow, take_rows},
    caller,
    connection::{self, Connection, DIRECT, ListRequest, and, selected_columns},
    cost::{cost, list_size},
    database,
    order::{self, order_input},
    scalars::{Date, NodeId, Parsed, day_range, row_id, take},
    slug_list::{self, slugs},
};
use domain::{
    agreements::{
        self, Counterparty, Filter, Parent,
        deadlines::{
            self,
            rules::{DEFAULT_DAYS, Window},
        },
        matrix, matrix_columns, notice_ends, template_drift as drift,
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
    /// Is about one of these activities, by slug; each must exist.
    activity_slugs: Option<Vec<String>>,
    /// Id of the counterparty, a member or an organisation.
    counterparty_id: Option<ID>,
    /// Id of the contact area (kontaktmannaskap) of the counterparty, a member.
    contact_area_id: Option<ID>,
    /// The counterparty is a member in this county (län).
    county: Option<String>,
    /// `endsOn` is this day or later. Excludes agreements until further notice.
    ends_from: Option<Parsed<Date>>,
    /// `endsOn` is this day or earlier.
    ends_to: Option<Parsed<Date>>,
    /// Id of the template version that it was made from.
    template_version_id: Option<ID>,
    /// `true`: is about an activity. `false`: is about none.
    has_activity: Option<bool>,
    /// `true`: replaces an agreement that you may see. `false`: replaces none.
    has_predecessor: Option<bool>,
    /// `true`: it has a document: the PDF of the offer, a scanned signed copy, or an archived
    /// document; `false`: it has none.
    has_document: Option<bool>,
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
        let [ends_from, ends_to] = day_range("ends", self.ends_from, self.ends_to, errors);
        Filter {
            statuses: self.status.into_iter().flatten().map(Into::into).collect(),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            kinds: self.kind.into_iter().flatten().map(Into::into).collect(),
            direction: self.direction.map(Into::into),
            activities: slugs(self.activity_slugs, "activity_slugs", errors),
            counterparty: self
                .counterparty_id
                .and_then(|id| counterparty(&id, "filter.counterpartyId", errors)),
            contact_area: self
                .contact_area_id
                .map(|id| row_id(&id, "filter.contactAreaId", errors)),
            county: errors.optional_text("filter.county", self.county.as_deref(), LINE),
            ends_from,
            ends_to,
            template_version: self
                .template_version_id
                .map(|id| row_id::<TemplateVersionId>(&id, "filter.templateVersionId", errors)),
            has_activity: self.has_activity,
            has_predecessor: self.has_predecessor,
            has_document: self.has_document,
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
            .problem(format!("is an id of the type {other}, not of a member or an organisation"))),
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

order_input! {
    /// Order of agreements. Ties are ordered by id.
    AgreementOrder by AgreementOrderField
}

fn order(ctx: &Context<'_>, parsed: Option<AgreementOrder>) -> Order {
    let (field, descending) = order::chosen(parsed, (agreements::Field::Number, false));
    agreements::order(database(ctx).backend(), field, descending)
}

/// Returns the agreements of each row of a batch, with one statement for all of them.
pub fn agreements_of<'c, M: Send + Sync + 'static>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    parent: Parent,
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
        ListRequest::new(filter, order, args, errors),
        move |ctx, parents, filter, page| {
            Box::pin(agreements::of_each(caller(ctx), parent, parents, filter, page))
        },
        move |ctx, parents, filter| {
            Box::pin(agreements::count_each(caller(ctx), parent, parents, filter))
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
        connection::large_connection(
            ctx,
            ListRequest::<Agreement, _>::new(filter, order(ctx, order_by), args, errors),
            |ctx, filter, page| Box::pin(agreements::list(caller(ctx), filter, page)),
            |ctx, filter, at_most| Box::pin(agreements::count(caller(ctx), filter, at_most)),
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

    /// Agreements whose next deadline (see `AgreementDeadline`) falls on `asOf` or within the
    /// following `withinDays` days, the soonest first. A script may run it on any day, since it is
    /// a window. Excludes agreements with a signed successor and, unless the filter sets
    /// `includeSnoozed`, those snoozed until `asOf` or later.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    #[graphql(directive = cost::apply("200".into()))]
    async fn expiring_agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "DEFAULT_DAYS",
            desc = "Length of the window in days after `asOf`, 0 to 3660."
        )]
        within_days: i64,
        #[graphql(desc = "First day of the window; defaults to today.")] as_of: Option<
            Parsed<Date>,
        >,
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
        let from = take(as_of, "asOf", &mut errors).map(|day| day.0);
        let window = Window::check(caller(ctx), within_days, from, "withinDays", &mut errors);
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Agreement, _>::new(
                filter,
                deadlines::soonest_first(database(ctx).backend(), window),
                args,
                errors,
            ),
            move |ctx, filter, page| Box::pin(deadlines::list(caller(ctx), window, filter, page)),
            move |ctx, filter| Box::pin(deadlines::count(caller(ctx), window, filter)),
        )
        .await
    }
}

/// Queries of template drift.
#[derive(Default)]
pub struct ConsistencyQuery;

#[Object]
impl ConsistencyQuery {
    /// Agreements in force on the filter's `asOf` (defaults to today) that differ from what their
    /// templates would produce today, by number: on an old version, without a template, or with
    /// other parameters than the current version declares.
    #[graphql(directive = cost::apply("500".into()))]
    async fn template_consistency(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<AgreementFilter>>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<TemplateDeviation>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let request = ListRequest::<TemplateDeviation, _> {
            filter,
            order: agreements::order(database(ctx).backend(), agreements::Field::Number, false),
            args: connection::args(first, after, last, before),
            columns: |ctx| {
                let paths: [&[&str]; 2] =
                    [&["edges", "node", "agreement"], &["nodes", "agreement"]];
                let columns = selected_columns::<Agreement>(ctx, &paths);
                and(columns, agreement::Column::TemplateVersionId)
            },
            errors,
        };
        connection::connection(
            ctx,
            request,
            |ctx, filter, requested| Box::pin(template_drift::page(ctx, filter, requested)),
            |ctx, filter| Box::pin(drift::count(caller(ctx), filter)),
        )
        .await
    }
}

/// Queries of the matrix.
#[derive(Default)]
pub struct MatrixQuery;

#[Object]
impl MatrixQuery {
    /// Matrix of members and activities as of a day, with the changes since an earlier day.
    #[graphql(directive = cost::apply("100".into()))]
    async fn activity_matrix(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Day of the matrix; defaults to today. On a later day, `coverage` and `trend` are INVALID unless you may see every agreement about the activity and every member."
        )]
        as_of: Option<Parsed<Date>>,
        #[graphql(desc = "Earlier day to compare to; no comparison when omitted.")]
        compared_to: Option<Parsed<Date>>,
        #[graphql(
            desc = "Slugs: only these activities, each of which must exist; all when omitted or empty."
        )]
        activity_slugs: Option<Vec<String>>,
    ) -> Result<ActivityMatrix> {
        let mut errors = ValidationErrors::default();
        let as_of = take(as_of, "as_of", &mut errors)
            .map_or_else(|| caller(ctx).clock.today(), |day| day.0);
        let compared_to = take(compared_to, "compared_to", &mut errors).map(|day| day.0);
        matrix_columns::check(compared_to, as_of, &mut errors);
        let slugs =
            slug_list::argument(activity_slugs.unwrap_or_default(), "activity_slugs", &mut errors);
        let columns = and(
            selected_columns::<Activity>(ctx, &[&["activities", "activity"], &["byVolunteers"]]),
            activity::Column::Slug,
        );
        let found = Box::pin(matrix::columns(caller(ctx), as_of, &slugs, &columns, errors)).await?;
        Ok(ActivityMatrix::of(as_of, compared_to, found))
    }
}

/// Queries of ends by notice.
#[derive(Default)]
pub struct NoticeEndQuery;

#[Object]
impl NoticeEndQuery {
    /// Agreements whose end by notice differs from the present rule, since renewed terms of short
    /// months used to end early; by number. FORBIDDEN unless you may change agreements. Decide on
    /// each with `agreementNoticeEndDecide`.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn agreement_notice_ends(&self, ctx: &Context<'_>) -> Result<Vec<AgreementNoticeEnd>> {
        let found = Box::pin(notice_ends::list(caller(ctx))).await?;
        take_rows(ctx, found.len())?;
        Ok(BatchRow::each(found).into_iter().map(AgreementNoticeEnd).collect())
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
