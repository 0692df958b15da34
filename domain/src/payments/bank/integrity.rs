//! Integrity of bank payments: the matched sum agrees with the booked payments.

use std::collections::HashMap;

use ::entity::{
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::BankPaymentId,
    money::Money,
    payment,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};

use crate::{
    database::{among, rows},
    error::Result,
};

/// Bank payments that are checked together.
const CHUNK: u64 = 2000;

/// The columns that bank payments are checked by.
const COLUMNS: [Column; 4] = [Column::Id, Column::BankReference, Column::Amount, Column::Matched];

/// Returns a sentence for each bank payment whose matched sum differs from its payments less their
/// reversals.
pub async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let (mut found, mut last) = (Vec::new(), None::<BankPaymentId>);
    loop {
        let select = Query::select()
            .columns(COLUMNS)
            .from(Entity)
            .and_where_option(last.map(|last| Column::Id.gt(last)))
            .order_by(Column::Id, Order::Asc)
            .limit(CHUNK)
            .take();
        let chunk: Vec<Model> = rows(db, &select, &COLUMNS).await?;
        let Some(end) = chunk.last() else { return Ok(found) };
        last = Some(end.id);
        check(db, &chunk, &mut found).await?;
    }
}

/// Checks these bank payments only.
pub async fn violations_of(
    db: &impl ConnectionTrait,
    payments: &[BankPaymentId],
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for payments in payments.chunks(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        let theirs =
            among(db.get_database_backend(), Expr::col(Column::Id), payments.iter().copied());
        let select = Query::select()
            .columns(COLUMNS)
            .from(Entity)
            .and_where(theirs)
            .order_by(Column::Id, Order::Asc)
            .take();
        check(db, &rows::<Model>(db, &select, &COLUMNS).await?, &mut found).await?;
    }
    Ok(found)
}

async fn check(db: &impl ConnectionTrait, chunk: &[Model], found: &mut Vec<String>) -> Result<()> {
    let sums = sums(db, chunk).await?;
    for row in chunk {
        let sum = sums.get(&row.id).copied().unwrap_or_default();
        if sum != row.matched {
            found.push(format!(
                "bank payment {:?} says that {} of it is matched, but its payments come to {sum}",
                row.bank_reference, row.matched
            ));
        }
    }
    Ok(())
}

async fn sums(db: &impl ConnectionTrait, chunk: &[Model]) -> Result<HashMap<BankPaymentId, Money>> {
    let part = |column| Expr::col((bank_payment_part::Entity, column));
    let select = Query::select()
        .expr(part(bank_payment_part::Column::BankPaymentId))
        .expr(Expr::col((payment::Entity, payment::Column::Amount)))
        .from(bank_payment_part::Entity)
        .inner_join(
            payment::Entity,
            part(bank_payment_part::Column::PaymentId)
                .equals((payment::Entity, payment::Column::Id)),
        )
        .and_where(among(
            db.get_database_backend(),
            part(bank_payment_part::Column::BankPaymentId),
            chunk.iter().map(|row| row.id),
        ))
        .take();
    let mut sums: HashMap<BankPaymentId, Money> = HashMap::new();
    for row in db.query_all(&select).await? {
        *sums.entry(row.try_get_by_index(0)?).or_default() += row.try_get_by_index(1)?;
    }
    Ok(sums)
}
