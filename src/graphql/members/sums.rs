//! GraphQL types of the sums that a member owes, as of now or of a day in the books.

use async_graphql::{Description, Object};
use chrono::NaiveDate;

use crate::graphql::scalars::{Date, Parsed, Sum, take};
use domain::{
    error::{Result, ValidationErrors},
    receivables::{AgedBalance, Bucket, open_items},
};

/// Parses the day of a balance.
pub(super) fn day_in_books(as_of: Option<Parsed<Date>>) -> Result<Option<NaiveDate>> {
    let mut errors = ValidationErrors::default();
    let day = take(as_of, "as_of", &mut errors).map(|day| day.0);
    errors.finish()?;
    Ok(day)
}

/// Sums that a member owes, in kronor with VAT.
#[derive(Clone, Copy, Description)]
pub struct Balance(pub(super) open_items::Balance);

#[Object(use_type_description)]
impl Balance {
    /// Sum that is still to be paid of its invoices.
    async fn outstanding(&self) -> Sum {
        self.0.outstanding.into()
    }

    /// Part of `outstanding` that is past its last day to pay.
    async fn overdue(&self) -> Sum {
        self.0.overdue.into()
    }

    /// Sum that was paid and credited beyond the totals of some invoices: to be refunded, except
    /// what paid a reminder fee or late interest. It is not deducted from the `outstanding` sum of
    /// other invoices.
    async fn overpaid(&self) -> Sum {
        self.0.overpaid.into()
    }
}

/// Receivables by age, in kronor with VAT, by days after the last day to pay. Overpayments are
/// negative.
#[derive(Clone, Copy, Description)]
pub struct Receivables(pub(super) AgedBalance);

#[Object(use_type_description)]
impl Receivables {
    /// All receivables: the balance of the account of receivables.
    async fn balance(&self) -> Sum {
        self.0.balance().into()
    }

    /// Not yet due.
    async fn not_due(&self) -> Sum {
        self.0.of(Bucket::NotDue).into()
    }

    /// Due for 1 to 30 days.
    #[graphql(name = "days1To30")]
    async fn days_1_to_30(&self) -> Sum {
        self.0.of(Bucket::Days1To30).into()
    }

    /// Due for 31 to 60 days.
    #[graphql(name = "days31To60")]
    async fn days_31_to_60(&self) -> Sum {
        self.0.of(Bucket::Days31To60).into()
    }

    /// Due for 61 to 90 days.
    #[graphql(name = "days61To90")]
    async fn days_61_to_90(&self) -> Sum {
        self.0.of(Bucket::Days61To90).into()
    }

    /// Due for more than 90 days.
    async fn over_90(&self) -> Sum {
        self.0.of(Bucket::Over90).into()
    }
}
