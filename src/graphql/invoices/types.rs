//! What an invoice is made of: its lines and their VAT, its payments and reminders.

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

/// The unit (enhet) of what a line counts.
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
    /// Opaque and globally unique.
    async fn id(&self) -> ID {
        node_id("invoice_line", self.0.id)
    }

    /// What for.
    async fn description(&self) -> LongText<&str> {
        LongText(&self.0.description)
    }

    /// The activity that earns it; null for fees of the network itself.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// The agreement behind it; null when there is none, or none that you may see.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.agreement_id).await.transpose()
    }

    /// First day that it covers; null when it covers no period.
    async fn period_from(&self) -> Option<Date> {
        self.0.period_from.map(Date)
    }

    /// Last day that it covers; null when it covers no period.
    async fn period_to(&self) -> Option<Date> {
        self.0.period_to.map(Date)
    }

    /// How many: a decimal number with at most three decimals, `1.5`.
    async fn quantity(&self) -> String {
        self.0.quantity.to_string()
    }

    /// Of what.
    async fn unit(&self) -> Unit {
        self.0.unit.into()
    }

    /// The price of one, without VAT; negative for a deduction.
    async fn unit_price(&self) -> Money {
        self.0.unit_price.into()
    }

    /// How it is taxed.
    async fn vat_rate(&self) -> VatRate {
        self.0.vat_rate.into()
    }

    /// The reason of the exemption, as the invoice says it (BT-120); null unless `vatRate` is
    /// EXEMPT, and when it is that of the settings.
    async fn exemption_reason(&self) -> Option<&str> {
        self.0.exemption_reason.as_deref()
    }

    /// The reason's code of the list VATEX (BT-121); null when none applies.
    async fn exemption_code(&self) -> Option<&str> {
        self.0.exemption_code.as_deref()
    }

    /// Quantity × price, without VAT.
    async fn net(&self) -> Money {
        self.0.net.into()
    }

    /// Its share of the invoice's VAT at its rate: the lines' shares add up to it.
    async fn vat(&self) -> Money {
        self.0.vat.into()
    }

    /// Revenue account (konto).
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

/// What an invoice has at one VAT rate (momssats).
#[derive(Description)]
pub struct VatAmount(pub(super) RateSum);

#[Object(use_type_description)]
impl VatAmount {
    /// The treatment.
    async fn rate(&self) -> VatRate {
        self.0.rate.into()
    }

    /// Net sum of the lines at this rate.
    async fn net(&self) -> Money {
        self.0.net.into()
    }

    /// VAT on that sum.
    async fn vat(&self) -> Money {
        self.0.vat.into()
    }
}

/// A payment of an invoice, or the reversal of one.
#[derive(Clone, Description)]
pub struct Payment(pub(super) payment::Model);

#[Object(use_type_description)]
impl Payment {
    /// Opaque and globally unique.
    async fn id(&self) -> ID {
        node_id("payment", self.0.id)
    }

    /// Day in the bank; of a reversal, the day that it counts from.
    async fn received_on(&self) -> Date {
        Date(self.0.received_on)
    }

    /// Day in the books: revenue, receivables and vouchers go by it, lateness and interest by
    /// `receivedOn`. It is another when it was matched in a later month, or when the period of
    /// `receivedOn` was closed.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// What came in; of a reversal, all of what it reverses, below zero.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// The bank's own reference.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// The id of the payment that this one reverses (`paymentReverse`); null: this is a payment.
    async fn reverses(&self) -> Option<ID> {
        self.0.reverses_id.map(|id| node_id("payment", id))
    }

    /// Why it was reversed; null: this is a payment.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

/// A reminder (påminnelse) of an invoice.
#[derive(Description)]
pub struct Reminder {
    pub(super) row: reminder::Model,
    /// The fees of earlier reminders of the invoice, öre.
    pub(super) earlier_fees: ::entity::money::Money,
    /// `true` if the register has a document of the invoice.
    pub(super) has_document: bool,
}

#[Object(use_type_description)]
impl Reminder {
    /// Opaque and globally unique.
    async fn id(&self) -> ID {
        node_id("reminder", self.row.id)
    }

    /// When.
    async fn sent_on(&self) -> Date {
        Date(self.row.sent_on)
    }

    /// The reminder fee (påminnelseavgift), at most 60.00 by law 1981:739, or the compensation for
    /// the delay (förseningsersättning), 450.00; zero when none was agreed.
    async fn fee(&self) -> Money {
        self.row.fee.into()
    }

    /// The fees of earlier reminders of the invoice, which are owed still and stand on its document
    /// next to its own; zero: none.
    async fn earlier_fees(&self) -> Money {
        self.earlier_fees.into()
    }

    /// A link to the PDF/A file in Swedish, with what was unpaid on the day, the interest to date
    /// that no interest invoice claims, and the fees; valid with the viewer's token. Null for
    /// imported history, of whose invoices the register has no document.
    async fn pdf_url(&self) -> Option<String> {
        self.has_document
            .then(|| format!("/files/reminders/{}.pdf", node_id("reminder", self.row.id).as_str()))
    }
}
