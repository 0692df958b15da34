//! Layout: the parts of a document around its text, which are equal in a preview and in the
//! agreement itself.

use ::entity::kind::{AgreementKind, Direction};
use chrono::NaiveDate;
use documents::{agreement as document, swedish};

use super::facts::{Facts, Party};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(terms: Vec<(String, String)>) -> Vec<(String, String)> {
        terms.into_iter().map(|(name, value)| (name, value.replace('\u{a0}', " "))).collect()
    }

    fn names(direction: Direction, facts: &Facts) -> Vec<String> {
        terms(direction, facts).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn terms_are_listed_as_far_as_there_are_any() {
        let facts = Facts::example();
        let all = ["Verksamhet", "Avtalstid", "Förlängning", "Uppsägningstid", "Avgift"];
        assert_eq!(names(Direction::Income, &facts), all);
        assert_eq!(names(Direction::Cost, &facts).last().map(String::as_str), Some("Ersättning"));
        let mut open = Facts { activity: None, fee: None, ..facts };
        open.agreement.ends_on = None;
        open.agreement.renewal_months = None;
        open.agreement.notice_months = 0;
        let term = "från och med den 1 januari 2027 och tills vidare";
        assert_eq!(
            plain(terms(Direction::None, &open)),
            [("Avtalstid".to_owned(), term.to_owned())]
        );
    }

    #[test]
    fn the_roles_of_the_parties_follow_from_the_kind() {
        for (kind, roles) in [
            (AgreementKind::Participation, ["Nätverket", "Medlemmen"]),
            (AgreementKind::Assignment, ["Uppdragsgivaren", "Uppdragstagaren"]),
            (AgreementKind::Cooperation, ["Nätverket", "Samarbetsparten"]),
        ] {
            let heading = Heading { kind, ..Heading::default() };
            let day = NaiveDate::default();
            let document = document(heading, None, &Facts::example(), String::new(), day);
            let found: Vec<_> = document.parties.iter().map(|party| party.role.as_str()).collect();
            assert_eq!(found, roles);
        }
    }
}
