//! The contents of an invoice or credit note.

use chrono::{Days, NaiveDate};
use entity::{
    date_range::DateRange,
    kind::{InvoiceKind, Unit, VatRate},
    money::{Money, Quantity},
    number::OrgNumber,
};
use serde::{Deserialize, Serialize};

use crate::swedish::kronor;

/// Statement on an invoice of a seller who is approved for F-tax, in the wording of Peppol.
pub const F_TAX: &str = "Godkänd för F-skatt";

/// An issued invoice or credit note, or one that is about to be issued. Amounts of a credit note
/// are positive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Invoice or credit note.
    pub kind: InvoiceKind,
    /// Its number.
    pub number: String,
    /// Payment reference (OCR-nummer); null for a credit note.
    pub ocr: Option<String>,
    /// Day of issue.
    pub issued_on: NaiveDate,
    /// Due date; null for a credit note.
    pub due_on: Option<NaiveDate>,
    /// The seller.
    pub seller: Seller,
    /// The buyer.
    pub buyer: Buyer,
    /// Its lines, in order.
    pub lines: Vec<Line>,
    /// Each VAT rate that occurs, the highest first.
    pub rates: Vec<RateSum>,
    /// Sum of the lines, öre.
    pub net: Money,
    /// Sum of the rates' VAT, öre.
    pub vat: Money,
    /// Öresavrundning, öre.
    pub rounding: Money,
    /// Amount to pay, öre.
    pub total: Money,
    /// The invoice that a credit note credits, or that an invoice corrects upwards
    /// (mervärdesskattelag 2023:200, 17 kap. 22 §).
    pub refers_to: Option<Reference>,
    /// Reason for the credit or correction, written by the office.
    pub reason: Option<String>,
    /// The buyer's order that it is for (BT-13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_reference: Option<String>,
    /// `true` for an invoice of late interest, or a credit note of one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_interest: bool,
    /// Terms of payment on the day of issue.
    pub terms: Terms,
}

/// The seller, as on the day of issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seller {
    /// Name.
    pub name: String,
    /// Organisationsnummer.
    pub org_number: OrgNumber,
    /// Momsregistreringsnummer; null: not registered for VAT.
    pub vat_number: Option<String>,
    /// Street or box.
    pub address_line: String,
    /// Postnummer, as `123 45`.
    pub postal_code: String,
    /// Postort.
    pub city: String,
    /// E-mail address for questions.
    pub email: Option<String>,
    /// Peppol participant, as `0007:8025550008`.
    pub peppol_id: String,
    /// Bankgiro, as `5050-1055`.
    pub bankgiro: Option<String>,
    /// Plusgiro, as `28 65 43-4`.
    pub plusgiro: Option<String>,
    /// Account for payments from abroad (IBAN), as `SE45 5000 0000 0583 9825 7466`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iban: Option<String>,
    /// The bank of that account (BIC), as `ESSESESS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bic: Option<String>,
    /// `true` if the document says «Godkänd för F-skatt».
    pub f_tax: bool,
    /// Vår referens: contact person of the seller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The buyer, as on the day of issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// Name.
    pub name: String,
    /// Organisationsnummer.
    pub org_number: OrgNumber,
    /// Er referens.
    pub reference: String,
    /// Street or box.
    pub address_line: String,
    /// Postnummer.
    pub postal_code: String,
    /// Postort.
    pub city: String,
    /// E-mail address to which it is sent.
    pub email: Option<String>,
    /// Peppol participant, as `0007:2220001834`.
    pub peppol_id: String,
}

/// Terms of payment, as on the day of issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Percentage points of late interest above the reference rate (räntelagen 6 §).
    pub interest_points: u16,
    /// `true` if interest runs from the due date, as agreed (räntelagen 3 §); `false`: from the
    /// 30th day after the invoice (4 §); null: an older invoice for which this was not recorded,
    /// and whose text refers to the due date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interest_is_agreed: Option<bool>,
    /// Fee of a reminder if it was agreed, öre; null: it is free.
    pub reminder_fee: Option<Money>,
    /// Compensation for late payment (förseningsersättning, lag 1981:739 4 a §), öre, instead of a
    /// reminder fee; null: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_compensation: Option<Money>,
    /// Reason why exempt lines are exempt.
    pub exemption_reason: String,
    /// Reason why lines are outside the scope of VAT.
    pub outside_scope_reason: String,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Description of the goods or service.
    pub description: String,
    /// Name of the activity.
    pub activity: Option<String>,
    /// Number of the agreement.
    pub agreement: Option<String>,
    /// Period that it covers.
    pub period: Option<DateRange>,
    /// Quantity.
    pub quantity: Quantity,
    /// Unit of the quantity.
    #[serde(default)]
    pub unit: Unit,
    /// Price per unit without VAT, öre; negative for a deduction.
    pub unit_price: Money,
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// Reason of its exemption; null: that of the terms, or it is not exempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption_reason: Option<String>,
    /// Code of the reason in the list VATEX (BT-121); null: none applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption_code: Option<String>,
    /// Quantity × price, öre, without VAT.
    pub net: Money,
}

/// Sums of one VAT rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateSum {
    /// The rate.
    pub rate: VatRate,
    /// Net sum of its lines, öre.
    pub net: Money,
    /// VAT on that sum, öre.
    pub vat: Money,
}

/// A reference to another document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its number.
    pub number: String,
    /// Its day of issue.
    pub issued_on: NaiveDate,
}

impl Invoice {
    /// Returns its name as a document, as «Faktura», «Räntefaktura» or «Kreditfaktura».
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match (self.kind, self.is_interest) {
            (InvoiceKind::CreditNote, _) => "Kreditfaktura",
            (InvoiceKind::Invoice, true) => "Räntefaktura",
            (InvoiceKind::Invoice, false) => "Faktura",
        }
    }

    /// Returns the period that its lines cover together; `None` if no line has one.
    #[must_use]
    pub fn period(&self) -> Option<DateRange> {
        self.lines.iter().filter_map(|line| line.period).reduce(DateRange::joined)
    }

    /// Returns the agreement that all of its lines are about; `None` if they are about several, or
    /// some about none.
    #[must_use]
    pub fn agreement(&self) -> Option<&str> {
        let mut agreements = self.lines.iter().map(|line| line.agreement.as_deref());
        let first = agreements.next()??;
        agreements.all(|agreement| agreement == Some(first)).then_some(first)
    }

    /// Returns the seller's momsregistreringsnummer as the document shows it; `None` on a document
    /// outside the scope of VAT.
    #[must_use]
    pub fn vat_number(&self) -> Option<&str> {
        let is_outside = self.rates.iter().any(|sum| sum.rate == VatRate::OutsideScope);
        self.seller.vat_number.as_deref().filter(|_| !is_outside)
    }

    /// Returns the terms of payment as text, on one line.
    #[must_use]
    pub fn payment_terms(&self) -> String {
        let Terms { interest_points, interest_is_agreed, reminder_fee, late_compensation, .. } =
            &self.terms;
        let Some(due_on) =
            self.due_on.filter(|_| self.kind == InvoiceKind::Invoice && self.total > Money::ZERO)
        else {
            return "Inget att betala.".to_owned();
        };
        let fee = reminder_fee.filter(|fee| *fee > Money::ZERO);
        let fee = fee.map_or_else(String::new, |fee| {
            format!(" Avgiften för en påminnelse är {} kr.", kronor(fee))
        });
        let compensation = late_compensation.map_or_else(String::new, |sum| {
            format!(
                " Betalas fakturan för sent tas förseningsersättning ut med {} kr enligt lagen (1981:739) om ersättning för inkassokostnader m.m.",
                kronor(sum)
            )
        });
        if self.is_interest {
            return format!(
                "Betalas senast {due_on}. Ingen dröjsmålsränta tas ut på räntan.{fee}{compensation}"
            );
        }
        let thirtieth = self
            .issued_on
            .checked_add_days(Days::new(30))
            .filter(|day| *interest_is_agreed == Some(false) && due_on < *day);
        let since = thirtieth.map_or_else(
            || "Efter förfallodagen".to_owned(),
            |day| format!("Efter den {day}, den trettionde dagen efter fakturans datum,"),
        );
        format!(
            "Betalas senast {due_on}. {since} tas dröjsmålsränta ut enligt räntelagen (1975:635), \
             {interest_points} procentenheter över referensräntan.{fee}{compensation}"
        )
    }
}
