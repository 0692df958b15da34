//! Invoices (fakturor) and credit notes (kreditfakturor). The content of an issued one never
//! changes.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    id::{InvoiceId, MemberId, OrganisationId},
    kind::InvoiceKind,
    money::Money,
    partial::partial,
};

/// An invoice (faktura) or credit note (kreditfaktura). The content of an issued one never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, DeriveEntityModel)]
#[sea_orm(table_name = "invoice")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvoiceId,
    /// The importer's own identifier.
    pub import_key: Option<String>,
    /// Invoice or credit note.
    pub kind: InvoiceKind,
    /// Gapless per series; null: a draft.
    pub number: Option<String>,
    /// Sort key of the number; empty for a draft.
    pub number_key: String,
    /// Payment reference (OCR-nummer).
    pub ocr: Option<String>,
    /// The buyer, if a member.
    pub member_id: Option<MemberId>,
    /// The buyer, if an organisation.
    pub organisation_id: Option<OrganisationId>,
    /// The invoice that this credit note credits.
    pub credits_id: Option<InvoiceId>,
    /// The invoice that this one corrects upwards.
    pub corrects_id: Option<InvoiceId>,
    /// Reason for the credit or correction.
    pub reason: Option<String>,
    /// The buyer's order that it is for (BT-13).
    pub order_reference: Option<String>,
    /// The network's own reference (Vår referens, BT-41), often a person.
    pub our_reference: Option<String>,
    /// The buyer's reference (Er referens, BT-10), often a person; null: that of the buyer's
    /// billing details.
    pub buyer_reference: Option<String>,
    /// Days from issue to the due date; null: those of the agreements of its lines, else of the
    /// settings.
    pub due_in_days: Option<i32>,
    /// Number of its lines; null: a draft.
    pub line_count: Option<i32>,
    /// Day of issue; null: a draft.
    pub issued_on: Option<NaiveDate>,
    /// Due date; null: a draft or a credit note.
    pub due_on: Option<NaiveDate>,
    /// Sum of the lines, öre.
    pub net: Money,
    /// Sum of the VAT of each rate, which is calculated on the net sum of the rate, öre.
    pub vat: Money,
    /// Öresavrundning, öre.
    pub rounding: Money,
    /// Amount to pay, öre.
    pub total: Money,
    /// Sum of its payments less refunds, öre.
    pub paid: Money,
    /// Sum of its credit notes' totals, öre.
    pub credited: Money,
    /// Sum written off, öre; negative for an overpayment that the network retains.
    pub written_off: Money,
    /// Day of its first payment.
    pub first_paid_on: Option<NaiveDate>,
    /// First day on which payments and credit notes together covered it.
    pub settled_on: Option<NaiveDate>,
    /// Day on which credit notes alone covered it.
    pub credited_on: Option<NaiveDate>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, import_key: ImportKey, kind: Kind, number: Number, number_key: NumberKey, ocr: Ocr, member_id: MemberId, organisation_id: OrganisationId, credits_id: CreditsId, corrects_id: CorrectsId, reason: Reason, order_reference: OrderReference, our_reference: OurReference, buyer_reference: BuyerReference, due_in_days: DueInDays, line_count: LineCount, issued_on: IssuedOn, due_on: DueOn, net: Net, vat: Vat, rounding: Rounding, total: Total, paid: Paid, credited: Credited, written_off: WrittenOff, first_paid_on: FirstPaidOn, settled_on: SettledOn, credited_on: CreditedOn);
