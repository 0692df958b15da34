//! Assumptions of a forecast, and their sentences in English and in Swedish.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    id::{ActivityId, MemberId},
    money::Money,
};
use chrono::NaiveDate;

/// Allocations, each with its year.
pub(super) type Allocations = HashMap<MemberId, (i32, Money)>;

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

impl Assumed {
    /// Returns the sentences, always in this order and with these words. Sentences with a count are
    /// omitted if it is zero.
    pub(super) fn sentences(&self, year: i32, today: NaiveDate) -> Vec<String> {
        let mut sentences = vec![
            format!("Agreements with income that are signed by {today} are included; drafts and offers are not"),
            format!(
                "Agreements that renew continue, unless notice was given by {today}; those with notice end accordingly"
            ),
            "A year that an agreement covers partly is prorated by the months on whose first day it is in force".to_owned(),
        ];
        sentences.extend(assumed_years(
            &self.years.iter().map(|(other, members)| (*other, members.len())).collect(),
            year,
        ));
        if self.unknown > 0 {
            let agreements = count(self.unknown, "agreement");
            sentences.push(format!("{agreements} per mille of an allocation that is not known for any year until {year}: counted as zero"));
        }
        if self.per_participant > 0 {
            sentences.push(format!(
                "{} with a fee per participant: counted as zero",
                count(self.per_participant, "agreement")
            ));
        }
        if !self.withheld.is_empty() {
            let activities = match self.withheld.len() {
                1 => "1 activity".to_owned(),
                many => format!("{many} activities"),
            };
            sentences.push(format!(
                "Left out: {activities} with fees per mille of allocations that you may not see, so that no total can be given"
            ));
        }
        sentences.push("Service and membership fees, costs and grants are left out".to_owned());
        sentences
    }
}

/// Returns the sentences of [`Assumed`] in Swedish, in the order of the English ones.
pub(super) fn in_swedish(assumed: &Assumed, year: i32, today: NaiveDate) -> Vec<String> {
    let mut sentences = vec![
        format!(
            "Avtal räknas som ger pengar och är undertecknade senast {today}; utkast och erbjudanden räknas inte"
        ),
        format!(
            "Avtal som förlängs automatiskt fortsätter om de inte har sagts upp senast {today}; uppsagda avtal slutar enligt uppsägningen"
        ),
        "Ett år som ett avtal gäller en del av räknas i hela månader".to_owned(),
    ];
    for (other, members) in assumed.years.iter().rev() {
        let members = number_of(members.len(), "medlem", "medlemmar");
        sentences.push(format!("Avgifter i promille räknas på tilldelningen {other} för {members} vars tilldelning {year} inte är känd"));
    }
    if assumed.unknown > 0 {
        let agreements = number_of(assumed.unknown, "avtal", "avtal");
        sentences
            .push(format!("{agreements} i promille av en tilldelning som inte är känd för något år till och med {year}: räknas som noll"));
    }
    if assumed.per_participant > 0 {
        sentences.push(format!(
            "{} med avgift per deltagare: räknas som noll",
            number_of(assumed.per_participant, "avtal", "avtal")
        ));
    }
    if !assumed.withheld.is_empty() {
        let activities = number_of(assumed.withheld.len(), "verksamhet", "verksamheter");
        sentences.push(format!(
            "Utelämnat: {activities} med avgifter i promille av tilldelningar som du inte får se, så att ingen summa kan ges"
        ));
    }
    sentences.push("Service- och medlemsavgifter, kostnader och bidrag är utelämnade".to_owned());
    sentences
}

fn number_of(number: usize, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Describes the assumption about members whose allocation was taken from another year, the latest
/// year first.
pub(super) fn assumed_years(years: &BTreeMap<i32, usize>, year: i32) -> Vec<String> {
    let sentence = |(other, members): (&i32, &usize)| {
        let members = count(*members, "member");
        format!(
            "Fees per mille are of the allocation of {other} for {members} whose allocation of {year} is not known"
        )
    };
    years.iter().rev().map(sentence).collect()
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

    #[test]
    fn both_languages_have_the_same_sentences() {
        let today = NaiveDate::default();
        let mut assumed = Assumed { unknown: 2, per_participant: 1, ..Assumed::default() };
        assumed.years.entry(2025).or_default().insert(MemberId::new());
        assumed.years.entry(2024).or_default().extend([MemberId::new(), MemberId::new()]);
        assumed.withheld.extend([None, Some(ActivityId::new())]);
        for assumed in [Assumed::default(), assumed] {
            let english = assumed.sentences(2027, today);
            assert_eq!(english.len(), in_swedish(&assumed, 2027, today).len());
        }
    }

    #[test]
    fn earlier_allocations_are_listed_from_the_latest_year() {
        let years = BTreeMap::from([(2023, 2), (2025, 1)]);
        let sentence = |year, members| {
            format!(
                "Fees per mille are of the allocation of {year} for {members} whose allocation of 2027 is not known"
            )
        };
        assert_eq!(
            assumed_years(&years, 2027),
            [sentence(2025, "1 member"), sentence(2023, "2 members")]
        );
    }
}
