//! Invariants of the ledger of costs and grants. A reversal books the negative of another booking,
//! not before it, and no booking is reversed two times.

use std::collections::HashMap;

use ::entity::{cost, grant, id::ActivityId, money::Money};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::accounts::unfit_vat;
use crate::{database::among, error::Result};

/// Number of rows whose reversed bookings are loaded together.
const CHUNK: usize = 500;

/// The fields of a booking that a reversal must match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    activity: ActivityId,
    booked_on: NaiveDate,
    amount: Money,
    vat: Option<Money>,
    is_reversal: bool,
}

impl From<&cost::Model> for Facts {
    fn from(row: &cost::Model) -> Self {
        let is_reversal = row.reverses_id.is_some();
        Self {
            activity: row.activity_id,
            booked_on: row.booked_on,
            amount: row.amount,
            vat: row.vat,
            is_reversal,
        }
    }
}

impl From<&grant::Model> for Facts {
    fn from(row: &grant::Model) -> Self {
        let is_reversal = row.reverses_id.is_some();
        Self {
            activity: row.activity_id,
            booked_on: row.booked_on,
            amount: row.amount,
            vat: None,
            is_reversal,
        }
    }
}

/// Returns the violations of the invariants, one sentence each.
pub async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let mut found = of_costs(db).await?;
    found.extend(of_grants(db).await?);
    Ok(found)
}

async fn of_costs(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    use cost::Column as C;
    // Rows with more than an amount: only these can violate an invariant.
    let is_checked = [C::Vat, C::MemberId, C::ReversesId, C::Reason]
        .into_iter()
        .fold(Condition::any(), |any, column| any.add(column.is_not_null()));
    let rows = cost::Entity::find().filter(is_checked).all(db).await?;
    let mut reversed = HashMap::new();
    for rows in rows.chunks(CHUNK) {
        let ids = rows.iter().filter_map(|row| row.reverses_id);
        let originals = cost::Entity::find()
            .filter(among(db.get_database_backend(), Expr::col(C::Id), ids))
            .all(db)
            .await?;
        reversed.extend(originals.iter().map(|row| (row.id.0, Facts::from(row))));
    }
    let mut found = Vec::new();
    for row in &rows {
        let name = format!("cost {}", row.id.0.simple());
        found.extend(of_reversal(
            &name,
            row.into(),
            row.reverses_id.map(|id| id.0),
            row.reason.is_some(),
            &reversed,
        ));
        if row.member_id.is_some() && row.organisation_id.is_some() {
            found.push(format!("{name} has two suppliers"));
        }
        if let Some(reason) = row.vat.and_then(|vat| unfit_vat(row.amount, vat)) {
            found.push(format!("the VAT of {name} {reason}"));
        }
    }
    Ok(found)
}

async fn of_grants(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    use grant::Column as C;
    let is_checked = Condition::any().add(C::ReversesId.is_not_null()).add(C::Reason.is_not_null());
    let rows = grant::Entity::find().filter(is_checked).all(db).await?;
    let mut reversed = HashMap::new();
    for rows in rows.chunks(CHUNK) {
        let ids = rows.iter().filter_map(|row| row.reverses_id);
        let originals = grant::Entity::find()
            .filter(among(db.get_database_backend(), Expr::col(C::Id), ids))
            .all(db)
            .await?;
        reversed.extend(originals.iter().map(|row| (row.id.0, Facts::from(row))));
    }
    let of_row = |row: &grant::Model| {
        let name = format!("grant {}", row.id.0.simple());
        of_reversal(
            &name,
            row.into(),
            row.reverses_id.map(|id| id.0),
            row.reason.is_some(),
            &reversed,
        )
    };
    Ok(rows.iter().filter_map(of_row).collect())
}

/// Returns the violation of a reversal, or of a row that has a reason but reverses nothing.
fn of_reversal(
    name: &str,
    own: Facts,
    reverses: Option<Uuid>,
    has_reason: bool,
    all: &HashMap<Uuid, Facts>,
) -> Option<String> {
    let Some(id) = reverses else {
        return has_reason.then(|| format!("{name} has a reason, but reverses nothing"));
    };
    let Some(original) = all.get(&id) else {
        return Some(format!("{name} reverses {}, which does not exist", id.simple()));
    };
    let problem = if !has_reason {
        "has no reason"
    } else if original.is_reversal {
        "reverses a reversal"
    } else if own.activity != original.activity {
        "reverses a booking of another activity"
    } else if own.booked_on < original.booked_on {
        "is booked before the booking that it reverses"
    } else if own.amount != -original.amount || own.vat != original.vat.map(|vat| -vat) {
        "does not have the negative amounts of the booking that it reverses"
    } else {
        return None;
    };
    Some(format!("{name} {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversal_matches_the_reversed_booking() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let original = Facts {
            booked_on: day("2026-04-01"),
            amount: Money(100),
            vat: Some(Money(25)),
            ..Facts::default()
        };
        let reversal =
            Facts { amount: Money(-100), vat: Some(Money(-25)), is_reversal: true, ..original };
        let id = Uuid::from_u128(1);
        let check = |own: Facts, original: Facts, has_reason: bool| {
            of_reversal("cost x", own, Some(id), has_reason, &HashMap::from([(id, original)]))
        };
        assert_eq!(check(reversal, original, true), None);
        for (own, original, has_reason, problem) in [
            (reversal, original, false, "has no reason"),
            (reversal, Facts { is_reversal: true, ..original }, true, "reverses a reversal"),
            (
                Facts { activity: ActivityId(id), ..reversal },
                original,
                true,
                "reverses a booking of another activity",
            ),
            (
                Facts { booked_on: day("2026-03-31"), ..reversal },
                original,
                true,
                "is booked before the booking that it reverses",
            ),
            (
                Facts { amount: Money(-99), ..reversal },
                original,
                true,
                "does not have the negative amounts of the booking that it reverses",
            ),
            (
                Facts { vat: None, ..reversal },
                original,
                true,
                "does not have the negative amounts of the booking that it reverses",
            ),
        ] {
            assert_eq!(check(own, original, has_reason), Some(format!("cost x {problem}")));
        }
        assert_eq!(of_reversal("cost x", original, None, false, &HashMap::new()), None);
        assert_eq!(
            of_reversal("cost x", original, None, true, &HashMap::new()),
            Some("cost x has a reason, but reverses nothing".to_owned())
        );
    }
}
