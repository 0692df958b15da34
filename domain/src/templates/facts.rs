//! Facts about an agreement that its text can show. The caller collects them.

use ::entity::{
    activity, activity_text,
    kind::{AllocationBasis, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;
use documents::swedish;

use crate::config::Network;

/// Name of the network if the settings do not state one.
const NETWORK: &str = "Nationella nätverket för samordningsförbund";

/// The values of all built-in placeholders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The network itself.
    pub network: Party,
    /// The other party: `counterparty` in texts, and also `member` if it is a member.
    pub counterparty: Party,
    /// `true` if the other party is a member.
    pub is_member: bool,
    /// The activity of the agreement; null: none.
    pub activity: Option<Activity>,
    /// Number and term of the agreement.
    pub agreement: Agreement,
    /// Fee; null: none.
    pub fee: Option<Fee>,
}

/// A party to an agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Name.
    pub name: String,
    /// Organisation number (organisationsnummer).
    pub org_number: Option<String>,
    /// Street address or P.O. box.
    pub address_line: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// City.
    pub city: Option<String>,
}

impl Party {
    /// Returns the network as a party, from its settings.
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
    /// Name.
    pub name: String,
    /// Purpose (syfte).
    pub purpose: Option<String>,
    /// Goal (mål).
    pub goal: Option<String>,
}

impl Activity {
    /// Returns the facts about an activity from its row and its texts.
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

/// The number and the term of an agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Number; null: a draft.
    pub number: Option<String>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the agreed term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice.
    pub notice_months: i32,
    /// Months by which it is renewed unless notice is given; null: no renewal.
    pub renewal_months: Option<i32>,
}

/// A fee.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fee {
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Amount; null for a per-mille fee.
    pub amount: Option<Money>,
    /// Rate; null unless it is a per-mille fee.
    pub per_mille: Option<PerMille>,
    /// Maximum per year; null: no maximum.
    pub cap: Option<Money>,
    /// Minimum per year; null: no minimum.
    pub minimum: Option<Money>,
    /// The allocation that a per-mille fee is calculated from.
    pub allocation_basis: AllocationBasis,
    /// VAT treatment.
    pub vat_rate: VatRate,
}

impl Fee {
    /// Describes the fee without VAT: `20 000,00 kr per kalenderår`.
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

    /// Returns the rate in Swedish format: `2,5`.
    #[must_use]
    pub fn rate(&self) -> Option<String> {
        self.per_mille.map(|rate| rate.to_string().replace('.', ","))
    }

    /// Describes the VAT treatment in one sentence.
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
    /// Returns example facts for previews and documentation.
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
    fn a_fee_summary_states_its_limits() {
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
