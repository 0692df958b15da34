//! Invoice aggregates: invoices with their parts, for changes and for the audit trail.

use ::entity::{
    adjustment, invoice, invoice_line,
    kind::{Form, InvoiceKind, SubjectKind},
    money::Money,
    payment,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned, ser::SerializeMap};
use serde_json::Value;
use uuid::Uuid;

use super::amounts::{self, Priced, Share};
use crate::{
    audit::{Fields, Person, Personal, Recorded, forms, parts, to_value},
    error::{Error, Result},
    idempotency::{FromOutcome, Outcome},
};

/// An invoice with its lines and payments, in the form of its audit entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvoiceAggregate {
    /// Its row.
    pub row: invoice::Model,
    /// Its lines, in order.
    pub lines: Vec<invoice_line::Model>,
    /// Its payments, in the order in which they are applied.
    pub payments: Vec<payment::Model>,
    /// Its refunds and write-offs, which have audit entries of their own.
    pub adjustments: Vec<adjustment::Model>,
}

/// A draft that a mutation deleted, in the form of its audit entry. Other versions of the program
/// can read it, as they read the audit trail.
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

/// Reads the parts of a record. A field that was added since then gets its default.
fn read_all<R: Fields + Default + DeserializeOwned>(parts: Value) -> serde_json::Result<Vec<R>> {
    let defaults = to_value(&R::default())?;
    let parts: Vec<Value> = serde_json::from_value(parts)?;
    parts
        .into_iter()
        .map(|part| serde_json::from_value(forms::with_defaults(part, defaults.clone())))
        .collect()
}

/// Restores a draft that a mutation deleted.
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

    /// References often name people, so they are sealed by one key for the invoice.
    fn personal(&self) -> Vec<Personal> {
        vec![Personal::of(Person::buyer(self.row.id), &["/our_reference", "/buyer_reference"])]
    }
}

impl InvoiceAggregate {
    /// `true` if it is issued.
    #[must_use]
    pub fn is_issued(&self) -> bool {
        self.row.issued_on.is_some()
    }

    /// Returns its name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        let noun = if self.row.kind == InvoiceKind::CreditNote { "credit note" } else { "invoice" };
        format!("{noun} {}", self.row.number.as_deref().unwrap_or_default())
    }

    /// Returns the share of each line in the sum.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        self.lines.iter().map(|line| Share { net: line.net, vat: line.vat }).collect()
    }

    /// Calculates the sums of the document and of its lines; `rounding` gets net and VAT together.
    /// Returns `false` if a sum is too large.
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

    /// Calculates the sums of the document from its lines and its rounding. Returns `false` if a
    /// sum is too large; the sums are zero then.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::entity::id::InvoiceId;

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
        // As if a version without these fields had stored it.
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
