//! The list of contact areas (kontaktmannaskap).

use ::entity::contact_area::{Column, Entity, Model};
use sea_orm::sea_query::{Expr, Query, SelectStatement, SimpleExpr};

use crate::{
    database::Database,
    error::{Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
    search::{self, EntityType},
};

/// Filter of contact areas.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Words, or beginnings of words, that must all occur in the name: see [`search`].
    pub search: Option<String>,
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Returns the order of contact areas: by name, in Swedish order.
#[must_use]
pub fn by_name() -> Order {
    Order {
        name: "NAME",
        key: column(Column::NameKey),
        key_type: KeyType::Text,
        id: column(Column::Id),
        descending: false,
    }
}

fn matching(db: &Database, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let noun = EntityType::ContactArea;
        select.and_where(search::found(db.backend(), noun, column(Column::Id), text));
    }
    select
}

/// Returns a page of the contact areas that match the filter, ordered by name. Every viewer can
/// read them, since they reveal nothing about a member. `errors` are those already found in the
/// arguments; errors of the page are added.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    db: &Database,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    let select = matching(db, filter);
    page::select_rows(db.read(), select, columns, &by_name(), args, errors).await
}

/// Counts the contact areas that [`list`] pages through.
pub async fn count(db: &Database, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(db, filter)).await
}
