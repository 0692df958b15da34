//! Orders of the ledger, and the rows that each reads.

use ::entity::activity;
use sea_orm::{
    DbBackend, EntityName, ExprTrait,
    sea_query::{Query, SelectStatement},
};

use super::booked::Booked;
use crate::{
    context::Context,
    page::{KeyType, Order},
    query::column,
};

/// A field that bookings can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Day in the books.
    BookedOn,
    /// Amount.
    Amount,
    /// Name of the activity, in Swedish order.
    Activity,
    /// Name of the supplier of a cost, or of the funder of a grant, in Swedish order. A cost
    /// without a supplier that the viewer can read comes first.
    Party,
}

/// Returns an order of the ledger. An order by a name is one of the rows that [`super::list`]
/// reads.
#[must_use]
pub fn order<M: Booked>(backend: DbBackend, field: Field, descending: bool) -> Order {
    let columns = M::COLUMNS;
    let (name, key, key_type) = match field {
        Field::BookedOn => ("BOOKED_ON", column(columns.booked_on), KeyType::Day),
        Field::Amount => ("AMOUNT", column(columns.amount), KeyType::Number),
        Field::Activity => ("ACTIVITY", column(activity::Column::NameKey), KeyType::Text),
        Field::Party => {
            let (name, key) = M::by_party(backend);
            (name, key, KeyType::Text)
        }
    };
    Order { name, key, key_type, id: column(columns.id), descending }
}

/// Selects from the rows with the key of an order.
pub(super) fn rows_by<M: Booked>(ctx: Context<'_>, field: Field) -> SelectStatement {
    match field {
        Field::BookedOn | Field::Amount => Query::select().from(M::Entity::default()).take(),
        // SQLite reads the tables of a cross join in this order: the activities by name.
        Field::Activity => Query::select()
            .from(activity::Entity)
            .cross_join(M::Entity::default().table_ref())
            .and_where(column(M::COLUMNS.activity).eq(column(activity::Column::Id)))
            .take(),
        Field::Party => M::rows_by_party(ctx),
    }
}
