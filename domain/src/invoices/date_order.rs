//! Order of numbers and days: in each series, a later number has no earlier day of issue.

use ::entity::{
    invoice::{Column, Model},
    kind::InvoiceKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait};

use super::{naming, number_series};
use crate::{
    audit::date_order::Inversion,
    date_order::{Document, Read, Table},
    error::Result,
};

/// Returns the invoices and credit notes that are dated before the previous number of their kind.
/// Calls `each` with the kind, id and number of every numbered document, in the order of the
/// numbers of its kind.
pub async fn inversions(
    db: &impl ConnectionTrait,
    mut each: impl FnMut(InvoiceKind, &Model),
) -> Result<Vec<Inversion>> {
    let mut found = Vec::new();
    for (kind, read) in
        [(InvoiceKind::Invoice, invoice as fn(_) -> _), (InvoiceKind::CreditNote, credit_note)]
    {
        let columns = [Column::NumberKey, Column::Id, Column::Number, Column::IssuedOn];
        let sentence = |later: &Document<NaiveDate>, earlier: &Document<NaiveDate>| {
            format!(
                "{} of {} follows {} of {}",
                later.name, later.dated, earlier.name, earlier.dated
            )
        };
        let of_kind = Condition::all().add(Column::Kind.eq(kind)).add(Column::Number.is_not_null());
        found.extend(
            Table { columns, read, sentence }
                .inversions(db, of_kind, |row| each(kind, row))
                .await?,
        );
    }
    Ok(found)
}

fn invoice(row: Model) -> Read<NaiveDate> {
    of_kind(row, InvoiceKind::Invoice)
}

fn credit_note(row: Model) -> Read<NaiveDate> {
    of_kind(row, InvoiceKind::CreditNote)
}

fn of_kind(row: Model, kind: InvoiceKind) -> Read<NaiveDate> {
    let row = Model { kind, ..row };
    let document = || {
        let series = number_series::series_of(row.number.as_deref()?)?.to_owned();
        Some(Document {
            id: row.id.into(),
            series,
            name: naming::name(&row),
            dated: row.issued_on?,
        })
    };
    let document = document();
    ((row.number_key, row.id.into()), document)
}
