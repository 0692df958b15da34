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
    kind::VoucherSource,
    money::Money,
    partial::PartialRow,
};
use chrono::{Days, NaiveDate};
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use crate::{
    audit::Change,
    books::Closing,
    database::{among_words, rows},
    error::{Result, ValidationErrors},
    payments::bank::{
        bookkeeping,
        import::Source,
        matching::{Duplication, Incoming, ocr_digits},
    },
};

/// Maximum difference, in days, between the booking days of a payment in two files.
const MAX_DAYS_APART: u64 = 3;
/// Minimum length of a number that identifies a payment: shorter numbers are ambiguous.
const MIN_LENGTH: usize = 4;

/// Certainty that two bank payments are the same money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sameness {
    /// Different money.
    Other,
    /// Possibly the same money.
    Possible,
    /// The same money.
    Sure,
}

/// A payment as one file reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedPayment<'t> {
    /// The bank's reference: kind of file, account, day, and the bank's own numbers.
    pub bank_reference: &'t str,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// Incoming amount, öre.
    pub amount: Money,
    /// The payer's references, separated by spaces.
    pub reference: Option<&'t str>,
    /// Organisationsnummer of the payer; null: not reported by the bank.
    pub payer_org_number: Option<&'t str>,
}

impl<'t> ReportedPayment<'t> {
    /// Returns a stored bank payment as its file reported it.
    #[must_use]
    pub fn of(row: &'t Model) -> Self {
        Self {
            bank_reference: &row.bank_reference,
            booked_on: row.booked_on,
            amount: row.amount,
            reference: row.reference.as_deref(),
            payer_org_number: row.payer_org_number.as_deref(),
        }
    }

    /// Returns the bank's own numbers without leading zeros: those of the payment, and of its entry
    /// if reported.
    fn numbers(&self) -> Vec<&'t str> {
        // A BgMax deposit's number counts the deposits of a day, so other days have the same
        // number.
        let first = if self.bank_reference.starts_with("BG ") { 4 } else { 3 };
        let words = self
            .bank_reference
            .split(' ')
            .skip(first)
            .flat_map(|word| word.split('/'))
            .map(|word| word.trim_start_matches('0'));
        words.filter(|word| word.chars().count() >= MIN_LENGTH).collect()
    }

    /// Returns the kind of file and the account.
    fn route(&self) -> (&'t str, &'t str) {
        let mut words = self.bank_reference.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Returns the payer's reference as digits, or unchanged; `None` if there is none.
    fn reference(&self) -> Option<String> {
        let text = self.reference.map(str::trim).filter(|text| !text.is_empty())?;
        Some(ocr_digits(text).unwrap_or_else(|| text.to_uppercase()))
    }
}

/// Compares two reports of a payment.
#[must_use]
pub fn sameness(one: &ReportedPayment<'_>, other: &ReportedPayment<'_>) -> Sameness {
    if one.amount != other.amount
        || one.booked_on.signed_duration_since(other.booked_on).num_days().unsigned_abs()
            > MAX_DAYS_APART
    {
        return Sameness::Other;
    }
    if one.payer_org_number.zip(other.payer_org_number).is_some_and(|(one, other)| one != other) {
        return Sameness::Other;
    }
    let (of_one, of_other) = (one.reference(), other.reference());
    let (numbers, others) = (one.numbers(), other.numbers());
    // The last number is the payment's own; the number of an entry may be shared by many payments.
    let shares_number = numbers.last().is_some_and(|own| others.contains(own))
        || others.last().is_some_and(|own| numbers.contains(own));
    let is_same_day = one.booked_on == other.booked_on;
    if shares_number {
        return if is_same_day && of_one == of_other { Sameness::Sure } else { Sameness::Possible };
    }
    if one.route() == other.route() {
        // The same kind of file of the same account distinguishes two payments by their numbers.
        return Sameness::Other;
    }
    match (of_one, of_other) {
        (Some(one), Some(other)) if one == other => Sameness::Possible,
        (Some(_), Some(_)) => Sameness::Other,
        _ if is_same_day => Sameness::Possible,
        _ => Sameness::Other,
    }
}

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
    let entries = Entries::load(change, chunk).await?;
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
        let mut sure = alike
            .iter()
            .filter(|(sameness, row)| *sameness == Sameness::Sure && row.duplicate_of_id.is_none());
        match (sure.next(), sure.next()) {
            (Some((_, row)), None) => {
                claimed.insert(row.id);
                incoming.duplication = Duplication::Same(row.id);
            }
            // A duplicate never stands for another payment.
            (None, _) if alike.iter().all(|(_, row)| row.duplicate_of_id.is_some()) => {
                let is_deposit = incoming.is_total
                    && deposits
                        .get(&incoming.booked_on)
                        .is_some_and(|sums| sums.contains(&incoming.amount));
                if is_deposit {
                    incoming.duplication = Duplication::Unclear;
                }
            }
            _ => incoming.duplication = Duplication::Unclear,
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

/// Entries of camt files that one file reported as a total, and another payment by payment.
struct Entries {
    /// Totals by the bank's reference of the entry.
    totals: HashMap<String, Model>,
    /// Payments of entries that a chunk reports as totals.
    parts: HashMap<String, Vec<Model>>,
    /// Totals of closed days that are in no export batch: their booking stays.
    closed: HashSet<BankPaymentId>,
}

impl Entries {
    async fn load(change: &Change, chunk: &[Incoming]) -> Result<Self> {
        let backend = change.tx().get_database_backend();
        let entries: BTreeSet<&String> =
            chunk.iter().filter_map(|incoming| incoming.entry_reference.as_ref()).collect();
        let totals: BTreeSet<&String> = chunk
            .iter()
            .filter(|incoming| incoming.is_total)
            .map(|incoming| &incoming.bank_reference)
            .collect();
        let mut found =
            Self { totals: HashMap::new(), parts: HashMap::new(), closed: HashSet::new() };
        if !entries.is_empty() {
            let rows =
                by(change, among_words(backend, column(Column::BankReference), entries)).await?;
            // The first payment of an entry may have no reference of its own, but is no total.
            let rows = rows.into_iter().filter(|row| row.entry_reference.is_none());
            found.totals = rows.map(|row| (row.bank_reference.clone(), row)).collect();
            let closing = Closing::load(change.tx()).await?;
            for row in found.totals.values() {
                let key = (VoucherSource::BankPayment, row.id.into());
                if !bookkeeping::is_correctable(change.tx(), closing, key, row.day_in_books())
                    .await?
                {
                    found.closed.insert(row.id);
                }
            }
        }
        if !totals.is_empty() {
            for row in
                by(change, among_words(backend, column(Column::EntryReference), totals)).await?
            {
                found
                    .parts
                    .entry(row.entry_reference.clone().unwrap_or_default())
                    .or_default()
                    .push(row);
            }
        }
        Ok(found)
    }

    /// Returns the bank payment with the same money, by the entry.
    ///
    /// # Errors
    /// The contradiction between the two files.
    fn duplication(&self, incoming: &Incoming) -> std::result::Result<Duplication, String> {
        let differs = |sum: Money, other: Money, file: &str| {
            Err(format!(
                "is of an entry of {sum}, which was imported before as {other} with {file}"
            ))
        };
        if let Some(parts) = self.parts.get(&incoming.bank_reference).filter(|_| incoming.is_total)
        {
            let (sum, first) = (
                parts.iter().map(|row| row.amount).sum::<Money>(),
                parts.iter().min_by_key(|row| row.id),
            );
            return match first {
                Some(first) if sum == incoming.amount => Ok(Duplication::Same(first.id)),
                Some(first) => differs(incoming.amount, sum, &first.file_name),
                None => Ok(Duplication::None),
            };
        }
        let total = incoming.entry_reference.as_ref().and_then(|entry| self.totals.get(entry));
        match total {
            None => Ok(Duplication::None),
            Some(total) if total.amount != incoming.entry_total => {
                differs(incoming.entry_total, total.amount, &total.file_name)
            }
            // The other payments of the entry stand for the total already.
            Some(total) if total.duplicate_of_id.is_some() => Ok(Duplication::None),
            Some(total)
                if total.matched == Money::ZERO
                    && total.set_aside_on.is_none()
                    && !self.closed.contains(&total.id) =>
            {
                Ok(Duplication::PartOf(total.id))
            }
            // A user has decided about the total, or it is in a closed period, which never changes.
            Some(total) => Ok(Duplication::Same(total.id)),
        }
    }
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
    for day in days {
        let select = Query::select()
            .expr(Expr::cust("CAST(SUM(amount) AS bigint)"))
            .from(::entity::bank_payment::Entity)
            .and_where(column(Column::BookedOn).eq(day))
            .and_where(column(Column::EntryReference).like("BG %"))
            .add_group_by([column(Column::EntryReference)])
            .take();
        for row in change.tx().query_all(&select).await? {
            found.entry(day).or_default().push(row.try_get_by_index(0)?);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reported<'t>(
        bank_reference: &'t str,
        day: &str,
        ore: i64,
        reference: &'t str,
    ) -> ReportedPayment<'t> {
        ReportedPayment {
            bank_reference,
            booked_on: day.parse().unwrap(),
            amount: Money(ore),
            reference: Some(reference).filter(|text| !text.is_empty()),
            payer_org_number: None,
        }
    }

    const BG: &str = "BG 50501055 20261118 00074 490630170001";

    #[test]
    fn the_same_payment_is_recognized_in_any_file() {
        let first = reported(BG, "2026-11-18", 100_000, "2026000105");
        for (other, expected) in [
            // Bankgirot's number, in camt.054, and under another deposit.
            (
                reported(
                    "CAMT SE4550000000058398257466 20261118 E3 490630170001",
                    "2026-11-18",
                    100_000,
                    "2026000105",
                ),
                Sameness::Sure,
            ),
            (
                reported(
                    "BG 50501055 20261118 00075 490630170001",
                    "2026-11-18",
                    100_000,
                    "2026 000105",
                ),
                Sameness::Sure,
            ),
            // The number, but another day, or another reference.
            (
                reported(
                    "BG 50501055 20261119 00075 490630170001",
                    "2026-11-19",
                    100_000,
                    "2026000105",
                ),
                Sameness::Possible,
            ),
            (
                reported("CAMT SE45 20261118 E3 490630170001", "2026-11-18", 100_000, ""),
                Sameness::Possible,
            ),
            // Another route without a number in common.
            (
                reported("CAMT SE45 20261118 E3 T-7777", "2026-11-18", 100_000, "2026000105"),
                Sameness::Possible,
            ),
            (
                reported("CAMT SE45 20261120 E3 T-7777", "2026-11-20", 100_000, "2026000105"),
                Sameness::Possible,
            ),
            (
                reported("CAMT SE45 20261118 E3 T-7777", "2026-11-18", 100_000, ""),
                Sameness::Possible,
            ),
            (reported("CAMT SE45 20261119 E3 T-7777", "2026-11-19", 100_000, ""), Sameness::Other),
            (
                reported("CAMT SE45 20261118 E3 T-7777", "2026-11-18", 100_000, "2026000204"),
                Sameness::Other,
            ),
            (
                reported("CAMT SE45 20261122 E3 T-7777", "2026-11-22", 100_000, "2026000105"),
                Sameness::Other,
            ),
            // Paid twice: Bankgirot distinguishes them.
            (
                reported(
                    "BG 50501055 20261118 00074 490630170002",
                    "2026-11-18",
                    100_000,
                    "2026000105",
                ),
                Sameness::Other,
            ),
            (reported(BG, "2026-11-18", 100_001, "2026000105"), Sameness::Other),
        ] {
            assert_eq!(sameness(&first, &other), expected, "{other:?}");
            assert_eq!(sameness(&other, &first), expected, "{other:?}");
        }
    }

    #[test]
    fn two_payments_of_an_entry_are_not_the_same() {
        let one = reported("CAMT SE45 20261118 BATCH-77 TX-1001", "2026-11-18", 10_000, "");
        let other = reported("CAMT SE45 20261118 BATCH-77 TX-1002", "2026-11-18", 10_000, "");
        assert_eq!(sameness(&one, &other), Sameness::Other);
        let payer = |number| ReportedPayment {
            payer_org_number: Some(number),
            ..reported("CAMT SE46 20261118 TX-9", "2026-11-18", 10_000, "")
        };
        let of = ReportedPayment { payer_org_number: Some("222000-1834"), ..one.clone() };
        assert_eq!(sameness(&of, &payer("222000-2568")), Sameness::Other);
        assert_eq!(sameness(&of, &payer("222000-1834")), Sameness::Possible);
    }
}
