//! The records whose persons bokföringslagen (7 kap. 2 §) does not permit to erase yet.

use ::entity::agreement;
use chrono::NaiveDate;

use crate::{
    error::{Error, Result},
    retention::period,
    term_sql,
};

/// Fails with `RETAINED` until the retention period of bokföringslagen is over for a record that
/// ended on `last`; `None` if it has no end yet.
pub(super) fn ensure_over(what: &str, last: Option<NaiveDate>, today: NaiveDate) -> Result<()> {
    let erasable_from = last.and_then(period::erasable_from);
    if erasable_from.is_some_and(|first| first <= today) {
        return Ok(());
    }
    let until = erasable_from.map_or_else(
        || "through the seventh year after it has ended".to_owned(),
        |first| format!("until {first}"),
    );
    Err(Error::Retained {
        message: format!("{what} stays {until} (bokföringslagen 7 kap. 2 §)"),
        erasable_from,
    })
}

/// Fails with `RETAINED` like [`ensure_over`], for the data of an agreement.
pub(super) fn ensure_ended(row: &agreement::Model, today: NaiveDate) -> Result<()> {
    let last = row.withdrawn_on.or_else(|| term_sql::of(row).final_day());
    let name = row
        .number
        .as_ref()
        .map_or_else(|| "the draft".to_owned(), |number| format!("agreement {number}"));
    ensure_over(&name, last, today)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// The first day of the erasure, if it is known; `None` if it may be done now.
    fn retained(result: Result<()>) -> Option<Option<NaiveDate>> {
        match result {
            Ok(()) => None,
            Err(Error::Retained { erasable_from, .. }) => Some(erasable_from),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn data_stays_through_the_seventh_year() {
        for (last, today, expected) in [
            (Some("2018-06-30"), "2025-12-31", Some(Some("2026-01-01"))),
            (Some("2018-06-30"), "2026-01-01", None),
            (Some("2018-12-31"), "2026-01-01", None),
            (Some("2019-01-01"), "2026-12-31", Some(Some("2027-01-01"))),
            (None, "2999-12-31", Some(None)),
        ] {
            let found = retained(ensure_over("the fee", last.map(day), day(today)));
            assert_eq!(found, expected.map(|first| first.map(day)), "{last:?} {today}");
        }
    }

    #[test]
    fn an_agreement_stays_from_its_end_or_withdrawal() {
        let signed = agreement::Model {
            starts_on: day("2016-01-01"),
            signed_on: Some(day("2015-12-01")),
            ..agreement::Model::default()
        };
        let ended = agreement::Model { ends_on: Some(day("2018-12-31")), ..signed.clone() };
        let withdrawn = agreement::Model {
            signed_on: None,
            withdrawn_on: Some(day("2015-12-31")),
            ..ended.clone()
        };
        for (row, expected) in
            [(&signed, Some(None)), (&ended, Some(Some(day("2026-01-01")))), (&withdrawn, None)]
        {
            assert_eq!(retained(ensure_ended(row, day("2025-12-31"))), expected, "{row:?}");
        }
    }
}
