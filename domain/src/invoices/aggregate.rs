//! Invoices with what belongs to them, as changes look at them and as the audit trail keeps them.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment,
    id::InvoiceId,
    invoice, invoice_line,
    kind::{Form, InvoiceKind, SubjectKind},
    money::Money,
    partial::PartialRow,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned, ser::SerializeMap};
use serde_json::Value;
use uuid::Uuid;

use super::{
    adjustments,
    amounts::{self, Priced, Share},
};
use crate::payments::record::{counted, order};
use crate::{
    audit::{Fields, Person, Personal, Recorded, forms, parts, to_value},
    database::{among, rows},
    error::{Error, Result},
    idempotency::{FromOutcome, Outcome},
};

/// An invoice with its lines and payments, as its audit entries show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvoiceAggregate {
    /// Its row.
    pub row: invoice::Model,
    /// Its lines, in order.
    pub lines: Vec<invoice_line::Model>,
    /// Its payments, in the order in which they pay it.
    pub payments: Vec<payment::Model>,
    /// Its refunds and write-offs, which have audit entries of their own.
    pub adjustments: Vec<adjustment::Model>,
}

/// A draft that a mutation deleted, in the form of its audit entry: another version of the program
/// reads it as it reads the trail.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Deleted {
    version: i32,
    record: Value,
}

impl Deleted {
    pub(super) fn of(draft: &InvoiceAggregate) -> Result<Self> {
        Ok(Self {
            version: InvoiceAggregate::VERSION,
            record: to_value(draft).map_err(Error::internal)?,
        })
    }

    fn read(self) -> serde_json::Result<InvoiceAggregate> {
        let mut record = forms::current::<InvoiceAggregate>(self.version, self.record)?;
        let mut take = |name| record.get_mut(name).map(Value::take).unwrap_or_default();
        let (lines, payments) = (read_all(take("lines"))?, read_all(take("payments"))?);
        Ok(InvoiceAggregate {
            row: serde_json::from_value(record)?,
            lines,
            payments,
            adjustments: Vec::new(),
        })
    }
}

/// Reads the parts of a record; a field that they have got since counts as its default.
fn read_all<R: Fields + Default + DeserializeOwned>(parts: Value) -> serde_json::Result<Vec<R>> {
    let defaults = to_value(&R::default())?;
    let parts: Vec<Value> = serde_json::from_value(parts)?;
    parts
        .into_iter()
        .map(|part| serde_json::from_value(forms::with_defaults(part, defaults.clone())))
        .collect()
}

/// Restores a draft that a mutation deleted, as it was then.
impl FromOutcome for InvoiceAggregate {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        Deleted::deserialize(&outcome.details).ok()?.read().ok()
    }
}

impl Fields for InvoiceAggregate {
    fn write<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        let Self { row, lines, payments, adjustments: _ } = self;
        row.write(map)?;
        map.serialize_entry("lines", &parts(lines))?;
        map.serialize_entry("payments", &parts(payments))
    }
}

impl Recorded for InvoiceAggregate {
    const FORM: Form = Form::Invoice;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Invoice, self.row.id.0)
    }

    fn record_id(&self) -> Uuid {
        self.row.id.0
    }

    /// The references often name people, whom one key of the invoice seals.
    fn personal(&self) -> Vec<Personal> {
        vec![Personal::of(Person::buyer(self.row.id), &["/our_reference", "/buyer_reference"])]
    }
}

impl InvoiceAggregate {
    /// Whether it is no draft.
    #[must_use]
    pub fn is_issued(&self) -> bool {
        self.row.issued_on.is_some()
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> String {
        let noun = if self.row.kind == InvoiceKind::CreditNote { "credit note" } else { "invoice" };
        format!("{noun} {}", self.row.number.as_deref().unwrap_or_default())
    }

    /// What each line makes of the sum.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        self.lines.iter().map(|line| Share { net: line.net, vat: line.vat }).collect()
    }

    /// Works out the sums of the document and of its lines, rounded by what `rounding` makes of net
    /// and VAT together. Answers whether they stay within what the register can count.
    #[must_use]
    pub fn calculate(&mut self, rounding: impl FnOnce(Money) -> Money) -> bool {
        let priced: Vec<Priced> = self
            .lines
            .iter()
            .map(|line| Priced {
                quantity: line.quantity,
                unit_price: line.unit_price,
                rate: line.vat_rate,
            })
            .collect();
        let Some(plain) = amounts::totals(&priced, Money::ZERO) else { return false };
        let rounding = rounding(plain.total);
        for (line, share) in self.lines.iter_mut().zip(plain.lines) {
            (line.net, line.vat) = (share.net, share.vat);
        }
        let row = &mut self.row;
        (row.net, row.vat, row.rounding, row.total) =
            (plain.net, plain.vat, rounding, plain.total + rounding);
        row.total.0.abs() <= Money::MAX.0
    }

    /// Works out the sums of the document from those of its lines and its rounding. Answers whether
    /// they stay within what the register can count; if not, they are none.
    #[must_use]
    pub fn add_up(&mut self) -> bool {
        let sum = |of: fn(&invoice_line::Model) -> Money| {
            self.lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(of(line).0))
        };
        let (Some(net), Some(vat)) = (sum(|line| line.net), sum(|line| line.vat)) else {
            return false;
        };
        let Some(total) = net.checked_add(vat).and_then(|sum| sum.checked_add(self.row.rounding.0))
        else {
            return false;
        };
        let is_small = [net, vat, total]
            .into_iter()
            .all(|sum| sum.unsigned_abs() <= Money::MAX.0.unsigned_abs());
        if is_small {
            (self.row.net, self.row.vat, self.row.total) = (Money(net), Money(vat), Money(total));
        }
        is_small
    }

    /// Works out what payments and these credit notes, by day and sum, make of an issued invoice.
    pub fn settle(&mut self, credits: &[(NaiveDate, Money)]) {
        if let (InvoiceKind::Invoice, Some(issued_on)) = (self.row.kind, self.row.issued_on) {
            let payments: Vec<_> = counted(&self.payments)
                .map(|payment| (payment.received_on, payment.amount))
                .collect();
            let mut settlement = amounts::settlement(self.row.total, issued_on, &payments, credits);
            adjustments::adjust(&mut settlement, self, credits);
            settlement.write(&mut self.row);
        }
    }
}

/// These invoices with what belongs to them, in a statement for each kind of thing; those that
/// aren't there are left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, InvoiceAggregate>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = invoice::Model::every_column();
    let select = Query::select()
        .from(invoice::Entity)
        .columns(columns.iter().map(|column| (invoice::Entity, *column)))
        .and_where(among(
            db.get_database_backend(),
            Expr::col(invoice::Column::Id),
            ids.iter().copied(),
        ))
        .take();
    let mut parts = parts_of(db, ids.clone()).await?;
    let aggregate = |row: invoice::Model| {
        let (lines, payments, adjustments) = parts.remove(&row.id).unwrap_or_default();
        (row.id, InvoiceAggregate { row, lines, payments, adjustments })
    };
    Ok(rows(db, &select, &columns).await?.into_iter().map(aggregate).collect())
}

type Parts = (Vec<invoice_line::Model>, Vec<payment::Model>, Vec<adjustment::Model>);

/// The lines, payments and adjustments of these invoices, in order.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn parts_of(
    db: &impl ConnectionTrait,
    ids: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Parts>> {
    let mut parts: HashMap<InvoiceId, Parts> = HashMap::new();
    if ids.is_empty() {
        return Ok(parts);
    }
    let columns = invoice_line::Model::every_column();
    let theirs = among(
        db.get_database_backend(),
        Expr::col(invoice_line::Column::InvoiceId),
        ids.iter().copied(),
    );
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(invoice_line::Entity)
        .and_where(theirs)
        .order_by(invoice_line::Column::InvoiceId, Order::Asc)
        .order_by(invoice_line::Column::Position, Order::Asc)
        .take();
    for line in rows::<invoice_line::Model>(db, &select, &columns).await? {
        parts.entry(line.invoice_id).or_default().0.push(line);
    }
    let columns = payment::Model::every_column();
    let theirs = among(
        db.get_database_backend(),
        Expr::col(payment::Column::InvoiceId),
        ids.iter().copied(),
    );
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(payment::Entity)
        .and_where(theirs)
        .take();
    let mut payments = rows::<payment::Model>(db, &select, &columns).await?;
    payments.sort_by(|one, other| order(one).cmp(&order(other)));
    for payment in payments {
        parts.entry(payment.invoice_id).or_default().1.push(payment);
    }
    for (invoice, own) in adjustments::of_invoices(db, ids).await? {
        parts.entry(invoice).or_default().2 = own;
    }
    Ok(parts)
}

/// Days and sums of the issued credit notes of each of these invoices.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn credits_of(
    db: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Vec<(NaiveDate, Money)>>> {
    let mut notes: HashMap<InvoiceId, Vec<(NaiveDate, Money)>> = HashMap::new();
    if invoices.is_empty() {
        return Ok(notes);
    }
    use invoice::Column::{CreditsId, IssuedOn, Total};
    let select = Query::select()
        .columns([CreditsId, IssuedOn, Total])
        .from(invoice::Entity)
        .and_where(among(db.get_database_backend(), Expr::col(CreditsId), invoices))
        .and_where(Expr::col(IssuedOn).is_not_null())
        .take();
    for row in db.query_all(&select).await? {
        notes
            .entry(row.try_get_by_index(0)?)
            .or_default()
            .push((row.try_get_by_index(1)?, row.try_get_by_index(2)?));
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_draft_is_read_by_a_version_with_more_fields() {
        let line = invoice_line::Model {
            description: "Kurs".into(),
            net: Money(100),
            ..invoice_line::Model::default()
        };
        let row =
            invoice::Model { id: InvoiceId::new(), net: Money(100), ..invoice::Model::default() };
        let draft = InvoiceAggregate { row, lines: vec![line], ..InvoiceAggregate::default() };
        let mut outcome = Outcome::default().detailed(&Deleted::of(&draft).unwrap()).unwrap();
        assert_eq!(outcome.details["version"], 1);
        assert_eq!(InvoiceAggregate::from_outcome(&outcome).as_ref(), Some(&draft));
        // As if a version of the program without these fields had stored it.
        for (pointer, field) in [
            ("/record", "credited_on"),
            ("/record", "rounding"),
            ("/record/lines/0", "account"),
            ("/record/lines/0", "vat"),
        ] {
            outcome
                .details
                .pointer_mut(pointer)
                .and_then(Value::as_object_mut)
                .unwrap()
                .remove(field)
                .unwrap();
        }
        assert_eq!(InvoiceAggregate::from_outcome(&outcome), Some(draft));
        assert_eq!(InvoiceAggregate::from_outcome(&Outcome::default()), None);
    }
}
