//! An invoice (faktura) or credit note (kreditfaktura); once issued its content never changes.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    id::{InvoiceId, MemberId, OrganisationId},
    kind::InvoiceKind,
    money::Money,
    partial::partial,
};

/// An invoice (faktura) or credit note (kreditfaktura); once issued its content never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, DeriveEntityModel)]
#[sea_orm(table_name = "invoice")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvoiceId,
    /// The importer's own identifier.
    pub import_key: Option<String>,
    /// Which.
    pub kind: InvoiceKind,
    /// Gapless per series; null: a draft.
    pub number: Option<String>,
    /// The number so that it sorts as people count; empty for a draft.
    pub number_key: String,
    /// The payment's reference.
    pub ocr: Option<String>,
    /// The buyer, when a member.
    pub member_id: Option<MemberId>,
    /// The buyer, when none.
    pub organisation_id: Option<OrganisationId>,
    /// The invoice that this credit note credits.
    pub credits_id: Option<InvoiceId>,
    /// The invoice that this one corrects upwards.
    pub corrects_id: Option<InvoiceId>,
    /// Why it credits or corrects.
    pub reason: Option<String>,
    /// The buyer's order that it is for (BT-13).
    pub order_reference: Option<String>,
    /// The network's own reference (Vår referens, BT-41), often a person.
    pub our_reference: Option<String>,
    /// The buyer's reference (Er referens, BT-10), often a person; null: as the buyer's billing
    /// details have it.
    pub buyer_reference: Option<String>,
    /// Days from issue to the last day to pay; null: as the agreements of its lines have it, else
    /// as the settings do.
    pub due_in_days: Option<i32>,
    /// How many lines it has; null: a draft.
    pub line_count: Option<i32>,
    /// Day of issue; null: a draft.
    pub issued_on: Option<NaiveDate>,
    /// Last day to pay; null: a draft or a credit note.
    pub due_on: Option<NaiveDate>,
    /// Sum of the lines, öre.
    pub net: Money,
    /// VAT per rate on the net sum per rate, öre.
    pub vat: Money,
    /// Öresavrundning, öre.
    pub rounding: Money,
    /// What is to be paid, öre.
    pub total: Money,
    /// Sum of its payments without what was paid back, öre.
    pub paid: Money,
    /// Sum of its credit notes' totals, öre.
    pub credited: Money,
    /// Sum written off, öre; below zero for an overpayment that is kept.
    pub written_off: Money,
    /// Day of its first payment.
    pub first_paid_on: Option<NaiveDate>,
    /// First day on which payments and credit notes together covered it.
    pub settled_on: Option<NaiveDate>,
    /// Day on which credit notes alone covered it.
    pub credited_on: Option<NaiveDate>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, import_key: ImportKey, kind: Kind, number: Number, number_key: NumberKey, ocr: Ocr, member_id: MemberId, organisation_id: OrganisationId, credits_id: CreditsId, corrects_id: CorrectsId, reason: Reason, order_reference: OrderReference, our_reference: OurReference, buyer_reference: BuyerReference, due_in_days: DueInDays, line_count: LineCount, issued_on: IssuedOn, due_on: DueOn, net: Net, vat: Vat, rounding: Rounding, total: Total, paid: Paid, credited: Credited, written_off: WrittenOff, first_paid_on: FirstPaidOn, settled_on: SettledOn, credited_on: CreditedOn);
