//! Reference rates (referensränta, räntelagen 9 §), from which late interest is calculated: those
//! bundled with the program, and those recorded in the register.

use std::{collections::BTreeMap, sync::LazyLock};

use ::entity::{
    id::ReferenceRateId,
    money::Money,
    reference_rate::{Column, Entity, Model},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{Error, FieldErrorCode, FieldProblem, LINE, Result, ValidationErrors},
};

/// The bundled rates: first day of the half-year, per cent, and the place of publication.
const PUBLISHED: &str = include_str!("../../../assets/reference-rates.csv");

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

/// Returns the first day of a day's half-year.
#[must_use]
pub fn half_year(day: NaiveDate) -> NaiveDate {
    let month = if day.month() < 7 { 1 } else { 7 };
    NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day)
}

/// Returns the last day of the half-year that begins on this day.
#[must_use]
pub fn last_day(half_year: NaiveDate) -> NaiveDate {
    let (month, day) = if half_year.month() < 7 { (6, 30) } else { (12, 31) };
    NaiveDate::from_ymd_opt(half_year.year(), month, day).unwrap_or(half_year)
}

/// The known rates, in hundredths of a per cent, by the first day of their half-year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates(BTreeMap<NaiveDate, i64>);

impl Rates {
    /// Returns the rate of the half-year that begins on this day; `None` if it is unknown. It is
    /// never guessed from another half-year.
    #[must_use]
    pub fn of(&self, half_year: NaiveDate) -> Option<i64> {
        self.0.get(&half_year).copied()
    }
}

impl FromIterator<Model> for Rates {
    fn from_iter<I: IntoIterator<Item = Model>>(rates: I) -> Self {
        Self(rates.into_iter().map(|rate| (rate.valid_from, rate.hundredths)).collect())
    }
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

/// Converts a number of per cent to hundredths of a per cent.
///
/// # Errors
/// A description of the problem.
pub fn hundredths(percent: &str) -> Result<i64, FieldProblem> {
    let parsed = percent.parse().ok().map(|Money(hundredths)| hundredths);
    parsed.filter(|hundredths| (-10_000..=10_000).contains(hundredths)).ok_or_else(|| {
        FieldErrorCode::OutOfRange
            .problem("must be -100 to 100 with at most two decimals")
            .with("min", -100)
            .with("max", 100)
    })
}

/// Formats a rate in Swedish, for example `10 %` or `10,25 %`, with a no-break space.
#[must_use]
pub fn format_percent(hundredths: i64) -> String {
    let plain = Money(hundredths).to_string().replace('.', ",");
    let plain =
        plain.strip_suffix(",00").unwrap_or_else(|| plain.strip_suffix('0').unwrap_or(&plain));
    format!("{plain}\u{a0}%")
}

/// Records the rate of a half-year, and replaces the known one. `errors` are those already found in
/// the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field.
pub async fn set(
    ctx: Context<'_>,
    valid_from: NaiveDate,
    hundredths: i64,
    source: &str,
    mut errors: ValidationErrors,
) -> Result<ReferenceRateId> {
    ctx.require(Permission::ManageAccounts)?;
    errors.expect(
        half_year(valid_from) == valid_from,
        "valid_from",
        FieldErrorCode::OutOfRange
            .problem("must be 1 January or 1 July, the first day of a half-year"),
    );
    let source = errors.text("source", source, LINE);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::ReferenceRateSet).await?;
    let before = Entity::find().filter(Column::ValidFrom.eq(valid_from)).one(change.tx()).await?;
    let after = rate(valid_from, hundredths, source);
    if before.as_ref() != Some(&after) {
        if before.is_some() {
            audit::replace(&change, after.clone()).await?;
        } else {
            audit::insert(&change, after.clone()).await?;
        }
        change.record(before.as_ref(), Some(&after))?;
    }
    change.commit_with(after.id).await?;
    Ok(after.id)
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

    #[test]
    fn half_years_begin_in_january_and_july() {
        for (of, first, last) in [
            ("2026-06-30", "2026-01-01", "2026-06-30"),
            ("2026-07-01", "2026-07-01", "2026-12-31"),
            ("2024-02-29", "2024-01-01", "2024-06-30"),
        ] {
            assert_eq!((half_year(day(of)), last_day(half_year(day(of)))), (day(first), day(last)));
        }
    }

    #[test]
    fn a_rate_has_two_decimals() {
        assert_eq!(["2.0", "-0.5", "3.25"].map(hundredths), [Ok(200), Ok(-50), Ok(325)]);
        assert!(["2.005", "101", "NaN", ""].into_iter().all(|rate| hundredths(rate).is_err()));
    }
}
