//! The bank payments that the imported payments were made of, and their matched amounts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ::entity::{
    bank_payment::{Column, Model},
    bank_payment_part,
    id::{BankPaymentId, PaymentId},
    money::Money,
    partial::PartialRow,
    payment,
};
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
};

use super::{
    super::{
        File,
        bulk_insert::{insert, replace},
        import::session::Import,
        key_resolution, staging,
    },
    drafts::{Incoming, PaymentDraft},
};
use crate::{
    database::{among, rows},
    error::Result,
    payments::bank::left,
};

/// The bank payments of a chunk of invoices.
pub(super) struct Matches {
    before: HashMap<BankPaymentId, Model>,
    /// The bank payments after the chunk's payments were matched with them.
    after: HashMap<BankPaymentId, Model>,
    by_reference: HashMap<String, BankPaymentId>,
    /// References of bad rows of bank_payments.csv.
    bad: HashSet<String>,
    /// The bank payment of each payment that has one.
    of: HashMap<PaymentId, BankPaymentId>,
    new: Vec<bank_payment_part::Model>,
}

/// A payment of an invoice that is to be matched with a bank payment.
pub(super) struct Part {
    /// Its line in payments.csv.
    pub line: u64,
    pub payment: PaymentId,
    pub bank_payment: BankPaymentId,
    pub amount: Money,
}

/// Loads the bank payments that the chunk's payments name, and those that the stored `payments`
/// were made of.
pub(super) async fn load(
    import: &Import<'_>,
    incoming: &[Incoming],
    payments: BTreeSet<PaymentId>,
) -> Result<Matches> {
    let tx = import.tx();
    let named = key_resolution::present(
        incoming
            .iter()
            .flat_map(|incoming| &incoming.payments)
            .map(|(_, draft)| draft.bank_payment.as_deref()),
    );
    let bad = if import.is_good() {
        HashSet::new()
    } else {
        staging::bad(tx, File::BankPayments, &named).await?
    };
    let mut before: HashMap<BankPaymentId, Model> = key_resolution::bank_payments(tx, &named)
        .await?
        .into_values()
        .map(|row| (row.id, row))
        .collect();
    let of = parts_of(tx, payments).await?;
    let others: BTreeSet<BankPaymentId> =
        of.values().copied().filter(|id| !before.contains_key(id)).collect();
    before.extend(by_ids(tx, others).await?.into_iter().map(|row| (row.id, row)));
    let by_reference = before.values().map(|row| (row.bank_reference.clone(), row.id)).collect();
    Ok(Matches { after: before.clone(), before, by_reference, bad, of, new: Vec::new() })
}

/// Returns the bank payments that these payments were made of.
async fn parts_of(
    tx: &impl ConnectionTrait,
    payments: BTreeSet<PaymentId>,
) -> Result<HashMap<PaymentId, BankPaymentId>> {
    if payments.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs =
        among(tx.get_database_backend(), Expr::col(bank_payment_part::Column::PaymentId), payments);
    let found = bank_payment_part::Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().map(|part| (part.payment_id, part.bank_payment_id)).collect())
}

async fn by_ids(tx: &impl ConnectionTrait, ids: BTreeSet<BankPaymentId>) -> Result<Vec<Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let columns = Model::every_column();
    let theirs = among(tx.get_database_backend(), Expr::col(Column::Id), ids);
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(::entity::bank_payment::Entity)
        .and_where(theirs)
        .take();
    rows(tx, &select, &columns).await
}

/// Returns the references of the bank payments that these payments were made of.
pub(super) async fn references_of(
    tx: &impl ConnectionTrait,
    payments: BTreeSet<PaymentId>,
) -> Result<HashMap<PaymentId, String>> {
    let of = parts_of(tx, payments).await?;
    let rows = by_ids(tx, of.values().copied().collect()).await?;
    let references: HashMap<BankPaymentId, String> =
        rows.into_iter().map(|row| (row.id, row.bank_reference)).collect();
    Ok(of
        .into_iter()
        .filter_map(|(payment, id)| Some((payment, references.get(&id)?.clone())))
        .collect())
}

impl Matches {
    /// `true` if a payment was made of a bank payment.
    pub fn has(&self, payment: PaymentId) -> bool {
        self.of.contains_key(&payment)
    }

    /// Returns the bank payment with which a payment of the file is to be matched; `None` if there
    /// is none, or if it is matched already. `made` are the preceding matches of the same invoice:
    /// a reversal returns its amount to the bank payment of the reversed payment.
    ///
    /// # Errors
    /// The bad column with the reason.
    pub fn find(
        &self,
        draft: &PaymentDraft,
        payment: &payment::Model,
        made: &[Part],
    ) -> Result<Option<BankPaymentId>, (&'static str, String)> {
        const COLUMN: &str = "bank_payment";
        let of = |id: PaymentId| {
            let new = made.iter().find(|part| part.payment == id).map(|part| part.bank_payment);
            self.of.get(&id).copied().or(new)
        };
        let stated = match draft.bank_payment.as_deref() {
            None => None,
            Some(reference) => match self.by_reference.get(reference) {
                Some(id) => Some(*id),
                // The bank payment's own row has an error.
                None if self.bad.contains(reference) => return Ok(None),
                None => return Err((COLUMN, format!("there is no bank payment {reference}"))),
            },
        };
        if let Some(own) = of(payment.id) {
            let is_same = stated.is_none_or(|stated| stated == own);
            return if is_same {
                Ok(None)
            } else {
                Err((
                    COLUMN,
                    "is not the one that the payment was made of, which never changes".to_owned(),
                ))
            };
        }
        if let Some(reversed) = payment.reverses_id {
            let own = of(reversed);
            let is_same = stated.is_none() || stated == own;
            return if is_same {
                Ok(own)
            } else {
                Err((COLUMN, "must be that of the payment that it reverses".to_owned()))
            };
        }
        // The day may differ from the bank's: a payment may be dated on the day of the invoice's
        // issue, or have been recorded manually.
        Ok(stated)
    }

    /// Returns the line of the first part of each bank payment that the parts exceed, with the
    /// reason.
    pub fn exceeding(&self, parts: &[Part]) -> Vec<(u64, String)> {
        let mut sums: BTreeMap<BankPaymentId, (u64, Money)> = BTreeMap::new();
        for part in parts {
            sums.entry(part.bank_payment).or_insert((part.line, Money::ZERO)).1 += part.amount;
        }
        let exceeds = |(id, (line, sum)): (BankPaymentId, (u64, Money))| {
            let row = self.after.get(&id)?;
            let matched = row.matched.0.checked_add(sum.0);
            let holds = matched
                .is_some_and(|matched| matched == 0 || (1..=row.amount.0).contains(&matched));
            (!holds)
                .then(|| (line, format!("has {} left, and {sum} of it is matched here", left(row))))
        };
        sums.into_iter().filter_map(exceeds).collect()
    }

    /// Adds the parts of an invoice without errors.
    pub fn add(&mut self, parts: Vec<Part>) {
        for part in parts {
            if let Some(row) = self.after.get_mut(&part.bank_payment) {
                row.matched += part.amount;
                self.of.insert(part.payment, part.bank_payment);
                self.new.push(bank_payment_part::Model {
                    payment_id: part.payment,
                    bank_payment_id: part.bank_payment,
                });
            }
        }
    }

    /// Writes the matches. The payments must have been written.
    pub async fn write(self, import: &mut Import<'_>) -> Result<()> {
        if self.new.is_empty() {
            return Ok(());
        }
        let touched: BTreeSet<BankPaymentId> =
            self.new.iter().map(|part| part.bank_payment_id).collect();
        for part in &self.new {
            import.change.record(None, Some(part))?;
        }
        insert(import.tx(), self.new).await?;
        let mut changed = Vec::new();
        for (before, after) in
            touched.iter().filter_map(|id| self.before.get(id).zip(self.after.get(id)))
        {
            // A reversal may have returned the amount of its payment.
            if before != after {
                import.change.record(Some(before), Some(after))?;
                changed.push(after.clone());
            }
        }
        replace(import.tx(), changed).await
    }
}
