//! A cost or a grant as a user enters it, and its checks.

use ::entity::{
    id::{ActivityId, AgreementId, StoredFileId},
    money::Money,
};
use chrono::NaiveDate;

use super::booked_for::Supplier;
use crate::error::{FieldErrorCode, LINE, ValidationErrors};

/// Input for booking a cost or a grant.
#[derive(Clone, Debug, Default)]
pub struct NewBooking {
    /// The activity.
    pub activity: ActivityId,
    /// Accounting date, which must not be in a closed period.
    pub booked_on: NaiveDate,
    /// Amount in öre; negative for a correction, never zero. For a cost, it excludes deducted VAT.
    pub amount: Money,
    /// Description of a cost, or the funder of a grant.
    pub text: String,
    /// The agreement by which the network owes a cost, or receives a grant.
    pub agreement_id: Option<AgreementId>,
}

/// Details that only a cost has.
#[derive(Clone, Debug, Default)]
pub struct CostDetails {
    /// The supplier; null: the counterparty of the agreement, if there is one.
    pub supplier_id: Option<Supplier>,
    /// The supplier's invoice number.
    pub reference: Option<String>,
    /// Deducted input VAT in öre; null: unknown.
    pub vat: Option<Money>,
    /// The uploaded voucher, if any.
    pub file_id: Option<StoredFileId>,
}

impl NewBooking {
    /// Returns the text in its stored form, and adds an error for each invalid field. `text` is the
    /// name of its field.
    pub(super) fn check(&self, text: &str, errors: &mut ValidationErrors) -> String {
        errors.expect(
            self.amount != Money::ZERO,
            "amount",
            FieldErrorCode::OutOfRange.problem("must not be zero"),
        );
        errors.text(text, &self.text, LINE)
    }
}

/// Returns the reason why an amount can't have this VAT; `None` if it can.
#[must_use]
pub fn unfit_vat(amount: Money, vat: Money) -> Option<&'static str> {
    let is_opposite = vat != Money::ZERO && (vat > Money::ZERO) != (amount > Money::ZERO);
    if is_opposite {
        return Some("must have the sign of the amount");
    }
    (vat.0.unsigned_abs() > amount.0.unsigned_abs())
        .then_some("must not be more than the amount, which is without VAT")
}

/// Returns the occurrence number after `count` equal bookings. Bookings are never removed, so
/// counting them is enough.
pub(super) fn occurrence_after(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vat_has_the_sign_of_its_amount_and_is_no_more() {
        for (amount, vat, fits) in [
            (10_000, 2_500, true),
            (10_000, 0, true),
            (-10_000, -2_500, true),
            (10_000, -1, false),
            (-10_000, 1, false),
            (100, 101, false),
        ] {
            assert_eq!(unfit_vat(Money(amount), Money(vat)).is_none(), fits, "{amount} {vat}");
        }
    }

    #[test]
    fn a_booking_has_an_amount_and_a_text() {
        let check = |amount, text: &str| {
            let new = NewBooking { amount: Money(amount), text: text.into(), ..Default::default() };
            let mut errors = ValidationErrors::default();
            let text = new.check("funder", &mut errors);
            let paths = errors.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>();
            (text, paths)
        };
        assert_eq!(check(-1, " Vinnova "), ("Vinnova".to_owned(), Vec::new()));
        assert_eq!(check(0, "Vinnova").1, ["amount"]);
        assert_eq!(check(0, " ").1, ["amount", "funder"]);
    }

    #[test]
    fn equal_bookings_are_numbered_from_one() {
        assert_eq!([0, 1, 41].map(occurrence_after), [1, 2, 42]);
        assert_eq!(occurrence_after(u64::MAX), i32::MAX);
    }
}
