//! An invoice (faktura) or credit note (kreditfaktura) as those who get it read it: the data that
//! its PDF and its e-invoice are made of.
//!
//! It is whole and by itself: what seller and buyer were called on the day of issue is part of it,
//! and never looked up again.

mod exemption;
mod pdf;

use std::borrow::Cow;

use ::entity::{
    kind::{InvoiceKind, Unit, VatRate},
    money::{Money, Quantity},
    number::OrgNumber,
};
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::swedish::kronor;

pub use self::pdf::{MAX_TIME_OF_LINES, Pdf, TIME_LIMIT, rendered, time_of_lines};

/// What an invoice of somebody who is approved for F-tax says, in the words that Peppol knows.
pub const F_TAX: &str = "Godkänd för F-skatt";

/// An issued invoice or credit note, or one that is about to be. Amounts of a credit note are
/// positive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Which of the two.
    pub kind: InvoiceKind,
    /// Its number.
    pub number: String,
    /// The reference that it is paid with (OCR-nummer); null for a credit note.
    pub ocr: Option<String>,
    /// Day of issue.
    pub issued_on: NaiveDate,
    /// Last day to pay; null for a credit note.
    pub due_on: Option<NaiveDate>,
    /// Who issued it.
    pub seller: Seller,
    /// Who is to pay it, or got the credit.
    pub buyer: Buyer,
    /// What it is for, in order.
    pub lines: Vec<Line>,
    /// Each VAT rate that occurs, the highest first.
    pub rates: Vec<RateSum>,
    /// Sum of the lines, öre.
    pub net: Money,
    /// Sum of the rates' VAT, öre.
    pub vat: Money,
    /// Öresavrundning, öre.
    pub rounding: Money,
    /// What is to be paid, öre.
    pub total: Money,
    /// The invoice that a credit note credits, or that an invoice corrects upwards
    /// (mervärdesskattelag 2023:200, 17 kap. 22 §).
    pub refers_to: Option<Reference>,
    /// Why it credits or corrects, in the office's words.
    pub reason: Option<String>,
    /// The buyer's order that it is for (BT-13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_reference: Option<String>,
    /// `true` for an invoice of late interest, or a credit note of one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_interest: bool,
    /// The terms of payment that the day of issue had.
    pub terms: Terms,
}

/// Who issued it, as on the day of issue.
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
    /// Where questions go.
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
    /// Whether it says «Godkänd för F-skatt».
    pub f_tax: bool,
    /// Vår referens: whom at the seller to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Who is to pay it, as on the day of issue.
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
    /// Where it is sent by e-mail.
    pub email: Option<String>,
    /// Peppol participant, as `0007:2220001834`.
    pub peppol_id: String,
}

/// The terms of payment, as on the day of issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Percentage points of late interest above the reference rate (räntelagen 6 §).
    pub interest_points: u16,
    /// `true` if interest runs from the last day to pay, as agreed (räntelagen 3 §); `false`: from
    /// the 30th day after the invoice (4 §); null: an invoice from before the register knew which,
    /// whose text speaks of the last day to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interest_is_agreed: Option<bool>,
    /// What a reminder costs where it was agreed, öre; null: it is free.
    pub reminder_fee: Option<Money>,
    /// Compensation for paying late (förseningsersättning, lag 1981:739 4 a §), öre, in the place
    /// of a reminder fee; null: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_compensation: Option<Money>,
    /// Why exempt lines are exempt.
    pub exemption_reason: String,
    /// Why lines are outside the scope of VAT.
    pub outside_scope_reason: String,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What for.
    pub description: String,
    /// The activity's name.
    pub activity: Option<String>,
    /// The agreement's number.
    pub agreement: Option<String>,
    /// First and last day that it covers.
    pub period: Option<(NaiveDate, NaiveDate)>,
    /// How many.
    pub quantity: Quantity,
    /// Of what.
    #[serde(default)]
    pub unit: Unit,
    /// Öre each, without VAT; negative for a deduction.
    pub unit_price: Money,
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// The reason of its exemption in words; null: that of the terms, or it is not exempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption_reason: Option<String>,
    /// The reason's code of the list VATEX (BT-121); null: none applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption_code: Option<String>,
    /// Quantity × price, öre, without VAT.
    pub net: Money,
}

/// What it has at one VAT rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateSum {
    /// The rate.
    pub rate: VatRate,
    /// Net sum of its lines, öre.
    pub net: Money,
    /// VAT on that sum, öre.
    pub vat: Money,
}

/// Another document that it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its number.
    pub number: String,
    /// Its day of issue.
    pub issued_on: NaiveDate,
}

impl Invoice {
    /// Its noun, as «Faktura», «Räntefaktura» or «Kreditfaktura».
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match (self.kind, self.is_interest) {
            (InvoiceKind::CreditNote, _) => "Kreditfaktura",
            (InvoiceKind::Invoice, true) => "Räntefaktura",
            (InvoiceKind::Invoice, false) => "Faktura",
        }
    }

    /// The first and last day that its lines cover together; null when no line says any.
    #[must_use]
    pub fn period(&self) -> Option<(NaiveDate, NaiveDate)> {
        let periods = self.lines.iter().filter_map(|line| line.period);
        periods.reduce(|(from, to), period| (from.min(period.0), to.max(period.1)))
    }

    /// The agreement that every one of its lines is about; null when they are about several, or
    /// some about none.
    #[must_use]
    pub fn agreement(&self) -> Option<&str> {
        let mut agreements = self.lines.iter().map(|line| line.agreement.as_deref());
        let first = agreements.next()??;
        agreements.all(|agreement| agreement == Some(first)).then_some(first)
    }

    /// The seller's momsregistreringsnummer as the document has it: null on one that is outside the
    /// scope of VAT.
    #[must_use]
    pub fn vat_number(&self) -> Option<&str> {
        let is_outside = self.rates.iter().any(|sum| sum.rate == VatRate::OutsideScope);
        self.seller.vat_number.as_deref().filter(|_| !is_outside)
    }

    /// The terms of payment in words, on one line.
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

    /// Why lines of this rate are without VAT, in words; null when they are not.
    #[must_use]
    pub fn reason_without_vat(&self, rate: VatRate) -> Option<Cow<'_, str>> {
        match rate {
            VatRate::Standard25 | VatRate::Reduced12 | VatRate::Reduced6 | VatRate::Zero => None,
            VatRate::Exempt => Some(exemption::reason(self)),
            VatRate::OutsideScope => Some(Cow::Borrowed(&self.terms.outside_scope_reason)),
        }
    }

    /// The code of the list VATEX that says why lines of this rate are without VAT; null when no
    /// one code says it of all of them.
    #[must_use]
    pub fn code_without_vat(&self, rate: VatRate) -> Option<&str> {
        match rate {
            VatRate::Standard25 | VatRate::Reduced12 | VatRate::Reduced6 | VatRate::Zero => None,
            VatRate::Exempt => exemption::code(self),
            VatRate::OutsideScope => Some("VATEX-EU-O"),
        }
    }
}
