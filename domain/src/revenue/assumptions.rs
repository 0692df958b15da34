//! Assumptions of a forecast, and their Swedish sentences for workbooks.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::id::{ActivityId, MemberId};
use chrono::NaiveDate;

/// Assumptions that a forecast had to make about its agreements.
#[derive(Debug, Default)]
pub(super) struct Assumed {
    /// Members whose allocation was taken from another year, by that year.
    pub years: BTreeMap<i32, BTreeSet<MemberId>>,
    /// Number of agreements per mille of an unknown allocation.
    pub unknown: usize,
    /// Number of agreements with a fee per participant.
    pub per_participant: usize,
    /// Activities whose forecast is withheld; null: revenue without an activity.
    pub withheld: BTreeSet<Option<ActivityId>>,
}

/// Returns the sentences of [`Assumed`] in Swedish, in the order of the English ones.
pub(super) fn in_swedish(assumed: &Assumed, year: i32, today: NaiveDate) -> Vec<String> {
    let mut sentences = vec![
        format!(
            "Avtal räknas som ger pengar och är undertecknade senast {today}; utkast och erbjudanden räknas inte"
        ),
        format!(
            "Avtal som förlängs av sig själva fortsätter om de inte har sagts upp senast {today}; uppsagda avtal slutar enligt uppsägningen"
        ),
        "Ett år som ett avtal gäller en del av räknas i hela månader".to_owned(),
    ];
    for (other, members) in assumed.years.iter().rev() {
        let members = count(members.len(), "medlem", "medlemmar");
        sentences.push(format!("Avgifter i promille räknas på tilldelningen {other} för {members} vars tilldelning {year} inte är känd"));
    }
    if assumed.unknown > 0 {
        let agreements = count(assumed.unknown, "avtal", "avtal");
        sentences
            .push(format!("{agreements} i promille av en tilldelning som inte är känd för något år till och med {year}: räknas som noll"));
    }
    if assumed.per_participant > 0 {
        sentences.push(format!(
            "{} med avgift per deltagare: räknas som noll",
            count(assumed.per_participant, "avtal", "avtal")
        ));
    }
    if !assumed.withheld.is_empty() {
        let activities = count(assumed.withheld.len(), "verksamhet", "verksamheter");
        sentences.push(format!(
            "Utelämnat: {activities} med avgifter i promille av tilldelningar som du inte får se, så att ingen summa kan ges"
        ));
    }
    sentences.push("Service- och medlemsavgifter, kostnader och bidrag är utelämnade".to_owned());
    sentences
}

fn count(number: usize, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_with_zero_counts_are_omitted() {
        let today = NaiveDate::default();
        assert_eq!(in_swedish(&Assumed::default(), 2027, today).len(), 4);
        let mut assumed = Assumed { unknown: 1, per_participant: 2, ..Assumed::default() };
        assumed.years.entry(2026).or_default().insert(MemberId::new());
        let sentences = in_swedish(&assumed, 2027, today);
        assert_eq!(
            sentences[3..6],
            [
                "Avgifter i promille räknas på tilldelningen 2026 för 1 medlem vars tilldelning 2027 inte är känd",
                "1 avtal i promille av en tilldelning som inte är känd för något år till och med 2027: räknas som noll",
                "2 avtal med avgift per deltagare: räknas som noll",
            ]
        );
    }
}
