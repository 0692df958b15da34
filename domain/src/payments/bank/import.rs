//! Import of bank files: stores each payment once, even if several files report it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::{BankPaymentId, InvoiceId},
    money::Money,
    partial::PartialRow,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
};

use super::{
    booking::book,
    incoming::{Duplication, Incoming},
    loading,
    matching::{MatchDecision, decide},
    status::stand_for,
};
use crate::invoices::{
    bulk_insert::insert,
    differences::{Difference, difference},
    posting::Booking,
};
use crate::{
    audit::{self, Change},
    books::Closing,
    clock::day_of,
    database::{among, among_words, rows},
    error::{Result, TEXT, ValidationErrors},
};

/// Payments that are looked up, matched and written together.
pub const CHUNK: usize = 250;

/// Source of imported payments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file's name, without its folder.
    pub file_name: String,
    /// SHA-256 of the file, in hexadecimal.
    pub file_sha256: String,
}

/// Result of importing a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedPayment {
    /// The stored bank payment.
    pub row: Model,
    /// `true` if an earlier file reported it, by the same reference or another one; then nothing
    /// was booked.
    pub was_known: bool,
    /// Invoices on which it was booked.
    pub booked: Vec<Booked>,
    /// Number of the invoice whose overpayment it refunds; null: none.
    pub refunded: Option<String>,
}

/// The part of a payment that was booked on an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The invoice's number.
    pub number: String,
    /// Amount, öre.
    pub amount: Money,
    /// Difference of the paid sum from the invoice's total; null: there is none, or a part is still
    /// to be paid.
    pub difference: Option<Difference>,
}

/// Imports a chunk of a file's payments within the change of the whole file. Problems are added to
/// `errors` with the file's name and line; nothing of the file may be committed then.
pub async fn import_chunk(
    change: &mut Change,
    source: &Source,
    limit: Money,
    chunk: &[Incoming],
    errors: &mut ValidationErrors,
) -> Result<Vec<ImportedPayment>> {
    let mut known_rows = existing(change, chunk).await?;
    let today = day_of(change.at());
    let closing = Closing::load(change.tx()).await?;
    let mut news: Vec<&Incoming> = Vec::new();
    let mut repeated = BTreeSet::new();
    let mut duplicates = Duplicates::load(change, chunk).await?;
    for (position, incoming) in chunk.iter().enumerate() {
        let at = || format!("{}:{}:", source.file_name, incoming.line);
        if incoming.booked_on > today {
            errors.add(at(), format!("is dated {}, which is in the future", incoming.booked_on));
        }
        match known_rows.get(&incoming.bank_reference) {
            Some(row) if (row.amount, row.booked_on) == (incoming.amount, incoming.booked_on) => {
                repeated.insert(position);
            }
            Some(row) => errors.add(at(), contradiction(row, incoming)),
            None => {
                let mut row = row_of(change, source, incoming);
                row.posted_on = closing.booked_on(row.booked_on);
                if duplicates.mark(incoming, &mut row, today) {
                    repeated.insert(position);
                } else {
                    news.push(incoming);
                }
                known_rows.insert(incoming.bank_reference.clone(), row);
            }
        }
    }
    if !errors.is_empty() {
        return Ok(Vec::new());
    }

    let candidates = loading::candidates(change, &news).await?;
    let mut booking = Booking::open(change, candidates.invoices()).await?.writing_off(limit);
    let mut recorded = loading::manual_payments(change, &booking, candidates.invoices()).await?;
    let (mut parts, mut booked) = (Vec::new(), HashMap::new());
    for together in news.chunk_by(|one, other| one.belongs_together_with(other)) {
        let decisions = decide(together, &candidates, booking.invoices(), &recorded);
        for (incoming, MatchDecision { finding, parts: sums, deducted }) in
            together.iter().zip(decisions)
        {
            let Some(row) = known_rows.get_mut(&incoming.bank_reference) else { continue };
            row.finding = finding;
            if !deducted.is_empty() {
                (row.set_aside_on, row.set_aside_reason) =
                    (Some(today), Some(format!("Avdrag: kreditfaktura {}", deducted.join(", "))));
            }
            let mut numbers = Vec::with_capacity(sums.len());
            for (invoice, sum) in sums {
                let number = number(&booking, invoice);
                let days = (row.booked_on, row.booked_on);
                parts.push(book(&mut booking, &mut recorded, row, invoice, sum, days));
                row.matched += sum;
                let difference = booking.invoice(invoice).and_then(difference);
                numbers.push(Booked { number, amount: sum, difference });
            }
            booked.insert(row.id, numbers);
        }
    }
    let references =
        news.iter().map(|incoming| &incoming.bank_reference).chain(&duplicates.duplicated);
    let rows: Vec<Model> =
        references.filter_map(|reference| known_rows.get(reference).cloned()).collect();
    let replaced = duplicates.replaced(&rows, today);
    write(change, rows, booking, parts, replaced).await?;
    let outcome = |(position, incoming): (usize, &Incoming)| {
        let (row, was_known) =
            (known_rows.get(&incoming.bank_reference)?.clone(), repeated.contains(&position));
        let booked = booked.get(&row.id).filter(|_| !was_known).cloned().unwrap_or_default();
        Some(ImportedPayment { row, was_known, booked, refunded: None })
    };
    Ok(chunk.iter().enumerate().filter_map(outcome).collect())
}

/// Writes imported payments, what was booked of them, and the rows that they replace.
async fn write(
    change: &mut Change,
    rows: Vec<Model>,
    booking: Booking,
    parts: Vec<bank_payment_part::Model>,
    replaced: Vec<(Model, Model)>,
) -> Result<()> {
    insert(change, rows.clone()).await?;
    booking.close(change).await?;
    for part in &parts {
        change.record(None, Some(part))?;
    }
    insert(change, parts).await?;
    for row in &rows {
        change.record(None, Some(row))?;
    }
    for (before, after) in replaced {
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    change.flush().await
}

/// Bank payments with the same money as payments of a chunk.
struct Duplicates {
    rows: HashMap<BankPaymentId, Model>,
    /// References of payments that others stand for.
    duplicated: Vec<String>,
    /// Totals, each with the first of the payments that stand for it.
    totals: BTreeMap<BankPaymentId, BankPaymentId>,
}

impl Duplicates {
    async fn load(change: &Change, chunk: &[Incoming]) -> Result<Self> {
        let ids: BTreeSet<BankPaymentId> = chunk
            .iter()
            .filter_map(|incoming| match incoming.duplication {
                Duplication::Same(id) | Duplication::PartOf(id) => Some(id),
                Duplication::None | Duplication::Unclear => None,
            })
            .collect();
        let mut rows = HashMap::new();
        if !ids.is_empty() {
            let theirs = among(change.tx().get_database_backend(), Expr::col(Column::Id), ids);
            rows = Entity::find()
                .filter(theirs)
                .all(change.tx())
                .await?
                .into_iter()
                .map(|row| (row.id, row))
                .collect();
        }
        Ok(Self { rows, duplicated: Vec::new(), totals: BTreeMap::new() })
    }

    /// Records in the row of a payment the one that stands for its money. Returns `true` if there
    /// is one, so that nothing of it is booked.
    fn mark(&mut self, incoming: &Incoming, row: &mut Model, today: NaiveDate) -> bool {
        match incoming.duplication {
            Duplication::Same(id) => {
                let Some(original) = self.rows.get(&id) else { return false };
                row.finding = original.finding;
                stand_for(row, original, today);
                self.duplicated.push(row.bank_reference.clone());
                true
            }
            Duplication::PartOf(id) => {
                self.totals.entry(id).or_insert(row.id);
                false
            }
            Duplication::None | Duplication::Unclear => false,
        }
    }

    /// Returns the totals before and after the payments among these rows stand for them.
    fn replaced(&self, rows: &[Model], today: NaiveDate) -> Vec<(Model, Model)> {
        let replaced = self.totals.iter().filter_map(|(total, first)| {
            let (before, first) =
                (self.rows.get(total)?.clone(), rows.iter().find(|row| row.id == *first)?);
            let mut after = before.clone();
            stand_for(&mut after, first, today);
            Some((before, after))
        });
        replaced.collect()
    }
}

/// Returns the payments that earlier files, or earlier lines of this one, reported.
async fn existing(change: &Change, chunk: &[Incoming]) -> Result<HashMap<String, Model>> {
    let (tx, columns) = (change.tx(), Model::every_column());
    let references = chunk.iter().map(|incoming| &incoming.bank_reference);
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(Entity)
        .and_where(among_words(
            tx.get_database_backend(),
            Expr::col(Column::BankReference),
            references,
        ))
        .take();
    Ok(rows::<Model>(tx, &select, &columns)
        .await?
        .into_iter()
        .map(|row| (row.bank_reference.clone(), row))
        .collect())
}

/// Describes a payment that an earlier file reported with another sum or day.
fn contradiction(row: &Model, incoming: &Incoming) -> String {
    format!(
        "is the payment {:?} of {} on {}, which was imported before as {} on {} with {}",
        row.bank_reference,
        incoming.amount,
        incoming.booked_on,
        row.amount,
        row.booked_on,
        row.file_name
    )
}

fn row_of(change: &Change, source: &Source, incoming: &Incoming) -> Model {
    let references: Vec<&str> =
        incoming.references.iter().map(|reference| reference.text.as_str()).collect();
    let reference: String = references.join(" ").trim().chars().take(TEXT).collect();
    Model {
        id: BankPaymentId::new(),
        bank_reference: incoming.bank_reference.clone(),
        file_name: source.file_name.clone(),
        file_sha256: source.file_sha256.clone(),
        imported_at: change.at(),
        account: incoming.account.clone(),
        booked_on: incoming.booked_on,
        amount: incoming.amount,
        reference: Some(reference.trim_end().to_owned()).filter(|text| !text.is_empty()),
        message: incoming.message.clone(),
        payer_name: incoming.payer_name.clone(),
        payer_org_number: incoming.payer_org_number.clone(),
        entry_reference: incoming.entry_reference.clone(),
        ..Model::default()
    }
}

fn number(booking: &Booking, invoice: InvoiceId) -> String {
    booking.invoice(invoice).and_then(|aggregate| aggregate.row.number.clone()).unwrap_or_default()
}
