//! Reference rates (referensränta, räntelagen 9 §), from which late interest is calculated: those
//! bundled with the program, and those recorded in the register.

pub mod set;

use std::{collections::BTreeMap, sync::LazyLock};

use ::entity::{
    id::ReferenceRateId,
    money::Money,
    reference_rate::{Entity, Model},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{ConnectionTrait, EntityTrait};
use uuid::Uuid;

#[cfg(test)]
use super::rates::Rates;
use crate::error::{Error, Result};

/// The bundled rates: first day of the half-year, per cent, and the publication.
const PUBLISHED: &str = include_str!("../../../../assets/reference-rates.csv");

static BUNDLED: LazyLock<Vec<Model>> =
    LazyLock::new(|| PUBLISHED.lines().skip(1).filter_map(read).collect());

fn read(line: &str) -> Option<Model> {
    let mut cells = line.splitn(3, ',');
    let valid_from = cells.next()?.parse().ok()?;
    // Per cent with two decimals has the same format as kronor.
    let Money(hundredths) = cells.next()?.parse().ok()?;
    Some(rate(valid_from, hundredths, cells.next()?.to_owned()))
}

/// Returns the id of a half-year's rate, which does not depend on its source.
fn id_of(valid_from: NaiveDate) -> ReferenceRateId {
    let number = u128::from(valid_from.year().unsigned_abs()) * 10_000
        + u128::from(valid_from.month() * 100 + valid_from.day());
    ReferenceRateId(Uuid::from_u128(number))
}

/// Returns the row of a rate.
#[must_use]
pub fn rate(valid_from: NaiveDate, hundredths: i64, source: String) -> Model {
    Model { id: id_of(valid_from), valid_from, hundredths, source }
}

/// Returns every known rate, the latest first. A rate recorded in the register takes precedence
/// over a bundled one. Public.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>> {
    let recorded = Entity::find().all(db).await?;
    let both = BUNDLED.iter().cloned().chain(recorded).map(|rate| (rate.valid_from, rate));
    Ok(both.collect::<BTreeMap<_, _>>().into_values().rev().collect())
}

/// Returns those of these rates that are known, the latest first. Public.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[ReferenceRateId]) -> Result<Vec<Model>> {
    Ok(all(db).await?.into_iter().filter(|rate| ids.contains(&rate.id)).collect())
}

/// Returns the rate with this id. Public. Fails with NOT_FOUND.
pub async fn by_id(db: &impl ConnectionTrait, id: ReferenceRateId) -> Result<Model> {
    Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or_else(|| Error::NotFound("there is no such reference rate".into()))
}

/// Returns the bundled rates, for tests of calculations with them.
#[cfg(test)]
pub(crate) fn published() -> Rates {
    BUNDLED.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::rates::half_year;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn every_line_of_the_file_is_a_rate() {
        assert_eq!(BUNDLED.len(), PUBLISHED.lines().count() - 1);
        assert!(
            BUNDLED.iter().all(
                |rate| half_year(rate.valid_from) == rate.valid_from && !rate.source.is_empty()
            )
        );
        let rates = published();
        for (from, hundredths) in [
            ("2009-01-01", Some(200)),
            ("2016-07-01", Some(-50)),
            ("2024-07-01", Some(400)),
            ("2010-01-01", Some(50)),
            ("2008-07-01", None),
        ] {
            assert_eq!(rates.of(day(from)), hundredths, "{from}");
        }
    }

    #[test]
    fn no_half_year_is_missing_from_2009_to_2026() {
        let rates = published();
        for year in 2009..=2026 {
            for month in [1, 7] {
                let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
                assert!(rates.of(first).is_some(), "{first}");
            }
        }
        // These were missing in the first edition of the file.
        for (from, hundredths) in [
            ("2010-01-01", 50),
            ("2014-01-01", 100),
            ("2014-07-01", 100),
            ("2016-01-01", 0),
            ("2017-01-01", -50),
            ("2018-01-01", -50),
            ("2018-07-01", -50),
            ("2019-01-01", -50),
            ("2020-07-01", 0),
            ("2021-01-01", 0),
        ] {
            assert_eq!(rates.of(day(from)), Some(hundredths), "{from}");
        }
    }
}
