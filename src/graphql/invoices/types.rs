//! GraphQL types of the parts of an invoice: lines, VAT, payments and reminders.

use ::entity::{id::InvoiceId, invoice_line, payment, reminder};
use async_graphql::{Context, Description, Enum, ID, Object};

use super::{
    Invoice,
    relations::{invoice_of, original_of, reversal_of, stored_invoice_of},
};
use crate::graphql::{
    activities::{Activity, activity_of},
    agreements::{Agreement, agreement_of},
    batch::{BatchRow, distinct, grouped},
    connection::{Column, ConnectionNode},
    cost::{cost, unversioned},
    database,
    fees::VatRate,
    file_links::link,
    request::LongText,
    scalars::{Date, DateTime, Decimal, Money, Url, node_id},
    times,
};
use domain::{
    error::Result,
    invoices::{amounts::RateSum, documents},
    payments::record,
    receivables::reminders,
};

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

/// A line of an invoice.
#[derive(Clone, Description)]
pub struct InvoiceLine(pub BatchRow<invoice_line::Model>);

#[Object(use_type_description)]
impl InvoiceLine {
    /// Global id of the line, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
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
pub struct Payment(pub BatchRow<payment::Model>);

#[Object(use_type_description)]
impl Payment {
    /// Global id of the payment, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time at which it was recorded, as in the audit trail; null when the trail has no entry that
    /// you may learn of.
    #[graphql(directive = cost::apply("10".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::of_payment(ctx, &self.0).await
    }

    /// The same as `createdAt`: a payment never changes. A reversal is a payment of its own.
    #[graphql(directive = cost::apply("10".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::of_payment(ctx, &self.0).await
    }

    /// Invoice that it pays.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
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

    /// Payment that this one reverses (`paymentReverse`); null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this payment; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of the reversal; null for a payment.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

impl ConnectionNode for Payment {
    type Row = payment::Model;
    const NAME: &'static str = "Payment";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use payment::Column as C;
        match field {
            "receivedOn" => &[C::ReceivedOn],
            "bookedOn" => &[C::ReceivedOn, C::BookedOn],
            "amount" => &[C::Amount],
            "reference" => &[C::Reference],
            "reverses" => &[C::ReversesId],
            "reason" => &[C::Reason],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[payment::Column::Id, payment::Column::InvoiceId]
    }
}

/// A reminder (påminnelse) of an invoice.
#[derive(Clone, Description)]
pub struct Reminder(pub BatchRow<reminder::Model>);

#[Object(use_type_description)]
impl Reminder {
    /// Global id of the reminder, opaque. Pass it to `node`.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Invoice that it reminds of.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
    }

    /// Day on which it was sent.
    async fn sent_on(&self) -> Date {
        Date(self.0.sent_on)
    }

    /// Reminder fee (påminnelseavgift) in kronor, at most 60.00 by law 1981:739, or the
    /// compensation for the delay (förseningsersättning), 450.00; zero when none was agreed.
    async fn fee(&self) -> Money {
        self.0.fee.into()
    }

    /// Fees of earlier reminders of the invoice in kronor, which are still owed and listed on its
    /// document in addition to its own fee; zero: none.
    async fn earlier_fees(&self, ctx: &Context<'_>) -> Result<Money> {
        let found = self.0.load(ctx, "", || async {
            let sent = record::reminders_of(database(ctx), &reminded(&self.0)).await?;
            Ok(grouped(sent, |row| row.invoice_id))
        });
        let found = found.await?;
        let all = found.get(&self.0.invoice_id).map(Vec::as_slice).unwrap_or_default();
        Ok(reminders::claimed_fees(all, &self.0).earlier_sum().into())
    }

    /// Link to the PDF/A file in Swedish: absolute, and signed so that it opens without a token for
    /// some minutes. It shows the sum that was unpaid on the day, the interest to date that no
    /// interest invoice claims, and the fees. Null for imported history without a document of the
    /// invoice.
    #[graphql(directive = unversioned::apply())]
    async fn pdf_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Option<Result<Url>> {
        let found = self.0.load(ctx, "", || async {
            documents::with_content(database(ctx), &reminded(&self.0)).await
        });
        let path = format!("/files/reminders/{}.pdf", node_id(self.0.id).as_str());
        match found.await {
            Ok(found) if !found.contains(&self.0.invoice_id) => None,
            Ok(_) => Some(link(ctx, &path, None, valid_for_seconds)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Returns the invoices of all reminders of the batch.
fn reminded(row: &BatchRow<reminder::Model>) -> Vec<InvoiceId> {
    distinct(row.batch_rows().iter().map(|row| row.invoice_id))
}

impl ConnectionNode for Reminder {
    type Row = reminder::Model;
    const NAME: &'static str = "Reminder";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use reminder::Column as C;
        match field {
            "sentOn" => &[C::SentOn],
            "fee" => &[C::Fee],
            "earlierFees" => &[C::SentOn, C::Fee],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[reminder::Column::Id, reminder::Column::InvoiceId]
    }
}
