//! Balances of members over all their invoices, as of now or of a day in the books.

use std::{cmp::max, collections::HashMap};

use ::entity::{id::MemberId, invoice::Column, kind::InvoiceKind, money::Money};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait};

use super::{Bucket, InvoiceBalance, column, read, select};
use crate::{
    context::Context,
    database::among,
    error::Result,
    members::succession,
    receivables::open_items::{self, Balance, visible_members},
};

/// Balances by member.
type Balances = HashMap<MemberId, Balance>;

/// Returns the balance of each of these members whose invoices the viewer may read, at the end of a
/// day in the books; `None`: as of now, by all recorded entries.
pub async fn of_members(
    ctx: Context<'_>,
    members: &[MemberId],
    as_of: Option<NaiveDate>,
) -> Result<Balances> {
    let Some(as_of) = as_of else { return open_items::of_members(ctx, members).await };
    let visible_members = visible_members(ctx, members).await?;
    let mut balances: Balances =
        visible_members.iter().map(|member| (*member, Balance::default())).collect();
    if balances.is_empty() {
        return Ok(balances);
    }
    let mut select = select(ctx, as_of);
    select.and_where(Column::Kind.eq(InvoiceKind::Invoice)).and_where(among(
        ctx.db.backend(),
        column(Column::MemberId),
        visible_members,
    ));
    for row in ctx.db.read().query_all(&select).await? {
        let item = read(&row)?;
        if let Some(balance) = item.member_id.and_then(|member| balances.get_mut(&member)) {
            add(balance, &item, as_of);
        }
    }
    Ok(balances)
}

/// Returns the sum of the balances of the members that were merged into each of these and have
/// left, directly or through others, as far as the viewer may read their invoices. Members without
/// any are left out. As of that day, or as of now.
pub async fn of_predecessors(
    ctx: Context<'_>,
    members: &[MemberId],
    as_of: Option<NaiveDate>,
) -> Result<Balances> {
    let successors = succession::successors_of_merged(ctx, members).await?;
    let merged: Vec<MemberId> = successors.keys().copied().collect();
    let mut sums = Balances::new();
    for (member, balance) in of_members(ctx, &merged, as_of).await? {
        for successor in successors.get(&member).into_iter().flatten() {
            sums.entry(*successor).or_default().add(&balance);
        }
    }
    Ok(sums)
}

/// Adds the balance of an invoice. Reminder fees are claimed separately and are no part of the
/// balance.
fn add(balance: &mut Balance, item: &InvoiceBalance, as_of: NaiveDate) {
    let left = item.balance() - item.reminder_fees;
    let outstanding = max(Money::ZERO, left);
    balance.outstanding += outstanding;
    if item.bucket(as_of) != Bucket::NotDue {
        balance.overdue += outstanding;
    }
    balance.overpaid += max(Money::ZERO, -left);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_separates_due_and_overpaid_sums() {
        let as_of = |text: &str| text.parse::<NaiveDate>().unwrap();
        let item = |total: i64, paid: i64| InvoiceBalance {
            total: Money(total),
            paid: Money(paid),
            reminder_fees: Money(6000),
            // A Sunday.
            due_on: Some(as_of("2026-11-29")),
            ..InvoiceBalance::default()
        };
        for (on, overdue) in [("2026-11-30", 0), ("2026-12-01", 7_500)] {
            let mut balance = Balance::default();
            for item in [item(10_000, 2_500), item(10_000, 12_500), item(10_000, 10_000)] {
                add(&mut balance, &item, as_of(on));
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
