//! The tax decisions in force on a day, and the VAT treatment that follows from them.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    fee_schedule,
    id::ActivityId,
    kind::{ChargeKind, FeeBasis, VatRate},
    tax_decision::Model,
};

use crate::error::{ConflictReason, Error};

/// A fee with a VAT treatment: the special fees of an activity, or a fee of the network itself.
pub type Taxed = (ChargeKind, Option<ActivityId>);

/// The tax decisions that apply on a day.
#[derive(Clone, Debug, Default)]
pub struct TaxDecisions {
    decided: HashMap<Taxed, Model>,
    /// The VAT treatments stated with the prices in force.
    stated: HashMap<Taxed, BTreeSet<VatRate>>,
}

impl TaxDecisions {
    /// Adds the VAT treatment stated with a price in force on the day.
    pub(super) fn state(&mut self, price: &fee_schedule::Model) {
        if let Some((taxed, rate)) = subject(price).zip(price.vat_rate) {
            self.stated.entry(taxed).or_default().insert(rate);
        }
    }

    /// Returns the decision about a fee; `None` if there is none.
    #[must_use]
    pub fn about(&self, taxed: Taxed) -> Option<&Model> {
        self.decided.get(&taxed)
    }

    /// Returns the VAT treatment of a fee: that of the decision, or else the one that all of its
    /// prices state. `None` if it is undecided.
    #[must_use]
    pub fn rate_about(&self, taxed: Taxed) -> Option<VatRate> {
        let stated = self
            .stated
            .get(&taxed)
            .filter(|rates| rates.len() == 1)
            .and_then(|rates| rates.first().copied());
        self.about(taxed).map(|decision| decision.vat_rate).or(stated)
    }

    /// Returns the decision about a price; `None` if there is none.
    #[must_use]
    pub fn of_price(&self, price: &fee_schedule::Model) -> Option<&Model> {
        self.about(subject(price)?)
    }

    /// Returns the VAT treatment of a price: that of the tax decision, or else the one stated with
    /// the price. `None` if it is undecided.
    #[must_use]
    pub fn rate_of(&self, price: &fee_schedule::Model) -> Option<VatRate> {
        self.of_price(price).map(|decision| decision.vat_rate).or(price.vat_rate)
    }
}

impl FromIterator<Model> for TaxDecisions {
    /// Collects decisions; the last one about a fee applies.
    fn from_iter<I: IntoIterator<Item = Model>>(decisions: I) -> Self {
        let decided = decisions
            .into_iter()
            .map(|decision| ((decision.fee, decision.activity_id), decision))
            .collect();
        Self { decided, stated: HashMap::new() }
    }
}

/// Returns the fee of a price; `None` if the price is not invoiced. The network itself has a
/// service fee and a membership fee.
fn subject(price: &fee_schedule::Model) -> Option<Taxed> {
    match (price.activity_id, price.basis) {
        (Some(activity), _) => Some((ChargeKind::SpecialFee, Some(activity))),
        (None, FeeBasis::PerMilleOfAllocation) => Some((ChargeKind::ServiceFee, None)),
        (None, FeeBasis::FixedPerYear) => Some((ChargeKind::MembershipFee, None)),
        (None, FeeBasis::PerParticipant | FeeBasis::OneOff) => None,
    }
}

/// Returns the error for an item without a VAT treatment, for example `the service fee of 2027`.
#[must_use]
pub fn undecided(what: &str) -> Error {
    let message = format!(
        "{what} has no VAT treatment: record the network's tax decision, or state the VAT treatment explicitly"
    );
    Error::conflict(ConflictReason::VatUndecided, message)
}

/// Returns the note about a price that no tax decision confirms; `None` if one does. `slugs` are
/// those of activities.
pub(super) fn note(
    price: &fee_schedule::Model,
    slugs: &HashMap<ActivityId, String>,
    decisions: &TaxDecisions,
) -> Option<String> {
    let name = match subject(price)? {
        (ChargeKind::ServiceFee, _) => "the service fee".to_owned(),
        (ChargeKind::MembershipFee, _) => "the membership fee".to_owned(),
        (ChargeKind::SpecialFee, activity) => {
            format!(
                "the price of {}",
                activity.and_then(|id| slugs.get(&id)).map_or("an activity", String::as_str)
            )
        }
    };
    let from = price.valid_from;
    match (price.vat_rate, decisions.of_price(price)) {
        (None, None) => Some(format!(
            "{name} from {from} has no VAT treatment until a tax decision is recorded"
        )),
        (Some(rate), None) => Some(format!(
            "{name} from {from} states {rate}, which no tax decision confirms; record one that confirms it"
        )),
        (Some(rate), Some(decision)) if rate != decision.vat_rate => {
            let (decided, day) = (decision.vat_rate, decision.valid_from);
            Some(format!(
                "{name} from {from} states {rate}, but is invoiced with {decided} from {day} on, because of the tax decision"
            ))
        }
        (_, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn decision(
        fee: ChargeKind,
        activity_id: Option<ActivityId>,
        valid_from: &str,
        vat_rate: VatRate,
    ) -> Model {
        Model { fee, activity_id, valid_from: day(valid_from), vat_rate, ..Model::default() }
    }

    #[test]
    fn the_latest_decision_about_a_fee_overrides_its_stated_rate() {
        let bip = ActivityId::new();
        let decisions: TaxDecisions = [
            decision(ChargeKind::ServiceFee, None, "2026-01-01", VatRate::OutsideScope),
            decision(ChargeKind::ServiceFee, None, "2027-01-01", VatRate::Standard25),
            decision(ChargeKind::SpecialFee, Some(bip), "2026-01-01", VatRate::Exempt),
        ]
        .into_iter()
        .collect();
        let price = |activity_id, basis, vat_rate| fee_schedule::Model {
            activity_id,
            basis,
            vat_rate,
            ..fee_schedule::Model::default()
        };
        for (price, expected) in [
            (price(None, FeeBasis::PerMilleOfAllocation, None), Some(VatRate::Standard25)),
            (
                price(None, FeeBasis::PerMilleOfAllocation, Some(VatRate::OutsideScope)),
                Some(VatRate::Standard25),
            ),
            (price(None, FeeBasis::FixedPerYear, None), None),
            (
                price(None, FeeBasis::FixedPerYear, Some(VatRate::OutsideScope)),
                Some(VatRate::OutsideScope),
            ),
            (price(Some(bip), FeeBasis::OneOff, None), Some(VatRate::Exempt)),
            (price(Some(ActivityId::new()), FeeBasis::OneOff, None), None),
        ] {
            assert_eq!(decisions.rate_of(&price), expected, "{price:?}");
        }
    }

    #[test]
    fn prices_decide_where_all_of_them_state_the_same() {
        let price = |vat_rate| fee_schedule::Model {
            vat_rate,
            basis: FeeBasis::FixedPerYear,
            ..fee_schedule::Model::default()
        };
        let taxed = (ChargeKind::MembershipFee, None);
        let mut decisions = TaxDecisions::default();
        assert_eq!(decisions.rate_about(taxed), None);
        decisions.state(&price(None));
        assert_eq!(decisions.rate_about(taxed), None);
        decisions.state(&price(Some(VatRate::OutsideScope)));
        decisions.state(&price(Some(VatRate::OutsideScope)));
        assert_eq!(decisions.rate_about(taxed), Some(VatRate::OutsideScope));
        decisions.state(&price(Some(VatRate::Standard25)));
        assert_eq!(decisions.rate_about(taxed), None);
        assert_eq!(decisions.rate_about((ChargeKind::ServiceFee, None)), None);
    }

    #[test]
    fn prices_that_no_decision_confirms_are_noted() {
        let slugs = HashMap::new();
        let price = |vat_rate| fee_schedule::Model {
            vat_rate,
            basis: FeeBasis::FixedPerYear,
            ..fee_schedule::Model::default()
        };
        let decided: TaxDecisions =
            [decision(ChargeKind::MembershipFee, None, "2026-01-01", VatRate::OutsideScope)]
                .into_iter()
                .collect();
        let is_noted = |vat_rate, decisions: &TaxDecisions| {
            note(&price(vat_rate), &slugs, decisions).is_some()
        };
        assert!(
            is_noted(None, &TaxDecisions::default())
                && is_noted(Some(VatRate::OutsideScope), &TaxDecisions::default())
        );
        assert!(is_noted(Some(VatRate::Standard25), &decided));
        assert!(!is_noted(None, &decided) && !is_noted(Some(VatRate::OutsideScope), &decided));
    }
}
