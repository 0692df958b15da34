//! Importing: the payments of a bank's file into the register, each of them once however many files
//! tell of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    bank_payment::{Column, Entity, Model},
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
    book,
    manual_payments::Recorded,
    matching::{Incoming, Known, Twin, Verdict, decide},
};
use crate::invoices::{
    differences::{Difference, difference},
    posting::{Booking, insert},
};
use crate::{
    audit::{self, Change},
    books::Closing,
    clock::day_of,
    database::{among, among_words, rows},
    error::{LINE, Result, TEXT, ValidationErrors},
};

/// Payments that are looked up, matched and written together.
pub const CHUNK: usize = 250;

/// Where payments come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file's name, without its folder.
    pub file_name: String,
    /// SHA-256 of the file, in hexadecimal.
    pub file_sha256: String,
}

/// What became of a payment of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// It, as the register keeps it.
    pub row: Model,
    /// `true` if an earlier file reported it, by the same reference or by another; then nothing was
    /// booked.
    pub was_known: bool,
    /// The invoices that it was booked on.
    pub booked: Vec<Booked>,
    /// The number of the invoice that it pays back what was overpaid of; null: none.
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

/// Takes a chunk of a file's payments into the register, within the change that takes them all.
/// What can't be is noted in `errors`, under the file's name and line; nothing of the file may be
/// committed then.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn take(
    change: &mut Change,
    source: &Source,
    limit: Money,
    chunk: &[Incoming],
    errors: &mut ValidationErrors,
) -> Result<Vec<Outcome>> {
    let mut known_rows = existing(change, chunk).await?;
    let today = day_of(change.at());
    let closing = Closing::load(change.tx()).await?;
    let mut news: Vec<&Incoming> = Vec::new();
    let mut repeated = BTreeSet::new();
    let mut twins = Twins::load(change, chunk).await?;
    for (position, incoming) in chunk.iter().enumerate() {
        let at = || format!("{}:{}:", source.file_name, incoming.line);
        if incoming.booked_on > today {
            errors.add(at(), format!("is of {}, which is in the future", incoming.booked_on));
        }
        match known_rows.get(&incoming.bank_reference) {
            Some(row) if (row.amount, row.booked_on) == (incoming.amount, incoming.booked_on) => {
                drop(repeated.insert(position))
            }
            Some(row) => errors.add(at(), says_else(row, incoming)),
            None => {
                let mut row = row_of(change, source, incoming);
                row.posted_on = closing.booked_on(row.booked_on);
                if twins.take(incoming, &mut row, today) {
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

    let known = Known::load(change, &news).await?;
    let mut booking = Booking::open(change, known.invoices()).await?.writing_off(limit);
    let mut recorded = Recorded::load(change, &booking, known.invoices()).await?;
    let (mut parts, mut booked) = (Vec::new(), HashMap::new());
    for together in news.chunk_by(|one, other| one.belongs_together_with(other)) {
        let verdicts = decide(together, &known, &booking, &recorded);
        for (incoming, Verdict { finding, parts: sums, deducted }) in together.iter().zip(verdicts)
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
                parts.push(book(
                    &mut booking,
                    &mut recorded,
                    row,
                    invoice,
                    sum,
                    (row.booked_on, row.booked_on),
                ));
                row.matched += sum;
                let difference = booking.invoice(invoice).and_then(difference);
                numbers.push(Booked { number, amount: sum, difference });
            }
            booked.insert(row.id, numbers);
        }
    }
    let references = news.iter().map(|incoming| &incoming.bank_reference).chain(&twins.told);
    let rows: Vec<Model> =
        references.filter_map(|reference| known_rows.get(reference).cloned()).collect();
    insert(change, rows.clone()).await?;
    let replaced = twins.replaced(&rows, today);
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
    change.flush().await?;
    let outcome = |(position, incoming): (usize, &Incoming)| {
        let (row, was_known) =
            (known_rows.get(&incoming.bank_reference)?.clone(), repeated.contains(&position));
        let booked = booked.get(&row.id).filter(|_| !was_known).cloned().unwrap_or_default();
        Some(Outcome { row, was_known, booked, refunded: None })
    };
    Ok(chunk.iter().enumerate().filter_map(outcome).collect())
}

/// Bank payments that stand for the money of a chunk's payments.
struct Twins {
    rows: HashMap<BankPaymentId, Model>,
    /// The references of payments that others stand for.
    told: Vec<String>,
    /// Totals, each with the first of the payments that stand for it.
    totals: BTreeMap<BankPaymentId, BankPaymentId>,
}

impl Twins {
    async fn load(change: &Change, chunk: &[Incoming]) -> Result<Self> {
        let ids: BTreeSet<BankPaymentId> = chunk
            .iter()
            .filter_map(|incoming| match incoming.twin {
                Twin::Same(id) | Twin::PartOf(id) => Some(id),
                Twin::None | Twin::Unclear => None,
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
        Ok(Self { rows, told: Vec::new(), totals: BTreeMap::new() })
    }

    /// Notes in the row of a payment which one stands for its money. Answers `true` if there is
    /// one, so that nothing of it is booked.
    fn take(&mut self, incoming: &Incoming, row: &mut Model, today: NaiveDate) -> bool {
        match incoming.twin {
            Twin::Same(id) => {
                let Some(twin) = self.rows.get(&id) else { return false };
                row.finding = twin.finding;
                stand_for(row, twin, today);
                self.told.push(row.bank_reference.clone());
                true
            }
            Twin::PartOf(id) => {
                self.totals.entry(id).or_insert(row.id);
                false
            }
            Twin::None | Twin::Unclear => false,
        }
    }

    /// The totals as they were and as they are now that the payments among these rows stand for
    /// them.
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

/// Notes that another bank payment stands for the money of this one, which counts no more.
pub(crate) fn stand_for(row: &mut Model, other: &Model, today: NaiveDate) {
    row.duplicate_of_id = Some(other.id);
    row.set_aside_on = Some(today);
    let reason: String =
        format!("Samma pengar som {}", other.bank_reference).chars().take(LINE).collect();
    row.set_aside_reason = Some(reason.trim_end().to_owned());
}

/// Those of the payments that earlier files, or earlier lines of this one, told of.
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
fn says_else(row: &Model, incoming: &Incoming) -> String {
    format!(
        "is the payment {:?} of {} on {}, which came in before as {} on {} with {}",
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
