//! Yearly totals of revenue by member, updated in the transaction that issues, credits or pays.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{money::Money, partial::partial};

/// The revenue of one member in one year, updated in the transaction that issues, credits or pays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "revenue_member_year")]
pub struct Model {
    /// First day of the year.
    #[sea_orm(primary_key, auto_increment = false)]
    pub year: NaiveDate,
    /// The invoiced member; nil for other buyers.
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: Uuid,
    /// Invoiced net sum before credit notes, öre.
    pub invoiced_net: Money,
    /// Invoiced VAT before credit notes, öre.
    pub invoiced_vat: Money,
    /// Credited net sum, öre.
    pub credited_net: Money,
    /// Credited VAT, öre.
    pub credited_vat: Money,
    /// Number of invoices and credit notes.
    pub invoices: i64,
    /// Paid net sum, öre.
    pub paid_net: Money,
    /// Paid VAT, öre.
    pub paid_vat: Money,
    /// Received sums that pay no line, öre.
    pub unattributed: Money,
    /// Net sum of invoice lines, spread by day over the period that each covers, öre.
    pub accrued_net: Money,
    /// VAT of invoice lines, spread likewise, öre.
    pub accrued_vat: Money,
    /// Net sum of the lines of credit notes, spread likewise, öre.
    pub accrued_credited_net: Money,
    /// VAT of the lines of credit notes, spread likewise, öre.
    pub accrued_credited_vat: Money,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(year: Year, member_id: MemberId, invoiced_net: InvoicedNet, invoiced_vat: InvoicedVat, credited_net: CreditedNet, credited_vat: CreditedVat, invoices: Invoices, paid_net: PaidNet, paid_vat: PaidVat, unattributed: Unattributed, accrued_net: AccruedNet, accrued_vat: AccruedVat, accrued_credited_net: AccruedCreditedNet, accrued_credited_vat: AccruedCreditedVat);
