//! Invariants of costs and grants: of their reversals, VAT and suppliers.

pub(super) mod reversals;

use std::collections::HashMap;

use ::entity::{cost, grant};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use self::reversals::{Facts, violation};
use super::{booking::unfit_vat, reverse::Reversible};
use crate::{database::among, error::Result};

/// Number of rows whose reversed bookings are loaded together.
const CHUNK: usize = 500;

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
    let reversed = reversed_by(db, &rows).await?;
    let mut found = Vec::new();
    for row in &rows {
        let name = name_of(row);
        found.extend(violation(
            &name,
            row.facts(),
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
    let reversed = reversed_by(db, &rows).await?;
    let of_row = |row: &grant::Model| {
        let (reverses, has_reason) = (row.reverses_id.map(|id| id.0), row.reason.is_some());
        violation(&name_of(row), row.facts(), reverses, has_reason, &reversed)
    };
    Ok(rows.iter().filter_map(of_row).collect())
}

fn name_of<M: Reversible>(row: &M) -> String {
    format!("{} {}", M::NAME, row.booking_id().simple())
}

/// Returns the bookings that these rows reverse.
async fn reversed_by<M: Reversible>(
    db: &impl ConnectionTrait,
    rows: &[M],
) -> Result<HashMap<Uuid, Facts>>
where
    M::Entity: EntityTrait<Model = M>,
{
    let mut reversed = HashMap::new();
    for rows in rows.chunks(CHUNK) {
        let ids = rows.iter().filter_map(M::reverses);
        let originals = M::Entity::find()
            .filter(among(db.get_database_backend(), Expr::col(M::COLUMNS.id), ids))
            .all(db)
            .await?;
        reversed.extend(originals.iter().map(|row| (row.booking_id(), row.facts())));
    }
    Ok(reversed)
}
