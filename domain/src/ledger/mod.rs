//! The ledger of costs and grants of activities: types, filters and reading.

pub mod booked_for;
pub mod booking;
pub mod booking_list;
pub mod integrity;
mod loading;
pub mod record_cost;
pub mod record_grant;
pub mod reversal;
mod reverse;
pub mod reverse_cost;
pub mod reverse_grant;

use std::collections::HashMap;

use ::entity::{
    agreement, cost, grant,
    id::{ActivityId, AgreementId},
    member, organisation,
    partial::{Column, PartialRow},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ExprTrait,
    sea_query::{Alias, Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use crate::{
    activities::{self, of_visible_activity},
    activity_slugs::ListFilter,
    agreements,
    auth::viewer::Resource,
    context::Context,
    database::{among, fixed_day},
    error::Result,
    ledger::booked_for::Supplier,
    members, organisations,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
};

/// Status of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// In effect as it was booked.
    Booked,
    /// Was reversed.
    Reversed,
    /// Reverses another one.
    Reversal,
}

impl Status {
    /// Returns the status of a row.
    #[must_use]
    pub fn of(is_reversal: bool, is_reversed: bool) -> Self {
        match (is_reversal, is_reversed) {
            (true, _) => Self::Reversal,
            (false, true) => Self::Reversed,
            (false, false) => Self::Booked,
        }
    }

    /// Returns the stable code of the status, which the API uses too.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the Swedish label, for workbooks.
    #[must_use]
    pub fn in_swedish(self) -> &'static str {
        match self {
            Self::Booked => "Bokförd",
            Self::Reversed => "Rättad",
            Self::Reversal => "Rättelse",
        }
    }
}

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
    pub statuses: Vec<Status>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![("activity_slugs", &self.activities)]
    }
}

/// The columns that every table of the ledger has.
#[derive(Clone, Copy, Debug)]
pub struct LedgerColumns<C> {
    /// Identifier.
    pub id: C,
    /// The activity.
    pub activity: C,
    /// Day in the books.
    pub booked_on: C,
    /// Amount.
    pub amount: C,
    /// The description of a cost, or the funder of a grant.
    pub text: C,
    /// The agreement.
    pub agreement: C,
    /// The booking that a row reverses.
    pub reverses: C,
}

/// A row of the ledger: a cost or a grant.
pub trait Booked: PartialRow + Clone + Send + Sync + 'static {
    /// Columns of its table.
    const COLUMNS: LedgerColumns<Column<Self>>;
    /// Returns the predicate that a row has this supplier.
    fn has_supplier(supplier: Supplier) -> SimpleExpr;
    /// Returns the id of the row.
    fn booking_id(&self) -> Uuid;
    /// Returns the booking that the row reverses.
    fn reverses(&self) -> Option<Uuid>;
}

impl Booked for cost::Model {
    const COLUMNS: LedgerColumns<cost::Column> = LedgerColumns {
        id: cost::Column::Id,
        activity: cost::Column::ActivityId,
        booked_on: cost::Column::BookedOn,
        amount: cost::Column::Amount,
        text: cost::Column::Description,
        agreement: cost::Column::AgreementId,
        reverses: cost::Column::ReversesId,
    };

    fn has_supplier(supplier: Supplier) -> SimpleExpr {
        match supplier {
            Supplier::Member(id) => cost::Column::MemberId.eq(id),
            Supplier::Organisation(id) => cost::Column::OrganisationId.eq(id),
        }
    }

    fn booking_id(&self) -> Uuid {
        self.id.0
    }

    fn reverses(&self) -> Option<Uuid> {
        self.reverses_id.map(|id| id.0)
    }
}

impl Booked for grant::Model {
    const COLUMNS: LedgerColumns<grant::Column> = LedgerColumns {
        id: grant::Column::Id,
        activity: grant::Column::ActivityId,
        booked_on: grant::Column::BookedOn,
        amount: grant::Column::Amount,
        text: grant::Column::Funder,
        agreement: grant::Column::AgreementId,
        reverses: grant::Column::ReversesId,
    };

    fn has_supplier(_: Supplier) -> SimpleExpr {
        query::nothing()
    }

    fn booking_id(&self) -> Uuid {
        self.id.0
    }

    fn reverses(&self) -> Option<Uuid> {
        self.reverses_id.map(|id| id.0)
    }
}

/// A field that bookings can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Day in the books.
    BookedOn,
    /// Amount.
    Amount,
}

/// Returns an order of the ledger.
#[must_use]
pub fn order<M: Booked>(field: Field, descending: bool) -> Order {
    let columns = M::COLUMNS;
    let (name, key, key_type) = match field {
        Field::BookedOn => ("BOOKED_ON", column(columns.booked_on), KeyType::Day),
        Field::Amount => ("AMOUNT", column(columns.amount), KeyType::Number),
    };
    Order { name, key, key_type, id: column(columns.id), descending }
}

/// Selects the rows that the viewer can read: those of the activities whose revenue it can read.
fn visible<M: Booked>(ctx: Context<'_>) -> SelectStatement {
    let visible = of_visible_activity(
        ctx.db.backend(),
        &ctx.viewer.visibility(Resource::Revenue),
        column(M::COLUMNS.activity),
    );
    Query::select().from(M::Entity::default()).cond_where(visible).take()
}

/// Returns the condition that a row has one of these statuses; without statuses, the condition is
/// empty.
fn has_status<M: Booked>(statuses: &[Status]) -> Condition {
    let (id, reverses) = (column(M::COLUMNS.id), column(M::COLUMNS.reverses));
    let reversal = || Alias::new("reversal");
    let reversed = |column: SimpleExpr| {
        let own = Expr::col((reversal(), M::COLUMNS.reverses));
        let reversed = Query::select()
            .expr(own.clone())
            .from_as(M::Entity::default(), reversal())
            .and_where(own.is_not_null())
            .take();
        column.in_subquery(reversed)
    };
    statuses.iter().fold(Condition::any(), |any, status| match status {
        Status::Booked => any
            .add(Condition::all().add(reverses.clone().is_null()).add(reversed(id.clone()).not())),
        Status::Reversed => any.add(reversed(id.clone())),
        Status::Reversal => any.add(reverses.clone().is_not_null()),
    })
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
    let columns = M::COLUMNS;
    let mut select = visible::<M>(ctx);
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
        select.cond_where(has_status::<M>(&filter.statuses));
    }
    select
}

/// Returns a page of the bookings that the viewer can read and that match the filter.
pub async fn list<M: Booked>(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<M>,
) -> Result<Slice<M>> {
    page::fetch(ctx.db.read(), matching::<M>(ctx, filter), page).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversal_is_not_standing() {
        assert_eq!(Status::of(false, false), Status::Booked);
        assert_eq!(Status::of(false, true), Status::Reversed);
        assert_eq!(Status::of(true, false), Status::Reversal);
    }
}
