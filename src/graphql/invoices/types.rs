//! GraphQL types of the parts of an invoice: lines, VAT, payments and reminders.

use ::entity::{invoice_line, payment, reminder};
use async_graphql::{Context, Description, Enum, ID, Object};

use crate::graphql::{
    activities::{Activity, activity_of},
    agreements::{Agreement, agreement_of},
    batch::BatchRow,
    connection::{Column, ConnectionNode},
    fees::VatRate,
    request::LongText,
    scalars::{Date, Money, node_id},
};
use domain::{error::Result, invoices::amounts::RateSum};

/// Unit (enhet) of the quantity of a line.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::Unit")]
pub enum Unit {
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

/// A line of an invoice.
#[derive(Clone, Description)]
pub struct InvoiceLine(pub BatchRow<invoice_line::Model>);

#[Object(use_type_description)]
impl InvoiceLine {
    /// Global id of the line, opaque.
    async fn id(&self) -> ID {
        node_id(self.0.id)
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
    async fn quantity(&self) -> String {
        self.0.quantity.to_string()
    }

    /// Unit of the quantity.
    async fn unit(&self) -> Unit {
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

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use invoice_line::Column as C;
        match field {
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
            _ => &[],
        }
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

/// A payment of an invoice, or the reversal of one.
#[derive(Clone, Description)]
pub struct Payment(pub(super) payment::Model);

#[Object(use_type_description)]
impl Payment {
    /// Global id of the payment, opaque.
    async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Day at the bank; of a reversal, the day from which it applies.
    async fn received_on(&self) -> Date {
        Date(self.0.received_on)
    }

    /// Day in the books, which revenue, receivables and vouchers follow; lateness and interest
    /// follow `receivedOn`. It differs when the payment was matched in a later month, or when the
    /// period of `receivedOn` was closed.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Received amount in kronor; of a reversal, the whole payment as a negative amount.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Reference of the bank.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// Id of the payment that this one reverses (`paymentReverse`); null for a payment.
    async fn reverses(&self) -> Option<ID> {
        self.0.reverses_id.map(node_id)
    }

    /// Reason of the reversal; null for a payment.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

/// A reminder (påminnelse) of an invoice.
#[derive(Description)]
pub struct Reminder {
    pub(super) row: reminder::Model,
    /// Fees of earlier reminders of the invoice, in öre.
    pub(super) earlier_fees: ::entity::money::Money,
    /// `true` if the invoice has a document.
    pub(super) has_document: bool,
}

#[Object(use_type_description)]
impl Reminder {
    /// Global id of the reminder, opaque.
    async fn id(&self) -> ID {
        node_id(self.row.id)
    }

    /// Day on which it was sent.
    async fn sent_on(&self) -> Date {
        Date(self.row.sent_on)
    }

    /// Reminder fee (påminnelseavgift) in kronor, at most 60.00 by law 1981:739, or the
    /// compensation for the delay (förseningsersättning), 450.00; zero when none was agreed.
    async fn fee(&self) -> Money {
        self.row.fee.into()
    }

    /// Fees of earlier reminders of the invoice in kronor, which are still owed and listed on its
    /// document in addition to its own fee; zero: none.
    async fn earlier_fees(&self) -> Money {
        self.earlier_fees.into()
    }

    /// Link to the PDF/A file in Swedish, relative to the API's address; requires the same token as
    /// the API. It shows the sum that was unpaid on the day, the interest to date that no interest
    /// invoice claims, and the fees. Null for imported history without a document of the invoice.
    async fn pdf_url(&self) -> Option<String> {
        self.has_document.then(|| format!("/files/reminders/{}.pdf", node_id(self.row.id).as_str()))
    }
}
