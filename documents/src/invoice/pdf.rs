//! An invoice or credit note as a PDF for the archive, accessible to all readers, with the
//! e-invoice embedded.

use std::{borrow::Cow, time::Duration};

use entity::{
    date_range::DateRange,
    kind::{InvoiceKind, VatRate},
    money::{Money, Quantity},
};
use serde::Serialize;

use super::contents::{Buyer, F_TAX, Invoice, Line, RateSum, Seller};
use crate::{
    error::{Error, Result},
    hash::sha256,
    size::{self, Size},
    swedish::{kronor, thousands},
    typesetting::{self, Attachment, Relationship},
};

/// A document as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdf {
    /// PDF/A-3a and PDF/UA-1; the same bytes for the same document.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
}

/// Maximum of the estimated time of a server's core for an invoice's lines when they are drafted: a
/// thousand lines of some words each, or fewer with more text.
pub const MAX_TIME_OF_LINES: Duration = Duration::from_secs(10);

/// The same for an invoice as it is issued, with the names of activities.
const MAX_TIME: Duration = Duration::from_secs(15);

/// Limit of processor time for typesetting an invoice: twice the estimate of the largest issued
/// invoice, so that its PDF can always be made.
pub const TIME_LIMIT: Duration = Duration::from_secs(15 * size::TIME_LIMIT.as_secs());

/// Estimates the time of a server's core for lines with these descriptions.
pub fn time_of_lines<'l>(descriptions: impl IntoIterator<Item = &'l str>) -> Duration {
    Size::of_invoice(descriptions.into_iter().map(|text| [Some(text)])).time()
}

impl Invoice {
    fn size(&self) -> Size {
        let lines = self.lines.iter();
        let mut size = Size::of_invoice(lines.map(|line| {
            [Some(line.description.as_str()), line.activity.as_deref(), line.agreement.as_deref()]
        }));
        self.reason.iter().for_each(|reason| size.add_text(reason));
        self.lines
            .iter()
            .filter_map(|line| line.exemption_reason.as_deref())
            .for_each(|reason| size.add_text(reason));
        size
    }

    /// Returns `true` if its PDF is made as fast as that of an agreement.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.size().is_small()
    }

    /// Fails unless its PDF can be made.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn require_settable(&self) -> Result<()> {
        if self.size().time() <= MAX_TIME {
            return Ok(());
        }
        let words = format!(
            "the {} lines of the document are more than its PDF can have; split it into several",
            self.lines.len()
        );
        Err(Error::TooLong(words))
    }
}

/// Renders the document as a PDF that embeds `xml`, its e-invoice. A server calls it in its worker
/// pool, with a time limit.
///
/// # Errors
/// [`Error::TooLong`] if it takes longer than the time limit; [`Error::Internal`] if the layout is
/// faulty.
pub fn rendered(invoice: &Invoice, xml: Vec<u8>, time_limit: Option<Duration>) -> Result<Pdf> {
    let view = View::of(invoice);
    let title = format!("{} från {}", view.named, invoice.seller.name);
    // Programs look for the file by its name, and numbers of imported history are any text of one
    // line.
    let name: String = invoice
        .number
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() || char == '-' { char } else { '_' })
        .collect();
    let attachment = Attachment {
        name: format!("{name}.xml"),
        bytes: xml,
        mime: "application/xml".to_owned(),
        relationship: Relationship::Alternative,
        description: format!("{} som e-faktura (Peppol BIS Billing 3)", view.noun),
    };
    let bytes = typesetting::pdf(typesetting::Document {
        layout: include_str!("../../../assets/documents/invoice.typ"),
        data: serde_json::to_value(&view).map_err(Error::internal)?,
        title: &title,
        language: "sv",
        dated: invoice.issued_on,
        attachments: &[attachment],
        time_limit,
    });
    let bytes = bytes?;
    Ok(Pdf { sha256: sha256(&bytes), bytes })
}

/// Data of the layout, every value formatted for people; null values are not shown.
#[derive(Debug, Serialize)]
struct View<'i> {
    /// «Faktura», «Räntefaktura» or «Kreditfaktura».
    noun: &'static str,
    /// «Faktura 2026-0001».
    named: String,
    seller: &'i Seller,
    buyer: &'i Buyer,
    /// Fields at the top, as «Fakturadatum» and «2026-12-01».
    facts: Vec<(&'static str, String)>,
    /// The document that it credits or corrects.
    refers_to: Option<String>,
    reason: Option<&'i str>,
    lines: Vec<ShownLine<'i>>,
    rates: Vec<ShownRate>,
    net: String,
    vat: String,
    rounding: Option<String>,
    /// «Att betala» or «Att kreditera».
    total_name: &'static str,
    total: String,
    /// Means of payment; empty: there is nothing to pay.
    payment: Vec<(&'static str, String)>,
    terms: Option<String>,
    /// Statements that the law requires.
    notes: Vec<Cow<'i, str>>,
    f_tax: Option<&'static str>,
    vat_number: Option<&'i str>,
}

#[derive(Debug, Serialize)]
struct ShownLine<'i> {
    description: &'i str,
    /// Activity, agreement and period, separated by «·»; empty if it has none.
    about: String,
    quantity: String,
    unit_price: String,
    rate: &'static str,
    net: String,
    /// Sum of the lines so far, which a page carries forward to the next.
    carried: String,
}

#[derive(Debug, Serialize)]
struct ShownRate {
    name: &'static str,
    net: String,
    vat: String,
}

impl<'i> View<'i> {
    fn of(invoice: &'i Invoice) -> Self {
        let Invoice {
            kind,
            number,
            seller,
            buyer,
            net,
            vat,
            rounding,
            total,
            refers_to,
            reason,
            ..
        } = invoice;
        let is_credit = *kind == InvoiceKind::CreditNote;
        let to_pay = !is_credit && *total > Money::ZERO;
        let agreement = invoice.agreement();
        let noun = invoice.noun();
        Self {
            noun,
            named: format!("{noun} {number}"),
            seller,
            buyer,
            facts: facts(invoice, agreement),
            refers_to: refers_to.as_ref().map(|reference| {
                let verb = if is_credit { "Krediterar" } else { "Rättar" };
                format!("{verb} faktura {} av {}", reference.number, reference.issued_on)
            }),
            reason: reason.as_deref(),
            lines: invoice
                .lines
                .iter()
                .scan(Money::ZERO, |sum, line| {
                    *sum += line.net;
                    Some(ShownLine::of(line, agreement, *sum))
                })
                .collect(),
            rates: invoice.rates.iter().map(ShownRate::of).collect(),
            net: kronor(*net),
            vat: kronor(*vat),
            rounding: (*rounding != Money::ZERO).then(|| kronor(*rounding)),
            total_name: if is_credit { "Att kreditera" } else { "Att betala" },
            total: kronor(*total),
            payment: if to_pay { payment(invoice) } else { Vec::new() },
            terms: (!is_credit).then(|| invoice.payment_terms()),
            notes: invoice
                .rates
                .iter()
                .filter_map(|sum| invoice.reason_without_vat(sum.rate))
                .collect(),
            f_tax: seller.f_tax.then_some(F_TAX),
            vat_number: invoice.vat_number(),
        }
    }
}

/// Returns the fields at the top, in the order in which a payer looks for them.
fn facts(invoice: &Invoice, agreement: Option<&str>) -> Vec<(&'static str, String)> {
    let is_credit = invoice.kind == InvoiceKind::CreditNote;
    let facts = [
        (
            if is_credit { "Kreditfakturanummer" } else { "Fakturanummer" },
            Some(invoice.number.clone()),
        ),
        (if is_credit { "Datum" } else { "Fakturadatum" }, Some(invoice.issued_on.to_string())),
        ("Förfallodatum", invoice.due_on.filter(|_| !is_credit).map(|day| day.to_string())),
        ("OCR-nummer", invoice.ocr.clone().filter(|_| !is_credit)),
        (
            "Er referens",
            Some(invoice.buyer.reference.clone()).filter(|reference| !reference.trim().is_empty()),
        ),
        ("Er beställning", invoice.order_reference.clone()),
        (
            "Vår referens",
            invoice.seller.reference.clone().filter(|reference| !reference.trim().is_empty()),
        ),
        ("Avtal", agreement.map(str::to_owned)),
        ("Avser tiden", invoice.period().map(days)),
    ];
    facts.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// Returns the fields that a payer copies.
fn payment(invoice: &Invoice) -> Vec<(&'static str, String)> {
    let parts = [
        ("Bankgiro", invoice.seller.bankgiro.clone()),
        ("Plusgiro", invoice.seller.plusgiro.clone()),
        ("OCR-nummer", invoice.ocr.clone()),
        ("Förfallodatum", invoice.due_on.map(|day| day.to_string())),
        ("Att betala", Some(format!("{} kr", kronor(invoice.total)))),
    ];
    parts.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// Formats a period, as `2026-01-01 – 2026-12-31`.
fn days(DateRange { from, to }: DateRange) -> String {
    if from == to { from.to_string() } else { format!("{from} – {to}") }
}

impl<'i> ShownLine<'i> {
    /// Returns a line of a document that as a whole is about `agreement`. `carried` is the sum of
    /// the lines so far.
    fn of(line: &'i Line, agreement: Option<&str>, carried: Money) -> Self {
        let own = line.agreement.as_deref().filter(|own| agreement != Some(own));
        let about =
            [line.activity.clone(), own.map(|own| format!("avtal {own}")), line.period.map(days)];
        Self {
            description: &line.description,
            about: about
                .into_iter()
                .flatten()
                .filter(|part| !part.trim().is_empty())
                .collect::<Vec<_>>()
                .join(" · "),
            quantity: match line.unit.abbreviation() {
                Some(unit) => format!("{}\u{a0}{unit}", quantity(line.quantity)),
                None => quantity(line.quantity),
            },
            unit_price: kronor(line.unit_price),
            rate: match line.vat_rate {
                VatRate::Standard25 => "25\u{a0}%",
                VatRate::Reduced12 => "12\u{a0}%",
                VatRate::Reduced6 => "6\u{a0}%",
                VatRate::Zero => "0\u{a0}%",
                VatRate::Exempt | VatRate::OutsideScope => "utan",
            },
            net: kronor(line.net),
            carried: kronor(carried),
        }
    }
}

/// Formats a quantity with its significant decimals, as `1` or `2,125`.
fn quantity(quantity: Quantity) -> String {
    let plain = Quantity(quantity.0.saturating_abs()).to_string();
    let (whole, decimals) = plain.split_once('.').unwrap_or((&plain, ""));
    let sign = if quantity.0 < 0 { "\u{2212}" } else { "" };
    let comma = if decimals.is_empty() { "" } else { "," };
    format!("{sign}{}{comma}{decimals}", thousands(whole))
}

impl ShownRate {
    fn of(sum: &RateSum) -> Self {
        let name = match sum.rate {
            VatRate::Standard25 => "25 %",
            VatRate::Reduced12 => "12 %",
            VatRate::Reduced6 => "6 %",
            VatRate::Zero => "0 %",
            VatRate::Exempt => "Undantag från moms",
            VatRate::OutsideScope => "Omfattas inte av moms",
        };
        Self { name, net: kronor(sum.net), vat: kronor(sum.vat) }
    }
}
