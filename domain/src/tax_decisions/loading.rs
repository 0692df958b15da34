//! Loads the tax decisions in force on a day.

use ::entity::{
    fee_schedule,
    tax_decision::{Column, Entity},
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::in_force::TaxDecisions;
use crate::error::Result;

impl TaxDecisions {
    /// Loads the decisions that apply on a day of issue, in one statement.
    pub async fn on(db: &impl ConnectionTrait, day: NaiveDate) -> Result<Self> {
        let found = Entity::find()
            .filter(Column::ValidFrom.lte(day))
            .order_by_asc(Column::ValidFrom)
            .all(db)
            .await?;
        Ok(found.into_iter().collect())
    }

    /// Adds the VAT treatments stated with the prices in force on the day, in one statement.
    pub async fn with_prices(mut self, db: &impl ConnectionTrait, day: NaiveDate) -> Result<Self> {
        use fee_schedule::Column as C;
        let is_in_force = Condition::any().add(C::ValidTo.is_null()).add(C::ValidTo.gte(day));
        for price in fee_schedule::Entity::find()
            .filter(C::ValidFrom.lte(day))
            .filter(is_in_force)
            .all(db)
            .await?
        {
            self.state(&price);
        }
        Ok(self)
    }
}
