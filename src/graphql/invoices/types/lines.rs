//! GraphQL types of the lines of an invoice, and of the VAT that follows from them.

use ::entity::invoice_line;
use async_graphql::{Context, Description, Enum, ID, Object};

use super::Invoice;
use crate::graphql::{
    activities::types::{Activity, activity_of},
    agreements::types::{Agreement, agreement_of},
    batch::BatchRow,
    connection::{Column, ConnectionNode},
    cost::cost,
    fees::types::VatRate,
    invoices::relations::stored_invoice_of,
    request::LongText,
    scalars::{Date, DateTime, Decimal, Money, node_id},
    times,
};
use domain::{change_feed::times::Parts, error::Result, invoices::amounts::RateSum};

/// Unit (enhet) of the quantity of a line.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::Unit")]
pub enum QuantityUnit {
    /// Pieces (styck).
    Piece,
    /// Persons.
    Person,
    /// Hours (timmar).
    Hour,
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months.
    Month,
    /// Years.
    Year,
    /// Kilometers.
    Kilometer,
}

/// The part of an invoice in whose entries the trail has lines.
const PART: times::PartOf<invoice_line::Model> =
    times::PartOf { parts: Parts::InvoiceLines, id: |row| row.id.0, owner: |row| row.invoice_id.0 };

/// A line of an invoice.
#[derive(Clone, Description)]
pub struct InvoiceLine(pub BatchRow<invoice_line::Model>);

#[Object(use_type_description)]
impl InvoiceLine {
    /// Global id of the line, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail with the line that you may learn of; null when
    /// there is none, and for a line of a preview (`invoiceRunPreview`).
    #[graphql(directive = cost::apply("10".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        PART.created_at(ctx, &self.0).await
    }

    /// Time of the last change of the line in the audit trail that you may learn of; null when
    /// there is none. A line never changes after the issue.
    #[graphql(directive = cost::apply("10".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        PART.updated_at(ctx, &self.0).await
    }

    /// Invoice of the line; null for a line of a preview (`invoiceRunPreview`).
    async fn invoice(&self, ctx: &Context<'_>) -> Option<Result<Invoice>> {
        stored_invoice_of(ctx, &self.0, |row| row.invoice_id).await.transpose()
    }

    /// Description, in Swedish.
    async fn description(&self) -> LongText<&str> {
        LongText(&self.0.description)
    }

    /// Activity that earns it; null for fees of the network itself.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// Agreement that it is invoiced by; null when there is none, or you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.agreement_id).await.transpose()
    }

    /// First day of the covered period; null when it covers none.
    async fn period_from(&self) -> Option<Date> {
        self.0.period_from.map(Date)
    }

    /// Last day of the covered period; null when it covers none.
    async fn period_to(&self) -> Option<Date> {
        self.0.period_to.map(Date)
    }

    /// Quantity: a decimal number with at most three decimals, `1.5`.
    async fn quantity(&self) -> Decimal {
        Decimal::new(self.0.quantity)
    }

    /// Unit of the quantity.
    async fn unit(&self) -> QuantityUnit {
        self.0.unit.into()
    }

    /// Price per unit in kronor, without VAT; negative for a deduction.
    async fn unit_price(&self) -> Money {
        self.0.unit_price.into()
    }

    /// VAT treatment.
    async fn vat_rate(&self) -> VatRate {
        self.0.vat_rate.into()
    }

    /// Reason of the exemption on the invoice (BT-120); null unless `vatRate` is EXEMPT, and when
    /// it is that of the settings.
    async fn exemption_reason(&self) -> Option<&str> {
        self.0.exemption_reason.as_deref()
    }

    /// Code of the reason in the code list VATEX (BT-121), as `VATEX-EU-132-1I`; null when none
    /// applies.
    async fn exemption_code(&self) -> Option<&str> {
        self.0.exemption_code.as_deref()
    }

    /// Quantity × price in kronor, without VAT.
    async fn net(&self) -> Money {
        self.0.net.into()
    }

    /// Its share of the invoice's VAT at its rate, in kronor; the shares of all lines add up to it.
    async fn vat(&self) -> Money {
        self.0.vat.into()
    }

    /// Revenue account (konto) of four digits.
    async fn account(&self) -> &str {
        &self.0.account
    }
}

impl ConnectionNode for InvoiceLine {
    type Row = invoice_line::Model;
    const NAME: &'static str = "InvoiceLine";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use invoice_line::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "description" => &[C::Description],
            "activity" => &[C::ActivityId],
            "agreement" => &[C::AgreementId],
            "periodFrom" => &[C::PeriodFrom],
            "periodTo" => &[C::PeriodTo],
            "quantity" => &[C::Quantity],
            "unit" => &[C::Unit],
            "unitPrice" => &[C::UnitPrice],
            "vatRate" => &[C::VatRate],
            "exemptionReason" => &[C::ExemptionReason],
            "exemptionCode" => &[C::ExemptionCode],
            "net" => &[C::Net],
            "vat" => &[C::Vat],
            "account" => &[C::Account],
            "id" | "createdAt" | "updatedAt" | "invoice" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[invoice_line::Column::Id, invoice_line::Column::InvoiceId]
    }
}

/// Net sum and VAT of an invoice at one VAT rate (momssats).
#[derive(Description)]
pub struct VatAmount(pub(super) RateSum);

#[Object(use_type_description)]
impl VatAmount {
    /// VAT treatment.
    async fn rate(&self) -> VatRate {
        self.0.rate.into()
    }

    /// Net sum in kronor of the lines at this rate.
    async fn net(&self) -> Money {
        self.0.net.into()
    }

    /// VAT in kronor on that sum.
    async fn vat(&self) -> Money {
        self.0.vat.into()
    }
}
