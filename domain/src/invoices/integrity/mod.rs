//! Integrity of stored invoices: checks their sums, days and numbers.

pub mod credit_notes;
pub mod documents;

use std::{
    cmp::max,
    collections::{BTreeSet, HashMap},
};

use ::entity::{
    adjustment,
    dated_amount::DatedAmount,
    id::InvoiceId,
    invoice::{Column, Entity, Model},
    invoice_line,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
    partial::PartialRow,
    payment,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, Order,
    sea_query::{Expr, Query},
};

use super::{
    adjustments::sum,
    aggregate::InvoiceAggregate,
    amounts::{Priced, Settlement, Share, rates_fit_together, totals},
    counted_payments, date_order, loading,
    naming::name,
    number_series::GapFinder,
    payment_allocation::{self, AllocationChanges, NO_LINE},
    stored_allocation,
};
use crate::{
    audit::{Gaps, date_order::sort_out},
    database::{among, rows},
    error::Result,
    findings::Findings,
};

/// Invoices that are checked together, which bounds the memory.
const CHUNK: u64 = 500;

/// Returns a sentence for each stored invoice that does not follow from its lines, payments and
/// credit notes, and for each number that is missing in a series. `db` must be a snapshot:
/// otherwise a write between two statements looks like a violation.
pub async fn findings(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut found = Findings::from(sums(db, None, None, |_| {}).await?);
    found.extend(series(db).await?);
    found.violations.extend(documents::violations(db).await?);
    Ok(found)
}

/// Checks that the sums of the invoices with an id after `after` and up to `last` follow from their
/// lines, payments and credit notes. Returns a sentence for each violation, and passes every
/// invoice to `each`.
pub async fn sums(
    db: &impl ConnectionTrait,
    mut after: Option<InvoiceId>,
    last: Option<InvoiceId>,
    mut each: impl FnMut(&InvoiceAggregate),
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let columns = Model::every_column();
    loop {
        let select = Query::select()
            .columns(columns.iter().copied())
            .from(Entity)
            .and_where_option(after.map(|after| Column::Id.gt(after)))
            .and_where_option(last.map(|last| Column::Id.lte(last)))
            .order_by(Column::Id, Order::Asc)
            .limit(CHUNK)
            .take();
        let invoices = rows::<Model>(db, &select, &columns).await?;
        let Some(end) = invoices.last() else { return Ok(found) };
        after = Some(end.id);
        check(db, invoices, &mut found, &mut each).await?;
    }
}

/// Checks these invoices as [`sums`] does.
pub async fn sums_of(
    db: &impl ConnectionTrait,
    invoices: &BTreeSet<InvoiceId>,
) -> Result<Vec<String>> {
    let (mut found, columns) = (Vec::new(), Model::every_column());
    let ids: Vec<InvoiceId> = invoices.iter().copied().collect();
    for ids in ids.chunks(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        let theirs = among(db.get_database_backend(), Expr::col(Column::Id), ids.iter().copied());
        let select =
            Query::select().columns(columns.iter().copied()).from(Entity).and_where(theirs).take();
        check(db, rows::<Model>(db, &select, &columns).await?, &mut found, &mut |_| {}).await?;
    }
    Ok(found)
}

/// Returns the invoice in the middle of all, so that two halves can be checked concurrently; `None`
/// if there are no invoices.
pub async fn middle(db: &impl ConnectionTrait) -> Result<Option<InvoiceId>> {
    let half = Query::select().expr(Expr::cust("COUNT(*) / 2")).from(Entity).take();
    let half: i64 = db
        .query_one(&half)
        .await?
        .map(|row| row.try_get_by_index(0))
        .transpose()?
        .unwrap_or_default();
    let select = Query::select()
        .column(Column::Id)
        .from(Entity)
        .order_by(Column::Id, Order::Asc)
        .limit(1)
        .offset(half.unsigned_abs())
        .take();
    Ok(db.query_one(&select).await?.map(|row| row.try_get_by_index(0)).transpose()?)
}

async fn check(
    db: &impl ConnectionTrait,
    invoices: Vec<Model>,
    found: &mut Vec<String>,
    each: &mut impl FnMut(&InvoiceAggregate),
) -> Result<()> {
    let mut parts = Parts::of(db, &invoices).await?;
    for invoice in invoices {
        let id = invoice.id;
        let (lines, payments) = (
            parts.lines.remove(&id).unwrap_or_default(),
            parts.payments.remove(&id).unwrap_or_default(),
        );
        let adjustments = parts.adjustments.remove(&id).unwrap_or_default();
        let aggregate = InvoiceAggregate { row: invoice, lines, payments, adjustments };
        each(&aggregate);
        let violations = parts.check(&aggregate);
        if !violations.is_empty() {
            let name = name(&aggregate.row);
            found.extend(violations.into_iter().map(|violation| format!("{name} {violation}")));
        }
    }
    Ok(())
}

/// Returns the numbers that are missing in the series of invoices and credit notes, and the days
/// that don't follow the numbers. They are violations, or notes for imported history.
pub async fn series(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut gaps = Gaps::default();
    let (mut of_invoices, mut of_credit_notes) = (GapFinder::default(), GapFinder::default());
    let inversions = date_order::inversions(db, |kind, row| {
        let (series, of) = match kind {
            InvoiceKind::Invoice => (&mut of_invoices, "invoice"),
            InvoiceKind::CreditNote => (&mut of_credit_notes, "credit note"),
        };
        if let Some(missing) = row.number.as_deref().and_then(|number| series.next(number)) {
            gaps.add(row.id, format!("the {of} series lacks {missing}"));
        }
    })
    .await?;
    let mut found = gaps.sort_out(db).await?;
    let (violations, notes) = sort_out(db, inversions).await?;
    found.extend(Findings { violations, notes });
    Ok(found)
}

/// Parts of a chunk of invoices.
#[derive(Default)]
struct Parts {
    lines: HashMap<InvoiceId, Vec<invoice_line::Model>>,
    payments: HashMap<InvoiceId, Vec<payment::Model>>,
    adjustments: HashMap<InvoiceId, Vec<adjustment::Model>>,
    /// The stored allocation of payments to lines.
    stored: HashMap<InvoiceId, AllocationChanges>,
    credit_notes: HashMap<InvoiceId, Vec<InvoiceAggregate>>,
}

impl Parts {
    async fn of(db: &impl ConnectionTrait, invoices: &[Model]) -> Result<Self> {
        let backend = db.get_database_backend();
        let ids = || invoices.iter().map(|invoice| invoice.id);
        let mut parts = Self::default();
        let lines = Query::select()
            .columns(invoice_line::Model::every_column())
            .from(invoice_line::Entity)
            .and_where(among(backend, Expr::col(invoice_line::Column::InvoiceId), ids()))
            .order_by(invoice_line::Column::Position, Order::Asc)
            .take();
        for line in
            rows::<invoice_line::Model>(db, &lines, &invoice_line::Model::every_column()).await?
        {
            parts.lines.entry(line.invoice_id).or_default().push(line);
        }
        let payments = Query::select()
            .columns(payment::Model::every_column())
            .from(payment::Entity)
            .and_where(among(backend, Expr::col(payment::Column::InvoiceId), ids()))
            .take();
        let mut found =
            rows::<payment::Model>(db, &payments, &payment::Model::every_column()).await?;
        parts.stored = stored_allocation::stored(db, ids()).await?;
        found.sort_by(|one, other| {
            counted_payments::order(one).cmp(&counted_payments::order(other))
        });
        for payment in found {
            parts.payments.entry(payment.invoice_id).or_default().push(payment);
        }
        parts.adjustments = loading::adjustments_of(db, ids().collect()).await?;
        parts.credit_notes = loading::notes_of(db, ids().collect()).await?;
        Ok(parts)
    }

    /// Returns the violations of an invoice.
    fn check(&self, aggregate: &InvoiceAggregate) -> Vec<String> {
        let mut found = Vec::new();
        let InvoiceAggregate { row: invoice, lines, payments, .. } = aggregate;
        let credit_notes =
            self.credit_notes.get(&invoice.id).map(Vec::as_slice).unwrap_or_default();
        // A credit note depends on those before it, so it is checked with its invoice.
        if lines.iter().all(|line| line.credits_line_id.is_none()) {
            add_up(invoice, lines, &mut found);
        }
        found.extend(
            credit_notes::violations(aggregate, credit_notes)
                .into_iter()
                .map(|(_, sentence)| sentence),
        );
        self.check_allocation(aggregate, credit_notes, &mut found);
        for payment in payments {
            if invoice.issued_on.is_none_or(|issued_on| payment.received_on < issued_on) {
                found.push(format!(
                    "has the payment {:?} on {}, before it was issued",
                    payment.reference, payment.received_on
                ));
            }
        }
        let credits: Vec<_> = credit_notes
            .iter()
            .filter_map(|note| Some(DatedAmount::new(note.row.issued_on?, note.row.total)))
            .collect();
        // Credit notes and drafts are never settled.
        let mut settled = aggregate.clone();
        Settlement::default().write(&mut settled.row);
        settled.settle(&credits);
        let settled = settled.row;
        let days = |row: &Model| [row.first_paid_on, row.settled_on, row.credited_on];
        if (invoice.paid, invoice.credited) != (settled.paid, settled.credited) {
            let sentence = format!(
                "says that {} is paid and {} credited, but its payments come to {} and its credit notes to {}",
                invoice.paid, invoice.credited, settled.paid, settled.credited
            );
            found.push(sentence);
        } else if invoice.written_off != settled.written_off {
            let sentence = format!(
                "says that {} is written off, but its write-offs come to {}",
                invoice.written_off, settled.written_off
            );
            found.push(sentence);
        } else if days(invoice) != days(&settled) && invoice.kind == InvoiceKind::Invoice {
            found.push("has days of payment or settlement that don't follow from its payments and credit notes".to_owned());
        }
        if settled.credited > max(Money::ZERO, invoice.total) {
            found.push(format!(
                "is credited with {}, more than its total of {}",
                settled.credited, invoice.total
            ));
        }
        found
    }

    /// Adds a sentence for each allocation that differs from the payments and credit notes, by line
    /// or by day.
    fn check_allocation(
        &self,
        invoice: &InvoiceAggregate,
        notes: &[InvoiceAggregate],
        found: &mut Vec<String>,
    ) {
        let nothing = AllocationChanges::new();
        let (stored, expected) = (
            self.stored.get(&invoice.row.id).unwrap_or(&nothing),
            payment_allocation::moves(invoice, notes),
        );
        // Independent of the rule: every öre that was paid is allocated.
        let (allocated, paid): (Money, Money) = (
            stored.values().map(|share| share.gross()).sum(),
            invoice.payments.iter().map(|payment| payment.amount).sum::<Money>()
                - sum(&invoice.adjustments, AdjustmentKind::Refund),
        );
        if allocated != paid {
            found.push(format!(
                "has {allocated} allocated to its lines and to none, but {paid} was paid"
            ));
        }
        for key @ (day, position) in stored.keys().chain(expected.keys()).collect::<BTreeSet<_>>() {
            let of = |moves: &AllocationChanges| moves.get(key).copied().unwrap_or_default();
            let (stored, expected) = (of(stored), of(&expected));
            if stored != expected {
                let line = if *position == NO_LINE {
                    "no line".to_owned()
                } else {
                    format!("line {position}")
                };
                found.push(format!(
                    "has {} allocated to {line} on {day}, but it must be {}",
                    amount(stored),
                    amount(expected)
                ));
            }
        }
    }
}

/// Formats the amount that is allocated to a line or to none.
fn amount(share: Share) -> String {
    format!("{} and VAT {}", share.net, share.vat)
}

/// Adds a sentence for each sum of an invoice that its lines don't add up to.
fn add_up(invoice: &Model, lines: &[invoice_line::Model], found: &mut Vec<String>) {
    let priced: Vec<_> = lines
        .iter()
        .map(|line| Priced {
            quantity: line.quantity,
            unit_price: line.unit_price,
            rate: line.vat_rate,
        })
        .collect();
    let Some(expected) = totals(&priced, invoice.rounding) else {
        found.push("has lines whose sum exceeds the largest amount".to_owned());
        return;
    };
    for (line, share) in lines.iter().zip(&expected.lines) {
        if (line.net, line.vat) != (share.net, share.vat) {
            found.push(format!(
                "has line {} with net {} and VAT {}, but they must be {} and {}",
                line.position, line.net, line.vat, share.net, share.vat
            ));
        }
    }
    if (invoice.net, invoice.vat, invoice.total) != (expected.net, expected.vat, expected.total) {
        found.push(format!(
            "says net {}, VAT {} and total {}, but its lines come to {}, {} and {}",
            invoice.net, invoice.vat, invoice.total, expected.net, expected.vat, expected.total
        ));
    }
    if !rates_fit_together(lines.iter().map(|line| line.vat_rate)) {
        found.push("has lines outside the scope of VAT together with others".to_owned());
    }
}
