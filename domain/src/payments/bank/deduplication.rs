//! Recognition of duplicates across bank files: payments that are reported under different
//! references.
//!
//! BgMax and camt.054 of one payment have different references. So have a deposit that is sent
//! again under another serial number, and an entry that is reported first as a total and later
//! payment by payment. A certain duplicate is booked once; a possible one waits for a user's
//! decision.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    bank_payment::{Column, Model},
    id::BankPaymentId,
    money::Money,
    partial::PartialRow,
};
use chrono::{Days, NaiveDate};
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::{
    bookkeeping,
    entries::Entries,
    import::Source,
    incoming::{Duplication, Incoming},
    sameness::{MAX_DAYS_APART, ReportedPayment, Sameness, decide, sameness},
};
use crate::{
    audit::Change,
    books::Closing,
    database::{among_words, rows},
    error::{Result, ValidationErrors},
};

/// Records in each payment of a chunk the bank payment that is the same money, or that a user must
/// decide. `of_file` are the references of all payments of the file: two of them are never the
/// same. An entry whose sum differs from that in an earlier file is an error.
pub async fn recognize(
    change: &Change,
    source: &Source,
    chunk: &mut [Incoming],
    of_file: &HashSet<String>,
    errors: &mut ValidationErrors,
) -> Result<()> {
    let known = by(
        change,
        among_words(
            change.tx().get_database_backend(),
            column(Column::BankReference),
            references(chunk),
        ),
    )
    .await?;
    let known: HashSet<String> = known.into_iter().map(|row| row.bank_reference).collect();
    let entries = entries(change, chunk).await?;
    let candidates = candidates(change, chunk).await?;
    let deposits = deposits(change, chunk).await?;
    let mut claimed = HashSet::new();
    for incoming in chunk.iter_mut().filter(|incoming| !known.contains(&incoming.bank_reference)) {
        match entries.duplication(incoming) {
            Err(reason) => {
                errors.add(format!("{}:{}:", source.file_name, incoming.line), reason);
                continue;
            }
            Ok(duplication) => incoming.duplication = duplication,
        }
        if matches!(incoming.duplication, Duplication::Same(_)) {
            continue;
        }
        let reference = joined(incoming);
        let reported = ReportedPayment {
            bank_reference: &incoming.bank_reference,
            booked_on: incoming.booked_on,
            amount: incoming.amount,
            reference: reference.as_deref(),
            payer_org_number: incoming.payer_org_number.as_deref(),
        };
        let others = candidates.get(&incoming.amount).map(Vec::as_slice).unwrap_or_default().iter();
        let others = others.filter(|row| {
            !of_file.contains(&row.bank_reference) && row.file_sha256 != source.file_sha256
        });
        let alike: Vec<(Sameness, &Model)> = others
            .map(|row| (sameness(&ReportedPayment::of(row), &reported), row))
            .filter(|(sameness, row)| *sameness > Sameness::Other && !claimed.contains(&row.id))
            .collect();
        let is_deposit = incoming.is_total
            && deposits
                .get(&incoming.booked_on)
                .is_some_and(|sums| sums.contains(&incoming.amount));
        if let Some(duplication) = decide(&alike, is_deposit) {
            incoming.duplication = duplication;
        }
        if let Duplication::Same(id) = incoming.duplication {
            claimed.insert(id);
        }
    }
    Ok(())
}

fn references(chunk: &[Incoming]) -> impl Iterator<Item = &String> {
    chunk.iter().map(|incoming| &incoming.bank_reference)
}

/// Returns the payer's references as a bank payment stores them.
fn joined(incoming: &Incoming) -> Option<String> {
    let references: Vec<&str> =
        incoming.references.iter().map(|reference| reference.text.as_str()).collect();
    Some(references.join(" ")).filter(|text| !text.trim().is_empty())
}

/// Loads the entries that payments of a chunk belong to.
async fn entries(change: &Change, chunk: &[Incoming]) -> Result<Entries> {
    let backend = change.tx().get_database_backend();
    let references: BTreeSet<&String> =
        chunk.iter().filter_map(|incoming| incoming.entry_reference.as_ref()).collect();
    let totals: BTreeSet<&String> = chunk
        .iter()
        .filter(|incoming| incoming.is_total)
        .map(|incoming| &incoming.bank_reference)
        .collect();
    let mut found = Entries::default();
    if !references.is_empty() {
        let rows =
            by(change, among_words(backend, column(Column::BankReference), references)).await?;
        // The first payment of an entry may have no reference of its own, but is no total.
        let rows = rows.into_iter().filter(|row| row.entry_reference.is_none());
        found.totals = rows.map(|row| (row.bank_reference.clone(), row)).collect();
        let closing = Closing::load(change.tx()).await?;
        let closed = found.totals.values().filter(|row| closing.is_closed(row.day_in_books()));
        let closed: Vec<BankPaymentId> = closed.map(|row| row.id).collect();
        let correctable = bookkeeping::with_voucher(change.tx(), &closed).await?;
        found.closed = closed.into_iter().filter(|id| !correctable.contains(id)).collect();
    }
    if !totals.is_empty() {
        for row in by(change, among_words(backend, column(Column::EntryReference), totals)).await? {
            found
                .parts
                .entry(row.entry_reference.clone().unwrap_or_default())
                .or_default()
                .push(row);
        }
    }
    Ok(found)
}

fn column(column: Column) -> Expr {
    Expr::col(column)
}

async fn by(change: &Change, condition: SimpleExpr) -> Result<Vec<Model>> {
    let columns = Model::every_column();
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(::entity::bank_payment::Entity)
        .and_where(condition)
        .take();
    rows(change.tx(), &select, &columns).await
}

/// Returns the bank payments that may be the same money as some of a chunk, by amount.
async fn candidates(change: &Change, chunk: &[Incoming]) -> Result<HashMap<Money, Vec<Model>>> {
    let days = chunk.iter().map(|incoming| incoming.booked_on);
    let (Some(first), Some(last)) = (days.clone().min(), days.max()) else {
        return Ok(HashMap::new());
    };
    let apart = Days::new(MAX_DAYS_APART);
    let (from, to) = (
        first.checked_sub_days(apart).unwrap_or(first),
        last.checked_add_days(apart).unwrap_or(last),
    );
    let amounts: BTreeSet<Money> = chunk.iter().map(|incoming| incoming.amount).collect();
    let mut found: HashMap<Money, Vec<Model>> = HashMap::new();
    for row in by(
        change,
        column(Column::Amount).is_in(amounts).and(column(Column::BookedOn).between(from, to)),
    )
    .await?
    {
        found.entry(row.amount).or_default().push(row);
    }
    found.values_mut().for_each(|rows| rows.sort_by_key(|row| row.id));
    Ok(found)
}

/// Returns the sums of BgMax deposits on the days of a chunk's totals: an account statement may
/// report a deposit as one entry.
async fn deposits(change: &Change, chunk: &[Incoming]) -> Result<HashMap<NaiveDate, Vec<Money>>> {
    let days: BTreeSet<NaiveDate> = chunk
        .iter()
        .filter(|incoming| incoming.is_total)
        .map(|incoming| incoming.booked_on)
        .collect();
    let mut found: HashMap<NaiveDate, Vec<Money>> = HashMap::new();
    if days.is_empty() {
        return Ok(found);
    }
    let select = Query::select()
        .column(Column::BookedOn)
        .expr(Expr::cust("CAST(SUM(amount) AS bigint)"))
        .from(::entity::bank_payment::Entity)
        .and_where(column(Column::BookedOn).is_in(days))
        .and_where(column(Column::EntryReference).like("BG %"))
        .add_group_by([column(Column::BookedOn), column(Column::EntryReference)])
        .take();
    for row in change.tx().query_all(&select).await? {
        let day: NaiveDate = row.try_get_by_index(0)?;
        found.entry(day).or_default().push(row.try_get_by_index(1)?);
    }
    Ok(found)
}

/// Returns the bank payments that may be the same money as each of these, the earliest first.
pub async fn alike(
    db: &impl ConnectionTrait,
    own: &[Model],
) -> Result<HashMap<BankPaymentId, Vec<Model>>> {
    let days = own.iter().map(|row| row.booked_on);
    let (Some(first), Some(last)) = (days.clone().min(), days.max()) else {
        return Ok(HashMap::new());
    };
    let apart = Days::new(MAX_DAYS_APART);
    let (from, to) = (
        first.checked_sub_days(apart).unwrap_or(first),
        last.checked_add_days(apart).unwrap_or(last),
    );
    let amounts: BTreeSet<Money> = own.iter().map(|row| row.amount).collect();
    let columns = Model::every_column();
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(::entity::bank_payment::Entity)
        .and_where(column(Column::Amount).is_in(amounts))
        .and_where(column(Column::BookedOn).between(from, to))
        .and_where(column(Column::DuplicateOfId).is_null())
        .order_by(Column::Id, sea_orm::Order::Asc)
        .take();
    let found: Vec<Model> = rows(db, &select, &columns).await?;
    let of = |row: &Model| {
        let others =
            found.iter().filter(|other| other.id != row.id && other.file_sha256 != row.file_sha256);
        let alike = others.filter(|other| {
            sameness(&ReportedPayment::of(row), &ReportedPayment::of(other)) > Sameness::Other
        });
        (row.id, alike.cloned().collect())
    };
    Ok(own.iter().map(of).collect())
}
