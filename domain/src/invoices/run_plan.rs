//! The plan of an invoice run: its parameters, invoices and problems.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    fee_charge,
    id::{ActivityId, AgreementId, InvoiceLineId, MemberId},
    invoice_line,
    kind::VatRate,
    money::{Money, Quantity},
    total::Total,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    Buyer,
    aggregate::InvoiceAggregate,
    run_months::{InvoicedMonth, ToCredit},
};

/// Fees that a run invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fees {
    /// The special fees (särskilda avgifter) of an activity's agreements.
    Special(ActivityId),
    /// The service fee (serviceavgift) of every member.
    Service,
    /// The membership fee (medlemsavgift) of every member.
    Membership,
}

/// Input of a run.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// Fees to invoice.
    pub fees: Fees,
    /// Calendar year of the fees.
    pub year: i32,
    /// Day of issue; null: today.
    pub issued_on: Option<NaiveDate>,
    /// Restriction to these members; null: all members and organisations.
    pub members: Option<BTreeSet<MemberId>>,
    /// `true` if buyers that can't be invoiced do not stop the rest.
    pub skip_problems: bool,
    /// `true` if a fee is invoiced although it was decided late: see
    /// [`fee_decision`](super::fee_decision).
    pub confirm_decision: bool,
    /// The network's own reference on every invoice.
    pub our_reference: Option<String>,
    /// The buyer's reference, if the run is of one member; null: from the billing details.
    pub buyer_reference: Option<String>,
}

/// A buyer that can't be invoiced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The buyer.
    pub buyer: Buyer,
    /// The agreement; null for members' fees, and if the buyer itself lacks a required fact.
    pub agreement: Option<AgreementId>,
    /// Reason.
    pub reason: String,
}

/// A month of a participation that no agreement pays: none is in force on its first day, or its
/// invoice was credited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpaidMonth {
    /// The counterparty.
    pub buyer: Buyer,
    /// The first agreement that is in force on a later day of the month, or whose month was
    /// credited.
    pub agreement: AgreementId,
    /// First day of the month.
    pub month: NaiveDate,
    /// `true` if the month was invoiced and credited.
    #[serde(default)]
    pub is_credited: bool,
}

/// The invoices that a run would issue.
#[derive(Debug, Default)]
pub struct Plan {
    /// The invoices, without numbers.
    pub invoices: Vec<InvoiceAggregate>,
    /// Fee charge of each line.
    pub(super) charges: HashMap<InvoiceLineId, fee_charge::Model>,
    /// Sum of their lines, öre.
    pub net: Money,
    /// Sum to be paid, öre.
    pub total: Money,
    /// Number of fees that are invoiced already.
    pub already: i64,
    /// Number of agreements with a fee per participant.
    pub manual: i64,
    /// Buyers that can't be invoiced.
    pub problems: Vec<Problem>,
    /// Months of participations that no agreement pays.
    pub unpaid: Vec<UnpaidMonth>,
    /// Months that are left out because invoices for other agreements have billed them.
    pub invoiced_months: Vec<InvoicedMonth>,
    /// Months that invoices have billed after the end of agreements.
    pub to_credit: Vec<ToCredit>,
    /// Warnings that need a confirmation, a sentence each.
    pub warnings: Vec<String>,
}

/// A planned line with its buyer.
pub(super) struct Item {
    pub buyer: Buyer,
    pub agreement: Option<AgreementId>,
    pub line: invoice_line::Model,
    pub charge: fee_charge::Model,
}

/// Returns the reason why a run leaves out a fee of which this sum is invoiced, so that the fee is
/// neither paid twice nor forgotten.
pub(super) fn in_part(payer: &str, year: i32, fee: Money, sum: Total, is_across: bool) -> String {
    if is_across {
        return format!(
            "the fee of {payer} for {year} is {fee}, and {sum} is invoiced for a period across New Year with an unknown part in the year; \
             invoice the rest manually, with a period within the year"
        );
    }
    format!(
        "the fee of {payer} for {year} is {fee}, of which {sum} is invoiced already; invoice the rest manually, or credit the invoiced part"
    )
}

pub(super) fn line(
    account: String,
    description: String,
    activity_id: Option<ActivityId>,
    (from, to): (NaiveDate, NaiveDate),
    sum: Money,
    vat_rate: VatRate,
) -> invoice_line::Model {
    invoice_line::Model {
        id: InvoiceLineId::new(),
        description,
        activity_id,
        period_from: Some(from),
        period_to: Some(to),
        quantity: Quantity(1000),
        unit_price: sum,
        vat_rate,
        account,
        ..invoice_line::Model::default()
    }
}
