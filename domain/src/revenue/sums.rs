//! Sums of a report's rows.

use std::collections::HashMap;

use ::entity::total::Total;

use super::grouping::{Group, MAX_GROUPS};
use crate::error::{Error, FieldErrorCode, Result};

/// The basis of sums: the amounts that count, and their day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Invoices and credit notes, on their day of issue.
    Invoiced,
    /// Payments, on the day of receipt, as allocated to lines (see
    /// [`crate::invoices::payment_allocation`]).
    Paid,
    /// Lines, spread by day over the period that they cover.
    Accrued,
}

/// Sums of a row, öre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Without VAT, after credit notes.
    pub net: Total,
    /// VAT, after credit notes.
    pub vat: Total,
    /// Net sum of the credit notes, which `net` already deducts.
    pub credited: Total,
    /// Costs.
    pub cost: Total,
    /// Grants.
    pub grants: Total,
    /// Payments on no line: overpayments, and rounding to whole kronor. Not revenue, and in none of
    /// the other sums.
    pub unattributed: Total,
    /// Number of distinct invoices and credit notes.
    pub invoices: i64,
    /// Costs to which agreements in force commit the network; null unless requested.
    pub committed: Option<Committed>,
    /// `true` if the viewer cannot read all costs and grants of the row. `cost`, `grants` and
    /// `committed` are then incomplete and must not be shown.
    pub are_costs_withheld: bool,
}

/// Costs to which agreements in force commit the network, öre without VAT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Total commitment, by the months that the agreements pay for.
    pub cost: Total,
    /// Costs that were booked for such agreements, for any period.
    pub booked: Total,
}

impl Committed {
    /// Returns the commitment minus the booked cost; negative if more is booked.
    #[must_use]
    pub fn left(&self) -> Total {
        self.cost - self.booked
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.cost += other.cost;
        self.booked += other.booked;
    }
}

impl Sums {
    /// Returns the sum with VAT.
    #[must_use]
    pub fn gross(&self) -> Total {
        self.net + self.vat
    }

    /// Returns the result: net plus grants minus cost.
    #[must_use]
    pub fn result(&self) -> Total {
        self.net + self.grants - self.cost
    }

    /// Returns a figure that depends on costs and grants; `None` if they are withheld.
    #[must_use]
    pub fn unless_withheld<T>(&self, figure: T) -> Option<T> {
        (!self.are_costs_withheld).then_some(figure)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.net += other.net;
        self.vat += other.vat;
        self.credited += other.credited;
        self.cost += other.cost;
        self.grants += other.grants;
        self.unattributed += other.unattributed;
        self.invoices += other.invoices;
        self.are_costs_withheld |= other.are_costs_withheld;
        if let Some(committed) = &other.committed {
            self.committed.get_or_insert_default().add(committed);
        }
    }

    pub(super) fn has_money(&self) -> bool {
        let Committed { cost, booked } = self.committed.unwrap_or_default();
        let sums = [
            self.net,
            self.vat,
            self.credited,
            self.cost,
            self.grants,
            self.unattributed,
            cost,
            booked,
        ];
        sums.iter().any(|sum| *sum != Total::ZERO)
    }
}

pub(super) fn too_many() -> Error {
    Error::invalid(
        "group_by",
        FieldErrorCode::TooMany.problem(format!(
            "makes more than {MAX_GROUPS} rows; choose a shorter range, fewer activities or members, or longer periods"
        )).with("max", MAX_GROUPS),
    )
}

/// Accumulated sums of groups.
#[derive(Debug, Default)]
pub(super) struct Groups(pub(super) HashMap<Group, Sums>);

impl Groups {
    /// Returns the sums of a group.
    pub(super) fn of(&mut self, group: Group) -> Result<&mut Sums> {
        if self.0.len() >= MAX_GROUPS && !self.0.contains_key(&group) {
            return Err(too_many());
        }
        Ok(self.0.entry(group).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_up_and_costs_withheld_once_are_withheld() {
        let committed = Some(Committed { cost: Total(50), booked: Total(70) });
        let mut sums = Sums { net: Total(100), vat: Total(25), ..Sums::default() };
        sums.add(&Sums {
            net: Total(-10),
            grants: Total(5),
            cost: Total(40),
            invoices: 2,
            committed,
            are_costs_withheld: true,
            ..Sums::default()
        });
        sums.add(&Sums { committed, ..Sums::default() });
        assert_eq!((sums.gross(), sums.result(), sums.invoices), (Total(115), Total(55), 2));
        assert_eq!(sums.committed.map(|own| own.left()), Some(Total(-40)));
        assert_eq!(sums.unless_withheld(sums.cost), None);
        assert_eq!(Sums::default().unless_withheld(Total::ZERO), Some(Total::ZERO));
    }

    #[test]
    fn a_row_without_any_amount_has_no_money() {
        assert!(!Sums { invoices: 3, ..Sums::default() }.has_money());
        assert!(Sums { unattributed: Total(1), ..Sums::default() }.has_money());
        let booked = Committed { booked: Total(1), ..Committed::default() };
        assert!(Sums { committed: Some(booked), ..Sums::default() }.has_money());
    }
}
