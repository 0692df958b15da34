//! Lines of invoices.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId},
    kind::{Unit, VatRate},
    money::{Money, Quantity},
    partial::partial,
};

/// A line of an invoice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, DeriveEntityModel)]
#[sea_orm(table_name = "invoice_line")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvoiceLineId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// 1, 2, 3 …
    pub position: i32,
    /// Description of the goods or service.
    pub description: String,
    /// The activity that earns it.
    pub activity_id: Option<ActivityId>,
    /// The agreement that it is based on.
    pub agreement_id: Option<AgreementId>,
    /// The line that this line of a credit note credits.
    pub credits_line_id: Option<InvoiceLineId>,
    /// First day of its period.
    pub period_from: Option<NaiveDate>,
    /// Last day of its period.
    pub period_to: Option<NaiveDate>,
    /// Quantity, in thousandths.
    pub quantity: Quantity,
    /// Unit of the quantity.
    pub unit: Unit,
    /// Price per unit, öre.
    pub unit_price: Money,
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// Reason of the exemption as text, for an exempt line; null: that of the settings.
    pub exemption_reason: Option<String>,
    /// Code of the reason in the list VATEX; null: none applies.
    pub exemption_code: Option<String>,
    /// Quantity × price, öre.
    pub net: Money,
    /// Its share of the document's VAT at its rate, öre; the shares add up to the document's.
    pub vat: Money,
    /// Revenue account (konto).
    pub account: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, invoice_id: InvoiceId, position: Position, description: Description, activity_id: ActivityId, agreement_id: AgreementId, credits_line_id: CreditsLineId, period_from: PeriodFrom, period_to: PeriodTo, quantity: Quantity, unit: Unit, unit_price: UnitPrice, vat_rate: VatRate, exemption_reason: ExemptionReason, exemption_code: ExemptionCode, net: Net, vat: Vat, account: Account);
