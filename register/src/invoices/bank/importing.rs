//! Importing: the payments of a bank's file into the register, each of them once however many files tell of it.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    id::{BankPaymentId, InvoiceId},
    money::Money,
    sparse::Sparse,
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};

use super::{
    super::booking::{Booking, insert},
    book,
    matching::{Incoming, Known, Verdict, decide},
    recorded::Recorded,
};
use crate::{
    audit::Change,
    clock::day_of,
    database::{among_words, rows},
    error::{Faults, Result, TEXT},
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
    /// Whether an earlier file told of it already; then nothing was done.
    pub was_known: bool,
    /// The numbers of the invoices that it was booked on, with what of it.
    pub booked: Vec<(String, Money)>,
}

/// Takes a chunk of a file's payments into the register, within the change that takes them all. What can't be is noted in `faults`, under
/// the file's name and line; nothing of the file may be committed then.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn take(change: &mut Change, source: &Source, chunk: &[Incoming], faults: &mut Faults) -> Result<Vec<Outcome>> {
    let mut known_rows = existing(change, chunk).await?;
    let today = day_of(change.at());
    let mut news: Vec<&Incoming> = Vec::new();
    let mut repeated = BTreeSet::new();
    for (place, incoming) in chunk.iter().enumerate() {
        let at = || format!("{}:{}:", source.file_name, incoming.line);
        if incoming.booked_on > today {
            faults.add(at(), format!("is of {}, which is in the future", incoming.booked_on));
        }
        match known_rows.get(&incoming.bank_reference) {
            Some(row) if (row.amount, row.booked_on) == (incoming.amount, incoming.booked_on) => drop(repeated.insert(place)),
            Some(row) => faults.add(
                at(),
                format!(
                    "is the payment {:?} of {} on {}, which came in before as {} on {} with {}",
                    row.bank_reference, incoming.amount, incoming.booked_on, row.amount, row.booked_on, row.file_name
                ),
            ),
            None => {
                let row = row_of(change, source, incoming);
                known_rows.insert(incoming.bank_reference.clone(), row);
                news.push(incoming);
            }
        }
    }
    if !faults.is_empty() {
        return Ok(Vec::new());
    }

    let known = Known::look_for(change, &news).await?;
    let mut booking = Booking::open(change, known.invoices()).await?;
    let mut recorded = Recorded::look_for(change, &booking, known.invoices()).await?;
    let (mut parts, mut booked) = (Vec::new(), HashMap::new());
    for together in news.chunk_by(|one, other| one.goes_together_with(other)) {
        let verdicts = decide(together, &known, &booking, &recorded);
        for (incoming, Verdict { finding, parts: sums, deducted }) in together.iter().zip(verdicts) {
            let Some(row) = known_rows.get_mut(&incoming.bank_reference) else { continue };
            row.finding = finding;
            if !deducted.is_empty() {
                (row.set_aside_on, row.set_aside_reason) = (Some(today), Some(format!("Avdrag: kreditfaktura {}", deducted.join(", "))));
            }
            let numbers = sums.iter().map(|(invoice, sum)| (number(&booking, *invoice), *sum)).collect::<Vec<_>>();
            for (invoice, sum) in sums {
                parts.push(book(&mut booking, &mut recorded, row, invoice, sum, row.booked_on));
                row.matched += sum;
            }
            booked.insert(row.id, numbers);
        }
    }
    let rows: Vec<Model> = news.iter().filter_map(|incoming| known_rows.get(&incoming.bank_reference).cloned()).collect();
    insert(change, rows.clone()).await?;
    booking.close(change).await?;
    for part in &parts {
        change.record(None, Some(part))?;
    }
    insert(change, parts).await?;
    for row in &rows {
        change.record(None, Some(row))?;
    }
    change.flush().await?;
    let outcome = |(place, incoming): (usize, &Incoming)| {
        let (row, was_known) = (known_rows.get(&incoming.bank_reference)?.clone(), repeated.contains(&place));
        let booked = booked.get(&row.id).filter(|_| !was_known).cloned().unwrap_or_default();
        Some(Outcome { row, was_known, booked })
    };
    Ok(chunk.iter().enumerate().filter_map(outcome).collect())
}

/// Those of the payments that earlier files, or earlier lines of this one, told of.
async fn existing(change: &Change, chunk: &[Incoming]) -> Result<HashMap<String, Model>> {
    let (tx, columns) = (change.tx(), Model::every_column());
    let references = chunk.iter().map(|incoming| &incoming.bank_reference);
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(Entity)
        .and_where(among_words(tx.get_database_backend(), Expr::col(Column::BankReference), references))
        .take();
    Ok(rows::<Model>(tx, &select, &columns).await?.into_iter().map(|row| (row.bank_reference.clone(), row)).collect())
}

fn row_of(change: &Change, source: &Source, incoming: &Incoming) -> Model {
    let references: Vec<&str> = incoming.references.iter().map(|reference| reference.text.as_str()).collect();
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
        ..Model::default()
    }
}

fn number(booking: &Booking, invoice: InvoiceId) -> String {
    booking.invoice(invoice).and_then(|whole| whole.row.number.clone()).unwrap_or_default()
}
