//! An allocation to set, and the conditions for its fields.

use ::entity::{id::MemberId, kind::AllocationBasis, money::Money};

use crate::error::{FieldErrorCode, LINE, ValidationErrors};

/// Input for setting an allocation.
#[derive(Clone, Debug)]
pub struct NewAllocation {
    /// The member.
    pub member: MemberId,
    /// Calendar year.
    pub year: i32,
    /// Öre.
    pub amount: Money,
    /// The parties whose money the amount includes.
    pub basis: AllocationBasis,
    /// Source of the figure.
    pub source: Option<String>,
}

impl NewAllocation {
    /// Returns the source, and adds an error for each invalid field.
    pub(super) fn check(&self, errors: &mut ValidationErrors) -> Option<String> {
        errors.expect(
            (1900..=2999).contains(&self.year),
            "year",
            FieldErrorCode::OutOfRange
                .problem("must be 1900 to 2999")
                .with("min", 1900)
                .with("max", 2999),
        );
        errors.expect(
            self.amount >= Money::ZERO,
            "amount",
            FieldErrorCode::OutOfRange.problem("must not be negative").with("min", Money::ZERO),
        );
        errors.optional_text("source", self.source.as_deref(), LINE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_field_is_reported() {
        for (year, amount, expected) in [
            (1900, 0, vec![]),
            (2999, 1, vec![]),
            (1899, 1, vec!["year"]),
            (3000, -1, vec!["year", "amount"]),
        ] {
            let new = NewAllocation {
                member: MemberId::default(),
                year,
                amount: Money(amount),
                basis: AllocationBasis::default(),
                source: Some(" beslut ".into()),
            };
            let mut errors = ValidationErrors::default();
            assert_eq!(new.check(&mut errors).as_deref(), Some("beslut"));
            let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
            assert_eq!(paths, expected, "{year} {amount}");
        }
    }
}
