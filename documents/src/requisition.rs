//! A requisition (rekvisition) as a document for the funder of a grant: the data of its PDF, and
//! the PDF.

use std::time::Duration;

use chrono::NaiveDate;
use entity::{date_range::DateRange, money::Money, number::OrgNumber};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    hash::sha256,
    invoice::{Pdf, Seller},
    swedish::kronor,
    typesetting,
};

/// An issued requisition, with the details of the parties on the day of issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requisition {
    /// Its number.
    pub number: String,
    /// Day of issue.
    pub issued_on: NaiveDate,
    /// Due date.
    pub due_on: NaiveDate,
    /// The network, which receives the payment.
    pub sender: Seller,
    /// The funder.
    pub recipient: Recipient,
    /// Number of the agreement about the grant.
    pub agreement: String,
    /// Name of the activity that the grant is for; null: none.
    pub activity: Option<String>,
    /// Purpose of the grant.
    pub description: String,
    /// The funder's own reference, as a case number (diarienummer).
    pub reference: Option<String>,
    /// Period that it is for.
    pub period: DateRange,
    /// Amount, öre.
    pub amount: Money,
}

/// The funder of a grant, as far as the register knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Name.
    pub name: String,
    /// Organisationsnummer.
    pub org_number: Option<OrgNumber>,
    /// Street or box.
    pub address_line: Option<String>,
    /// Postnummer.
    pub postal_code: Option<String>,
    /// Postort.
    pub city: Option<String>,
}

/// Data of the layout, every value formatted for people; null values are not shown.
#[derive(Debug, Serialize)]
struct View<'r> {
    named: String,
    sender: &'r Seller,
    recipient: &'r Recipient,
    /// Fields at the top, as «Datum» and «2026-12-01».
    facts: Vec<(&'static str, String)>,
    description: &'r str,
    /// Means of payment.
    payment: Vec<(&'static str, String)>,
    amount: String,
    note: String,
}

impl<'r> View<'r> {
    fn of(requisition: &'r Requisition) -> Self {
        let Requisition {
            number,
            issued_on,
            due_on,
            sender,
            recipient,
            agreement,
            activity,
            description,
            reference,
            period,
            amount,
        } = requisition;
        let shown = |facts: Vec<(&'static str, Option<String>)>| {
            facts.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
        };
        Self {
            named: format!("Rekvisition {number}"),
            sender,
            recipient,
            facts: shown(vec![
                ("Rekvisitionsnummer", Some(number.clone())),
                ("Datum", Some(issued_on.to_string())),
                ("Er referens", reference.clone()),
                ("Avtal", Some(agreement.clone())),
                ("Verksamhet", activity.clone()),
                ("Avser tiden", Some(format!("{} – {}", period.from, period.to))),
            ]),
            description,
            payment: shown(vec![
                ("Bankgiro", sender.bankgiro.clone()),
                ("Plusgiro", sender.plusgiro.clone()),
                ("Ange vid betalning", Some(number.clone())),
                ("Betalas senast", Some(due_on.to_string())),
            ]),
            amount: kronor(*amount),
            note: "Rekvisitionen gäller ett bidrag. Bidraget är inte ersättning för en vara eller tjänst, och ingen moms tas ut."
                .to_owned(),
        }
    }
}

/// Renders the requisition as a PDF. A server calls it in its worker pool, with a time limit.
///
/// # Errors
/// [`Error::TooLong`] if it takes longer than the time limit; [`Error::Internal`] if the layout is
/// faulty.
pub fn rendered(requisition: &Requisition, time_limit: Option<Duration>) -> Result<Pdf> {
    let view = View::of(requisition);
    let title = format!("{} från {}", view.named, requisition.sender.name);
    let bytes = typesetting::pdf(typesetting::Document {
        layout: include_str!("../../assets/documents/requisition.typ"),
        data: serde_json::to_value(&view).map_err(Error::internal)?,
        title: &title,
        language: "sv",
        dated: requisition.issued_on,
        attachments: &[],
        time_limit,
    });
    let bytes = bytes?;
    Ok(Pdf { sha256: sha256(&bytes), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requisition_can_be_set_whatever_it_says() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let plain = Requisition {
            number: "R2026-0001".into(),
            issued_on: day("2026-12-01"),
            due_on: day("2026-12-31"),
            sender: Seller {
                name: "Nätverket".into(),
                bankgiro: Some("5050-1055".into()),
                ..Seller::default()
            },
            recipient: Recipient { name: "Myndigheten".into(), ..Recipient::default() },
            agreement: "2026-0042".into(),
            description: "Statsbidrag till Stoppa våldet".into(),
            period: DateRange::new(day("2026-01-01"), day("2026-12-31")),
            amount: Money(90_000_000),
            ..Requisition::default()
        };
        let text = "#eval(\"1\") 😀 漢字 <b>".repeat(20);
        let hostile = Requisition {
            description: text.clone(),
            reference: Some(text),
            activity: Some("\u{7}".into()),
            ..plain.clone()
        };
        for requisition in [plain, hostile] {
            let pdf = rendered(&requisition, None).unwrap();
            assert!(pdf.bytes.starts_with(b"%PDF-1.7"));
            assert_eq!(
                rendered(&requisition, None).unwrap(),
                pdf,
                "the same bytes for the same document"
            );
        }
    }
}
