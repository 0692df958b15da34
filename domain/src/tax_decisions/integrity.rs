//! Notes about prices that no tax decision confirms.

use std::collections::{BTreeSet, HashMap};

use ::entity::{activity, fee_schedule, id::ActivityId};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};

use super::{
    all,
    in_force::{TaxDecisions, note},
};
use crate::{database::among, error::Result};

/// Lists the prices in force on `today` or later that no tax decision confirms, one sentence each.
pub async fn notes(db: &impl ConnectionTrait, today: NaiveDate) -> Result<Vec<String>> {
    use fee_schedule::Column as C;
    let is_current = Condition::any().add(C::ValidTo.is_null()).add(C::ValidTo.gte(today));
    let prices = fee_schedule::Entity::find()
        .filter(is_current)
        .order_by_asc(C::ValidFrom)
        .order_by_asc(C::Id)
        .all(db)
        .await?;
    let activities: BTreeSet<ActivityId> =
        prices.iter().filter_map(|price| price.activity_id).collect();
    let theirs = among(db.get_database_backend(), Expr::col(activity::Column::Id), activities);
    let slugs: HashMap<ActivityId, String> = activity::Entity::find()
        .filter(theirs)
        .all(db)
        .await?
        .into_iter()
        .map(|row| (row.id, row.slug))
        .collect();
    let mut decisions = all(db).await?;
    decisions.reverse();
    let decisions: TaxDecisions = decisions.into_iter().collect();
    Ok(prices.iter().filter_map(|price| note(price, &slugs, &decisions)).collect())
}
