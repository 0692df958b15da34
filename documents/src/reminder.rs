//! A reminder (påminnelse) as a document: the unpaid part of an invoice, the interest to date and
//! the fee, and its PDF.

use std::time::Duration;

use chrono::NaiveDate;
use entity::money::Money;
use serde::Serialize;

use crate::{
    error::{Error, Result},
    hash::sha256,
    invoice::{Buyer, Invoice, Pdf, Seller},
    swedish::kronor,
    typesetting,
};

/// A reminder that was sent.
#[derive(Clone, Debug)]
pub struct Reminder {
    /// Content of the invoice.
    pub invoice: Invoice,
    /// Day of the reminder.
    pub sent_on: NaiveDate,
    /// Unpaid sum at that time, öre.
    pub unpaid: Money,
    /// Interest up to and including that day, for the days that no interest invoice claims, öre;
    /// null: the reference rate is not known.
    pub interest: Option<Money>,
    /// Numbers of the interest invoices up to that day, each with the last day for which it claims
    /// interest.
    pub invoiced: Vec<(String, NaiveDate)>,
    /// Fee of this reminder, öre.
    pub fee: Money,
    /// Fees of earlier reminders, with their days, öre.
    pub earlier_fees: Vec<(NaiveDate, Money)>,
    /// `true` if the fee is the compensation for late payment.
    pub is_compensation: bool,
}

/// Data of the layout, every value formatted for people.
#[derive(Debug, Serialize)]
struct View<'r> {
    named: String,
    seller: &'r Seller,
    buyer: &'r Buyer,
    facts: Vec<(&'static str, String)>,
    message: String,
    /// Sums, as «Kvar att betala» and «800,00».
    rows: Vec<(String, String)>,
    total: String,
    payment: Vec<(&'static str, String)>,
    notes: Vec<String>,
}

impl<'r> View<'r> {
    fn of(reminder: &'r Reminder) -> Self {
        let Reminder {
            invoice,
            sent_on,
            unpaid,
            interest,
            invoiced: _,
            fee,
            earlier_fees,
            is_compensation,
        } = reminder;
        let shown = |facts: Vec<(&'static str, Option<String>)>| {
            facts
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| (name, value)))
                .collect::<Vec<_>>()
        };
        let settled = invoice.total - *unpaid;
        let mut rows = vec![(format!("Faktura {}", invoice.number), kronor(invoice.total))];
        if settled > Money::ZERO {
            rows.push(("Betalt och krediterat".to_owned(), kronor(Money::ZERO - settled)));
        }
        if let Some(interest) = interest.filter(|interest| *interest > Money::ZERO) {
            rows.push((format!("Dröjsmålsränta till och med {sent_on}"), kronor(interest)));
        }
        let name = if *is_compensation { "Förseningsersättning" } else { "Påminnelseavgift" };
        for (day, fee) in earlier_fees {
            rows.push((format!("{name}, påminnelsen {day}"), kronor(*fee)));
        }
        if *fee > Money::ZERO {
            rows.push((name.to_owned(), kronor(*fee)));
        }
        let total = *unpaid + interest.unwrap_or_default() + reminder.fees();
        Self {
            named: format!("Påminnelse om faktura {}", invoice.number),
            seller: &invoice.seller,
            buyer: &invoice.buyer,
            facts: shown(vec![
                ("Datum", Some(sent_on.to_string())),
                ("Fakturanummer", Some(invoice.number.clone())),
                ("Fakturadatum", Some(invoice.issued_on.to_string())),
                ("Förfallodatum", invoice.due_on.map(|day| day.to_string())),
                ("OCR-nummer", invoice.ocr.clone()),
                (
                    "Er referens",
                    Some(invoice.buyer.reference.clone())
                        .filter(|reference| !reference.trim().is_empty()),
                ),
                (
                    "Vår referens",
                    invoice
                        .seller
                        .reference
                        .clone()
                        .filter(|reference| !reference.trim().is_empty()),
                ),
            ]),
            message: format!(
                "Vi har inte fått full betalning för faktura {}. Betala beloppet nedan så snart som möjligt. Har ni redan betalat kan ni bortse \
                 från påminnelsen.",
                invoice.number
            ),
            rows,
            total: kronor(total),
            payment: shown(vec![
                ("Bankgiro", invoice.seller.bankgiro.clone()),
                ("Plusgiro", invoice.seller.plusgiro.clone()),
                ("OCR-nummer", invoice.ocr.clone()),
                ("Att betala", Some(format!("{} kr", kronor(total)))),
            ]),
            notes: notes(reminder),
        }
    }
}

impl Reminder {
    /// Returns the sum of all fees that it claims, öre.
    fn fees(&self) -> Money {
        self.fee + self.earlier_fees.iter().map(|(_, fee)| *fee).sum::<Money>()
    }
}

/// Returns the statements that the law requires.
fn notes(reminder: &Reminder) -> Vec<String> {
    let Reminder { invoice, interest, invoiced, is_compensation, .. } = reminder;
    let interest = if invoice.is_interest {
        "Ingen dröjsmålsränta tas ut på räntan.".to_owned()
    } else if interest.is_some() {
        format!(
            "Dröjsmålsräntan är {} procentenheter över referensräntan enligt räntelagen (1975:635) och löper tills betalning sker.",
            invoice.terms.interest_points
        )
    } else {
        "Dröjsmålsränta enligt räntelagen (1975:635) tillkommer; den är inte inräknad i beloppet."
            .to_owned()
    };
    let invoiced = invoiced
        .iter()
        .map(|(number, last)| format!("till och med {last} med räntefaktura {number}"))
        .collect::<Vec<_>>();
    let invoiced = (!invoiced.is_empty()).then(|| {
        format!("Ränta har fakturerats {} och ingår inte i beloppet.", invoiced.join(" och "))
    });
    let law = "lagen (1981:739) om ersättning för inkassokostnader m.m.";
    let fee = match (reminder.fees() > Money::ZERO, is_compensation) {
        (false, _) => None,
        (true, true) => Some(format!("Förseningsersättningen tas ut enligt 4 a § {law}")),
        (true, false) => Some(format!("Påminnelseavgiften tas ut enligt {law}")),
    };
    [Some(interest), invoiced, fee, Some("Ränta och avgift är utan moms.".to_owned())]
        .into_iter()
        .flatten()
        .collect()
}

/// Renders the reminder as a PDF. A server calls it in its worker pool, with a time limit.
///
/// # Errors
/// [`Error::TooLong`] if it takes longer than the time limit; [`Error::Internal`] if the layout is
/// faulty.
pub fn rendered(reminder: &Reminder, time_limit: Option<Duration>) -> Result<Pdf> {
    let view = View::of(reminder);
    let title = format!("{} från {}", view.named, reminder.invoice.seller.name);
    let bytes = typesetting::pdf(typesetting::Document {
        layout: include_str!("../../assets/documents/reminder.typ"),
        data: serde_json::to_value(&view).map_err(Error::internal)?,
        title: &title,
        language: "sv",
        dated: reminder.sent_on,
        attachments: &[],
        time_limit,
    });
    let bytes = bytes?;
    Ok(Pdf { sha256: sha256(&bytes), bytes })
}

#[cfg(test)]
mod tests {
    use entity::kind::InvoiceKind;

    use super::*;
    use crate::invoice::Terms;

    fn reminder(interest: Option<i64>, fees: i64, is_compensation: bool) -> Reminder {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let invoice = Invoice {
            kind: InvoiceKind::Invoice,
            number: "20260001".into(),
            ocr: Some("2026000102".into()),
            issued_on: day("2026-11-02"),
            due_on: Some(day("2026-12-02")),
            seller: Seller {
                name: "Nätverket".into(),
                bankgiro: Some("5050-1055".into()),
                ..Seller::default()
            },
            buyer: Buyer {
                name: "Förbundet".into(),
                reference: "REF 1".into(),
                ..Buyer::default()
            },
            lines: Vec::new(),
            rates: Vec::new(),
            net: Money(100_000),
            vat: Money::ZERO,
            rounding: Money::ZERO,
            total: Money(100_000),
            refers_to: None,
            reason: None,
            order_reference: None,
            is_interest: false,
            terms: Terms { interest_points: 8, ..Terms::default() },
        };
        Reminder {
            invoice,
            sent_on: day("2026-12-22"),
            unpaid: Money(80_000),
            interest: interest.map(Money),
            invoiced: Vec::new(),
            fee: Money(fees),
            earlier_fees: Vec::new(),
            is_compensation,
        }
    }

    #[test]
    fn a_second_reminder_names_the_first_fee_and_what_is_invoiced_of_the_interest() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let second = Reminder {
            invoiced: vec![("20260002".into(), day("2026-12-10"))],
            earlier_fees: vec![(day("2026-12-10"), Money(6000))],
            ..reminder(Some(263), 0, false)
        };
        let view = View::of(&second);
        let rows: Vec<_> = view
            .rows
            .iter()
            .map(|(name, sum)| format!("{name}: {}", sum.replace('\u{a0}', " ")))
            .collect();
        assert_eq!(
            rows[2..],
            [
                "Dröjsmålsränta till och med 2026-12-22: 2,63",
                "Påminnelseavgift, påminnelsen 2026-12-10: 60,00"
            ]
        );
        assert_eq!(view.total.replace('\u{a0}', " "), "862,63");
        let invoiced = "Ränta har fakturerats till och med 2026-12-10 med räntefaktura 20260002 och ingår inte i beloppet.";
        assert!(view.notes.iter().any(|note| note == invoiced), "{:?}", view.notes);
        // Interest bears no interest.
        let mut of_interest = reminder(Some(0), 0, false);
        of_interest.invoice.is_interest = true;
        let notes = View::of(&of_interest).notes;
        assert!(
            notes[0] == "Ingen dröjsmålsränta tas ut på räntan."
                && !notes.concat().contains("referensräntan"),
            "{notes:?}"
        );
    }

    #[test]
    fn a_reminder_adds_up_what_is_unpaid_interest_and_the_fee() {
        let plain = reminder(Some(438), 6000, false);
        let view = View::of(&plain);
        let rows: Vec<_> = view
            .rows
            .iter()
            .map(|(name, sum)| format!("{name}: {}", sum.replace('\u{a0}', " ")))
            .collect();
        assert_eq!(
            rows,
            [
                "Faktura 20260001: 1 000,00",
                "Betalt och krediterat: \u{2212}200,00",
                "Dröjsmålsränta till och med 2026-12-22: 4,38",
                "Påminnelseavgift: 60,00"
            ]
        );
        assert_eq!(view.total.replace('\u{a0}', " "), "864,38");
        assert!(
            view.payment.contains(&("OCR-nummer", "2026000102".to_owned()))
                && view.payment.contains(&("Bankgiro", "5050-1055".to_owned()))
        );
        let compensated = reminder(None, 45_000, true);
        let view = View::of(&compensated);
        assert_eq!(view.total.replace('\u{a0}', " "), "1 250,00");
        assert!(
            view.rows.iter().any(|(name, _)| name == "Förseningsersättning"),
            "{:?}",
            view.rows
        );
        assert!(
            view.notes[0].contains("tillkommer") && view.notes[1].contains("4 a §"),
            "{:?}",
            view.notes
        );
        for reminder in [plain, compensated, reminder(Some(0), 0, false)] {
            assert!(rendered(&reminder, None).unwrap().bytes.starts_with(b"%PDF-1.7"));
        }
    }
}
