//! Ages of receivables: not due, or the days since the last day to pay in steps of thirty.

use ::entity::{banking_day, money::Money, total::Total};
use chrono::NaiveDate;

/// Range of days past the last day to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::VariantArray)]
pub enum Bucket {
    /// Not due.
    NotDue,
    /// 1 to 30 days.
    Days1To30,
    /// 31 to 60 days.
    Days31To60,
    /// 61 to 90 days.
    Days61To90,
    /// More than 90 days.
    Over90,
}

impl Bucket {
    /// Every bucket, in order.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the bucket of a last day to pay as of another day. If banks are closed on the last
    /// day to pay, the next banking day counts. Without a day, it is not due.
    #[must_use]
    pub fn of(due_on: Option<NaiveDate>, as_of: NaiveDate) -> Self {
        match due_on.map_or(0, |due_on| (as_of - banking_day::on_or_after(due_on)).num_days()) {
            ..=0 => Self::NotDue,
            1..=30 => Self::Days1To30,
            31..=60 => Self::Days31To60,
            61..=90 => Self::Days61To90,
            _ => Self::Over90,
        }
    }

    /// Returns the Swedish label.
    #[must_use]
    pub fn in_swedish(self) -> &'static str {
        match self {
            Self::NotDue => "Ej förfallet",
            Self::Days1To30 => "1–30 dagar",
            Self::Days31To60 => "31–60 dagar",
            Self::Days61To90 => "61–90 dagar",
            Self::Over90 => "Över 90 dagar",
        }
    }
}

/// Balances by age, öre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgedBalance([Total; 5]);

impl AgedBalance {
    /// Adds a balance.
    pub fn add(&mut self, bucket: Bucket, balance: Money) {
        self.0[bucket as usize] += balance;
    }

    /// Returns the sum of a bucket.
    #[must_use]
    pub fn of(&self, bucket: Bucket) -> Total {
        self.0[bucket as usize]
    }

    /// Returns the sum of all buckets.
    #[must_use]
    pub fn balance(&self) -> Total {
        self.0.iter().copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_on_the_day_after_the_last_day_to_pay() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let due_on = day("2026-01-30");
        for (as_of, bucket) in [
            ("2026-01-29", Bucket::NotDue),
            ("2026-01-30", Bucket::NotDue),
            ("2026-01-31", Bucket::Days1To30),
            ("2026-03-01", Bucket::Days1To30),
            ("2026-03-02", Bucket::Days31To60),
            ("2026-03-31", Bucket::Days31To60),
            ("2026-04-01", Bucket::Days61To90),
            ("2026-04-30", Bucket::Days61To90),
            ("2026-05-01", Bucket::Over90),
        ] {
            assert_eq!(Bucket::of(Some(due_on), day(as_of)), bucket, "{as_of}");
        }
        assert_eq!(Bucket::of(None, due_on), Bucket::NotDue);
        // Due on a Saturday: payable on the Monday after, and 29 days late on 1 December.
        assert_eq!(Bucket::of(Some(day("2026-10-31")), day("2026-11-02")), Bucket::NotDue);
        assert_eq!(Bucket::of(Some(day("2026-10-31")), day("2026-12-02")), Bucket::Days1To30);
        assert_eq!(Bucket::of(Some(day("2026-10-31")), day("2026-12-03")), Bucket::Days31To60);
        let mut aged = AgedBalance::default();
        aged.add(Bucket::NotDue, Money(100));
        aged.add(Bucket::Over90, Money(-30));
        assert_eq!((aged.of(Bucket::Over90), aged.balance()), (Total(-30), Total(70)));
    }
}
