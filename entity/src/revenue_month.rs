//! What one activity brought in during one month, kept up to date in the transaction that issues,
//! credits or pays.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{money::Money, partial::partial};

/// What one activity brought in during one month, kept up to date in the transaction that issues,
/// credits or pays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "revenue_month")]
pub struct Model {
    /// First day of the month.
    #[sea_orm(primary_key, auto_increment = false)]
    pub month: NaiveDate,
    /// The activity; nil for lines without one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub activity_id: Uuid,
    /// Öre, before credit notes.
    pub invoiced_net: Money,
    /// Öre.
    pub invoiced_vat: Money,
    /// Öre.
    pub credited_net: Money,
    /// Öre.
    pub credited_vat: Money,
    /// Invoices and credit notes with a line of the activity.
    pub invoices: i64,
    /// Öre.
    pub paid_net: Money,
    /// Öre.
    pub paid_vat: Money,
    /// Öre that came in and pay no line, which only the row without an activity has.
    pub unattributed: Money,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(month: Month, activity_id: ActivityId, invoiced_net: InvoicedNet, invoiced_vat: InvoicedVat, credited_net: CreditedNet, credited_vat: CreditedVat, invoices: Invoices, paid_net: PaidNet, paid_vat: PaidVat, unattributed: Unattributed);
