//! The status of a booking that another one can reverse: a cost, a grant, a payment or a refund.

use ::entity::partial::{Column, PartialRow};
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Alias, Expr, Query, SimpleExpr},
};

use crate::query::column;

/// Status of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingStatus {
    /// In effect as it was booked.
    Booked,
    /// Was reversed.
    Reversed,
    /// Reverses another one.
    Reversal,
}

impl BookingStatus {
    /// Returns the status of a row.
    #[must_use]
    pub fn of(is_reversal: bool, is_reversed: bool) -> Self {
        match (is_reversal, is_reversed) {
            (true, _) => Self::Reversal,
            (false, true) => Self::Reversed,
            (false, false) => Self::Booked,
        }
    }

    /// Returns the stable code of the status, which the API uses too.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the Swedish label, for workbooks.
    #[must_use]
    pub fn in_swedish(self) -> &'static str {
        match self {
            Self::Booked => "Bokförd",
            Self::Reversed => "Rättad",
            Self::Reversal => "Rättelse",
        }
    }
}

/// Returns the condition that a row has one of these statuses; without statuses, the condition is
/// empty. `reverses` is the column with the id of the row that a row reverses.
pub(crate) fn has_status<M: PartialRow>(
    statuses: &[BookingStatus],
    id: Column<M>,
    reverses: Column<M>,
) -> Condition {
    let reversal = || Alias::new("reversal");
    let is_reversed = |id: SimpleExpr| {
        let own = Expr::col((reversal(), reverses));
        let reversed = Query::select()
            .expr(own.clone())
            .from_as(M::Entity::default(), reversal())
            .and_where(own.is_not_null())
            .take();
        id.in_subquery(reversed)
    };
    let (id, reverses) = (column(id), column(reverses));
    statuses.iter().fold(Condition::any(), |any, status| match status {
        BookingStatus::Booked => any.add(
            Condition::all().add(reverses.clone().is_null()).add(is_reversed(id.clone()).not()),
        ),
        BookingStatus::Reversed => any.add(is_reversed(id.clone())),
        BookingStatus::Reversal => any.add(reverses.clone().is_not_null()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversal_is_not_standing() {
        assert_eq!(BookingStatus::of(false, false), BookingStatus::Booked);
        assert_eq!(BookingStatus::of(false, true), BookingStatus::Reversed);
        assert_eq!(BookingStatus::of(true, false), BookingStatus::Reversal);
    }
}
