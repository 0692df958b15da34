//! Layout: the parts of a document around its text, which are equal in a preview and in the
//! agreement itself.

use std::time::Duration;

use ::entity::kind::{AgreementKind, Direction};
use chrono::NaiveDate;
use documents::{
    agreement::{self as document, Rendered},
    swedish,
};

use super::facts::{Facts, Party};
use crate::{auth::viewer::Viewer, error::Result, worker_pool};

/// Renders the document as HTML and PDF when a worker is available to the viewer.
///
/// # Errors
/// CONFLICT `DOCUMENT_TOO_LONG` when a limit of the typesetter is exceeded, or `TOO_MANY_REQUESTS`.
pub async fn render(viewer: &Viewer, document: document::Agreement) -> Result<Rendered> {
    worker_pool::run(&viewer.subject, move || Ok(document::rendered(&document)?)).await
}

/// Renders like [`render`] if `allow` accepts the estimated CPU time.
///
/// # Errors
/// As [`render`], and the error of `allow`.
pub async fn render_if(
    viewer: &Viewer,
    document: document::Agreement,
    allow: impl FnOnce(Duration) -> Result<()> + Send + 'static,
) -> Result<Rendered> {
    worker_pool::run(&viewer.subject, move || document::rendered_if(&document, allow)).await
}

/// Renders the document as an HTML page when a worker is available to the viewer.
///
/// # Errors
/// CONFLICT `TOO_MANY_REQUESTS` when too many of the viewer's documents are waiting.
pub async fn html(viewer: &Viewer, document: document::Agreement) -> Result<String> {
    worker_pool::run(&viewer.subject, move || Ok(document::html(&document)?)).await
}

/// The title and the kind of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heading {
    /// The template's title.
    pub title: String,
    /// The kind of agreement that the template makes.
    pub kind: AgreementKind,
    /// The direction of payment.
    pub direction: Direction,
    /// BCP 47 language tag, for example `sv`.
    pub language: String,
}

/// Returns the document around a text that was rendered with these facts. `number` is null for a
/// draft, even if the facts have a number.
#[must_use]
pub fn document(
    heading: Heading,
    number: Option<String>,
    facts: &Facts,
    body: String,
    dated: NaiveDate,
) -> document::Agreement {
    let (ours, theirs) = match heading.kind {
        AgreementKind::Participation => ("Nätverket", "Medlemmen"),
        AgreementKind::Assignment => ("Uppdragsgivaren", "Uppdragstagaren"),
        AgreementKind::Cooperation => ("Nätverket", "Samarbetsparten"),
    };
    document::Agreement {
        parties: vec![side(ours, &facts.network), side(theirs, &facts.counterparty)],
        terms: terms(heading.direction, facts),
        title: heading.title,
        number,
        language: heading.language,
        body,
        dated,
    }
}

fn side(role: &str, party: &Party) -> document::Party {
    let town: Vec<&str> =
        [&party.postal_code, &party.city].into_iter().flatten().map(String::as_str).collect();
    let town = (!town.is_empty()).then(|| town.join(" "));
    document::Party {
        role: role.to_owned(),
        name: party.name.clone(),
        org_number: party.org_number.clone(),
        address: party.address_line.iter().cloned().chain(town).collect(),
    }
}

fn terms(direction: Direction, facts: &Facts) -> Vec<(String, String)> {
    let agreement = &facts.agreement;
    let mut terms = Vec::new();
    if let Some(activity) = &facts.activity {
        terms.push(("Verksamhet", activity.name.clone()));
    }
    let last = agreement.ends_on.map_or_else(
        || "och tills vidare".to_owned(),
        |day| format!("till och med {}", swedish::date(day)),
    );
    terms
        .push(("Avtalstid", format!("från och med {} {last}", swedish::date(agreement.starts_on))));
    if let Some(months) = agreement.renewal_months {
        terms.push((
            "Förlängning",
            format!("{} i taget, om ingen säger upp avtalet i tid", swedish::months(months.into())),
        ));
    }
    // Without months of notice, only the text states whether notice can be given.
    if agreement.notice_months > 0 {
        terms.push(("Uppsägningstid", swedish::months(agreement.notice_months.into())));
    }
    if let Some(fee) = facts.fee {
        terms.push((
            if direction == Direction::Cost { "Ersättning" } else { "Avgift" },
            fee.summary(),
        ));
    }
    terms.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
