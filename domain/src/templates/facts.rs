//! Facts: what a text can tell of the agreement that it is rendered for, whoever gathers it.

use ::entity::{
    activity, activity_text,
    kind::{AllocationBasis, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;

use crate::{config::Network, swedish};

/// What the network is called when its settings don't say.
const NETWORK: &str = "Nationella nätverket för samordningsförbund";

/// All that built-in placeholders show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The network itself.
    pub network: Party,
    /// The other side: `counterparty` in texts, and `member` when it is one.
    pub counterparty: Party,
    /// Whether the other side is a member.
    pub is_member: bool,
    /// What it is about; null: nothing in particular.
    pub activity: Option<Activity>,
    /// Its number and term.
    pub agreement: Agreement,
    /// What it costs; null: nothing.
    pub fee: Option<Fee>,
}

/// A side of an agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Organisationsnummer.
    pub org_number: Option<String>,
    /// Street or box.
    pub address_line: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Town.
    pub city: Option<String>,
}

impl Party {
    /// The network as its settings call it.
    #[must_use]
    pub fn network(network: &Network) -> Self {
        Self {
            name: network.name.clone().unwrap_or_else(|| NETWORK.to_owned()),
            org_number: network.org_number.as_ref().map(ToString::to_string),
            address_line: network.address_line.clone(),
            postal_code: network.postal_code.clone(),
            city: network.city.clone(),
        }
    }
}

/// An activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// Syfte.
    pub purpose: Option<String>,
    /// Mål.
    pub goal: Option<String>,
}

impl Activity {
    /// An activity with its texts.
    #[must_use]
    pub fn of(row: &activity::Model, texts: Option<&activity_text::Model>) -> Self {
        let text = |of: fn(&activity_text::Model) -> &Option<String>| {
            texts.and_then(|texts| of(texts).clone())
        };
        Self {
            name: row.name.clone(),
            purpose: text(|texts| &texts.purpose),
            goal: text(|texts| &texts.goal),
        }
    }
}

/// Number and term.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Its number; null: a draft.
    pub number: Option<String>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the agreed term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice.
    pub notice_months: i32,
    /// Months that it is prolonged by when nobody gives notice; null: it just ends.
    pub renewal_months: Option<i32>,
}

/// A fee.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fee {
    /// What it is reckoned on.
    pub basis: FeeBasis,
    /// The sum; null when it is reckoned per mille.
    pub amount: Option<Money>,
    /// The rate; null unless it is reckoned so.
    pub per_mille: Option<PerMille>,
    /// The most that a year costs; null: any.
    pub cap: Option<Money>,
    /// The least that a year costs; null: any.
    pub minimum: Option<Money>,
    /// The allocation that the rate is of, when it is reckoned so.
    pub allocation_basis: AllocationBasis,
    /// How it is taxed.
    pub vat_rate: VatRate,
}

impl Fee {
    /// The fee in words, without VAT: `20 000,00 kr per kalenderår`.
    #[must_use]
    pub fn summary(&self) -> String {
        let kronor = |sum: Money| format!("{}\u{a0}kr", swedish::kronor(sum));
        let amount = || kronor(self.amount.unwrap_or_default());
        let limits = match (self.minimum, self.cap) {
            (Some(minimum), Some(cap)) => {
                format!(", lägst {} och högst {}", kronor(minimum), kronor(cap))
            }
            (Some(minimum), None) => format!(", lägst {}", kronor(minimum)),
            (None, Some(cap)) => format!(", högst {}", kronor(cap)),
            (None, None) => String::new(),
        };
        match self.basis {
            FeeBasis::FixedPerYear => format!("{} per kalenderår", amount()),
            FeeBasis::PerParticipant => format!("{} per deltagare", amount()),
            FeeBasis::OneOff => format!("{} vid ett tillfälle", amount()),
            FeeBasis::PerMilleOfAllocation => {
                let share = match self.allocation_basis {
                    AllocationBasis::AllParties => "",
                    AllocationBasis::StateShare => "statens del av ",
                };
                format!(
                    "{}\u{a0}promille av {share}kalenderårets tilldelning{limits}",
                    self.rate().unwrap_or_default()
                )
            }
        }
    }

    /// The rate as people write it: `2,5`.
    #[must_use]
    pub fn rate(&self) -> Option<String> {
        self.per_mille.map(|rate| rate.as_f64().to_string().replace('.', ","))
    }

    /// How it is taxed, in a sentence.
    #[must_use]
    pub fn vat(&self) -> String {
        match self.vat_rate {
            VatRate::Standard25 | VatRate::Reduced12 | VatRate::Reduced6 => {
                format!("Mervärdesskatt tillkommer med {}\u{a0}procent.", self.vat_rate.percent())
            }
            VatRate::Zero | VatRate::Exempt | VatRate::OutsideScope => {
                "Mervärdesskatt tas inte ut.".to_owned()
            }
        }
    }
}

impl Facts {
    /// Readable examples of every fact, for previews and documentation.
    #[must_use]
    pub fn example() -> Self {
        let party = |name: &str, org_number: &str, address_line: &str| Party {
            name: name.to_owned(),
            org_number: Some(org_number.to_owned()),
            address_line: Some(address_line.to_owned()),
            postal_code: Some("123\u{a0}45".to_owned()),
            city: Some("Exempelstad".to_owned()),
        };
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
        Self {
            network: party(NETWORK, "802599-0006", "Nätverksgatan 1"),
            counterparty: party("Samordningsförbundet Exempel", "222000-9878", "Exempelgatan 1"),
            is_member: true,
            activity: Some(Activity {
                name: "Exempelverksamheten".to_owned(),
                purpose: Some("att pröva hur avtalet ser ut".to_owned()),
                goal: Some("att alla avtal ser likadana ut".to_owned()),
            }),
            agreement: Agreement {
                number: Some("2027-0042".to_owned()),
                starts_on: day(2027, 1, 1),
                ends_on: Some(day(2027, 12, 31)),
                notice_months: 3,
                renewal_months: Some(12),
            },
            fee: Some(Fee {
                basis: FeeBasis::FixedPerYear,
                amount: Some(Money(2_000_000)),
                per_mille: None,
                cap: None,
                minimum: None,
                allocation_basis: AllocationBasis::AllParties,
                vat_rate: VatRate::Standard25,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_tells_its_limits() {
        let fee = |cap: Option<i64>, minimum: Option<i64>| {
            let fee = Fee {
                basis: FeeBasis::PerMilleOfAllocation,
                amount: None,
                per_mille: Some(PerMille(2500)),
                cap: cap.map(Money),
                minimum: minimum.map(Money),
                allocation_basis: AllocationBasis::AllParties,
                vat_rate: VatRate::Zero,
            };
            let of_state = Fee { allocation_basis: AllocationBasis::StateShare, ..fee };
            assert!(
                of_state.summary().contains("promille av statens del av kalenderårets tilldelning"),
                "{}",
                of_state.summary()
            );
            fee.summary().replace('\u{a0}', " ")
        };
        let plain = "2,5 promille av kalenderårets tilldelning";
        assert_eq!(fee(None, None), plain);
        assert_eq!(fee(Some(10_000_000), None), format!("{plain}, högst 100 000,00 kr"));
        assert_eq!(fee(None, Some(500_000)), format!("{plain}, lägst 5 000,00 kr"));
        assert_eq!(
            fee(Some(10_000_000), Some(500_000)),
            format!("{plain}, lägst 5 000,00 kr och högst 100 000,00 kr")
        );
    }
}
