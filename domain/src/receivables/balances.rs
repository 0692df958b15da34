//! Balances of members over all their invoices, as of now or of a day in the books.

use std::{cmp::max, collections::HashMap};

use ::entity::{id::MemberId, invoice::Column, kind::InvoiceKind, money::Money};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait};

use super::{Bucket, Standing, column, read, select};
use crate::{
    auth::viewer::Viewer,
    database::{Database, among},
    error::Result,
    members::succession,
    receivables::open_items::{self, Balance, seen},
};

/// Balances by member.
type Balances = HashMap<MemberId, Balance>;

/// Returns the balance of each of these members whose invoices the viewer sees, at the end of a day
/// in the books; `None`: as of now, by all that is known.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of_members(
    db: &Database,
    viewer: &Viewer,
    members: &[MemberId],
    as_of: Option<NaiveDate>,
) -> Result<Balances> {
    let Some(as_of) = as_of else { return open_items::of_members(db, viewer, members).await };
    let seen = seen(db, viewer, members).await?;
    let mut balances: Balances = seen.iter().map(|member| (*member, Balance::default())).collect();
    if balances.is_empty() {
        return Ok(balances);
    }
    let mut select = select(viewer, as_of);
    select.and_where(Column::Kind.eq(InvoiceKind::Invoice)).and_where(among(
        db.backend(),
        column(Column::MemberId),
        seen,
    ));
    for row in db.read().query_all(&select).await? {
        let standing = read(&row)?;
        if let Some(balance) = standing.member_id.and_then(|member| balances.get_mut(&member)) {
            add(balance, &standing, as_of);
        }
    }
    Ok(balances)
}

/// Returns the sum of the balances of the members that were merged into each of these and have
/// left, directly or through others, as far as the viewer sees their invoices; members without any
/// are left out. They are as of that day, or as of now.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of_predecessors(
    db: &Database,
    viewer: &Viewer,
    members: &[MemberId],
    as_of: Option<NaiveDate>,
) -> Result<Balances> {
    let successors = succession::successors_of_merged(db, members).await?;
    let merged: Vec<MemberId> = successors.keys().copied().collect();
    let mut sums = Balances::new();
    for (member, balance) in of_members(db, viewer, &merged, as_of).await? {
        for successor in successors.get(&member).into_iter().flatten() {
            sums.entry(*successor).or_default().add(&balance);
        }
    }
    Ok(sums)
}

/// Adds what is left of an invoice; reminder fees are claimed next to it and are no part of the
/// balance.
fn add(balance: &mut Balance, standing: &Standing, as_of: NaiveDate) {
    let left = standing.balance() - standing.reminder_fees;
    let outstanding = max(Money::ZERO, left);
    balance.outstanding += outstanding;
    if standing.bucket(as_of) != Bucket::NotDue {
        balance.overdue += outstanding;
    }
    balance.overpaid += max(Money::ZERO, -left);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_tells_what_is_due_and_what_is_overpaid_apart() {
        let as_of = |text: &str| text.parse::<NaiveDate>().unwrap();
        let standing = |total: i64, paid: i64| Standing {
            total: Money(total),
            paid: Money(paid),
            reminder_fees: Money(6000),
            // A Sunday.
            due_on: Some(as_of("2026-11-29")),
            ..Standing::default()
        };
        for (on, overdue) in [("2026-11-30", 0), ("2026-12-01", 7_500)] {
            let mut balance = Balance::default();
            for standing in
                [standing(10_000, 2_500), standing(10_000, 12_500), standing(10_000, 10_000)]
            {
                add(&mut balance, &standing, as_of(on));
            }
            let expected = Balance {
                outstanding: Money(7_500).into(),
                overdue: Money(overdue).into(),
                overpaid: Money(2_500).into(),
            };
            assert_eq!(balance, expected, "{on}");
        }
    }
}
