//! The ledger of costs and grants of activities: types, filters and reading.

mod booked;
pub mod booked_for;
pub mod booking;
pub mod booking_list;
pub mod integrity;
mod loading;
mod orders;
pub mod record_cost;
pub mod record_grant;
pub mod reversal;
mod reverse;
pub mod reverse_cost;
pub mod reverse_grant;
mod suppliers;

use std::collections::HashMap;

use ::entity::{
    agreement,
    id::{ActivityId, AgreementId},
    member, organisation,
    partial::Column,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use self::orders::rows_by;
pub use self::{
    booked::{Booked, LedgerColumns},
    orders::{Field, order},
};
use crate::{
    activities::{self, of_visible_activity},
    activity_slugs::ListFilter,
    agreements,
    auth::viewer::Resource,
    booking_status::{BookingStatus, has_status},
    context::Context,
    database::{among, fixed_day},
    error::Result,
    ledger::booked_for::Supplier,
    members, organisations,
    page::{self, PageRequest, Slice},
    query::{self, column},
};

/// Filter of the ledger; a booking must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Slugs of activities, one of which it must belong to; empty: any.
    pub activities: Vec<String>,
    /// Supplier, for costs only; matches nothing if the viewer cannot read the supplier.
    pub supplier: Option<Supplier>,
    /// Agreement; matches nothing if the viewer cannot read the agreement.
    pub agreement: Option<AgreementId>,
    /// Booked on this day or later.
    pub from: Option<NaiveDate>,
    /// Booked on this day or earlier.
    pub to: Option<NaiveDate>,
    /// Statuses, one of which it must have; empty: any.
    pub statuses: Vec<BookingStatus>,
    /// Name of the funder, for grants only.
    pub funder: Option<String>,
    /// Words, or beginnings of words, that must all occur in the description and the reference of a
    /// cost, in the words of its supplier, or in the funder of a grant: see [`crate::search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![("activity_slugs", &self.activities)]
    }
}

/// Returns the condition that the viewer can read a row: it belongs to an activity whose revenue
/// the viewer can read.
fn is_visible<M: Booked>(ctx: Context<'_>) -> Condition {
    of_visible_activity(
        ctx.db.backend(),
        &ctx.viewer.visibility(Resource::Revenue),
        column(M::COLUMNS.activity),
    )
}

/// Selects the rows that the viewer can read.
fn visible<M: Booked>(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(M::Entity::default()).cond_where(is_visible::<M>(ctx)).take()
}

/// Returns the condition that the viewer can read a supplier: the filter must not reveal a supplier
/// that the rows do not show.
fn is_visible_supplier(ctx: Context<'_>, supplier: Supplier) -> Condition {
    match supplier {
        Supplier::Member(id) => {
            let column = (member::Entity, member::Column::Id);
            exists(
                Query::select().from(member::Entity).and_where(Expr::col(column).eq(id)).take(),
                members::visible(ctx),
            )
        }
        Supplier::Organisation(id) => {
            let column = (organisation::Entity, organisation::Column::Id);
            let own = Query::select()
                .from(organisation::Entity)
                .and_where(Expr::col(column).eq(id))
                .take();
            exists(own, organisations::visible(ctx))
        }
    }
}

fn is_visible_agreement(ctx: Context<'_>, id: AgreementId) -> Condition {
    let column = (agreement::Entity, agreement::Column::Id);
    let own = Query::select().from(agreement::Entity).and_where(Expr::col(column).eq(id)).take();
    exists(own, agreements::visible(ctx))
}

/// Returns the condition that `own` selects a `visible` row; it is empty if all rows are visible.
fn exists(mut own: SelectStatement, visible: Condition) -> Condition {
    if visible.is_empty() {
        return Condition::all();
    }
    Condition::all().add(Expr::exists(own.expr(Expr::val(1)).cond_where(visible).take()))
}

fn matching<M: Booked>(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    narrow::<M>(ctx, visible::<M>(ctx), filter)
}

fn narrow<M: Booked>(
    ctx: Context<'_>,
    mut select: SelectStatement,
    filter: &Filter,
) -> SelectStatement {
    let columns = M::COLUMNS;
    if !filter.activities.is_empty() {
        let slugs = &filter.activities;
        let theirs = activities::with_slugs(ctx.db.backend(), slugs);
        let own = column(columns.activity);
        // With one activity, an index returns the rows in their order.
        select.and_where(if slugs.len() == 1 {
            own.eq(Expr::from(theirs))
        } else {
            own.in_subquery(theirs)
        });
    }
    if let Some(supplier) = filter.supplier {
        select.and_where(M::has_supplier(supplier)).cond_where(is_visible_supplier(ctx, supplier));
    }
    if let Some(agreement) = filter.agreement {
        select
            .and_where(column(columns.agreement).eq(agreement))
            .cond_where(is_visible_agreement(ctx, agreement));
    }
    if let Some(from) = filter.from {
        select.and_where(column(columns.booked_on).gte(fixed_day(from)));
    }
    if let Some(to) = filter.to {
        select.and_where(column(columns.booked_on).lte(fixed_day(to)));
    }
    if !filter.statuses.is_empty() {
        select.cond_where(has_status::<M>(&filter.statuses, columns.id, columns.reverses));
    }
    if let Some(funder) = &filter.funder {
        select.and_where(M::has_funder(funder));
    }
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        select.cond_where(M::has_words(ctx, text));
    }
    select
}

/// Returns a page of the bookings that the viewer can read and that match the filter. The order of
/// the page is by `field`.
pub async fn list<M: Booked>(
    ctx: Context<'_>,
    field: Field,
    filter: &Filter,
    page: &PageRequest<M>,
) -> Result<Slice<M>> {
    let mut select = rows_by::<M>(ctx, field);
    select.cond_where(is_visible::<M>(ctx));
    page::fetch(ctx.db.read(), narrow::<M>(ctx, select, filter), page).await
}

/// Counts the bookings that [`list`] pages through.
pub async fn count<M: Booked>(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching::<M>(ctx, filter)).await
}

/// Returns all bookings that the viewer can read and that match the filter, the earliest day first;
/// for lists of the command line.
pub async fn all<M: Booked>(ctx: Context<'_>, filter: &Filter) -> Result<Vec<M>> {
    let columns = M::every_column();
    query::rows_in_order(
        ctx.db.read(),
        matching::<M>(ctx, filter),
        &[M::COLUMNS.booked_on, M::COLUMNS.id],
        &columns,
    )
    .await
}

/// Selects the rows of these activities. The text of the statement is the same for any number of
/// them.
fn of<M: Booked>(ctx: Context<'_>, activities: &[ActivityId]) -> SelectStatement {
    let mut select = visible::<M>(ctx);
    select.and_where(among(
        ctx.db.backend(),
        column(M::COLUMNS.activity),
        activities.iter().copied(),
    ));
    select
}

/// Returns the same page of the bookings of each of these activities, as far as the viewer can read
/// them.
pub async fn of_each<M: Booked>(
    ctx: Context<'_>,
    activities: &[ActivityId],
    page: &PageRequest<M>,
) -> Result<HashMap<Uuid, Slice<M>>> {
    let parents: Vec<Uuid> = activities.iter().copied().map(Uuid::from).collect();
    page::fetch_each(ctx.db.read(), visible::<M>(ctx), page, &parents, |activity| {
        column(M::COLUMNS.activity).eq(activity)
    })
    .await
}

/// Counts the bookings of each of these activities. An activity without bookings has no entry.
pub async fn count_each<M: Booked>(
    ctx: Context<'_>,
    activities: &[ActivityId],
) -> Result<HashMap<Uuid, i64>> {
    page::count_each(ctx.db.read(), of::<M>(ctx, activities), column(M::COLUMNS.activity)).await
}

/// Returns those of these rows that the viewer can read, in no particular order.
pub async fn by_ids<M: Booked>(
    ctx: Context<'_>,
    ids: &[Uuid],
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    with::<M>(ctx, M::COLUMNS.id, ids, columns).await
}

/// Returns the reversals of these rows that the viewer can read, in no particular order.
pub async fn reversals_of<M: Booked>(
    ctx: Context<'_>,
    ids: &[Uuid],
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    with::<M>(ctx, M::COLUMNS.reverses, ids, columns).await
}

async fn with<M: Booked>(
    ctx: Context<'_>,
    of: Column<M>,
    ids: &[Uuid],
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    query::rows_among(ctx.db, visible::<M>(ctx), of, ids, &[], columns).await
}
