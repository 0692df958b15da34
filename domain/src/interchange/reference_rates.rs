//! reference_rates.csv: recorded reference rates. Rates that are built into the program are in no
//! file.

use std::collections::HashMap;

use ::entity::{
    money::Money,
    reference_rate::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::EntityTrait;

use super::{
    File,
    bulk_insert::Batch,
    export::session::{Export, PAGE_SIZE},
    import::session::Import,
    row::Cells,
};
use crate::{
    error::{LINE, Result},
    interest::{rates::half_year, reference_rates::rate},
};

/// A row of reference_rates.csv.
struct Draft {
    valid_from: NaiveDate,
    /// Per cent, with two decimals.
    rate: Money,
    source: String,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        valid_from: cells.day("valid_from"),
        rate: cells.decimal("rate"),
        source: cells.text("source", LINE),
    };
    cells.check(|errors| {
        let is_first = half_year(draft.valid_from) == draft.valid_from;
        errors.expect(
            is_first,
            "valid_from",
            "must be 1 January or 1 July, the first day of a half-year",
        );
        errors.expect(
            draft.rate.0.abs() <= 10_000,
            "rate",
            "must be -100 to 100 with at most two decimals",
        );
    });
    Some(draft)
}

/// Imports reference_rates.csv. A rate is identified by the first day of its half-year.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::ReferenceRates)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_names(File::ReferenceRates, &mut lines, "valid_from", |draft| {
                draft.valid_from.to_string()
            })
            .await?;
        // The table is small: two rows a year.
        let existing: HashMap<NaiveDate, Model> = Entity::find()
            .all(import.tx())
            .await?
            .into_iter()
            .map(|row| (row.valid_from, row))
            .collect();
        let mut batch = Batch::default();
        for line in lines {
            let Some(draft) = import.accept(File::ReferenceRates, |_| String::new(), line) else {
                continue;
            };
            let after = rate(draft.valid_from, draft.rate.0, draft.source);
            let before = existing.get(&after.valid_from);
            import.put(File::ReferenceRates, before, after, &mut batch)?;
        }
        batch.write(import.tx()).await?;
        import.settle().await?;
    }
    Ok(())
}

/// Writes reference_rates.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export
        .in_order(&[Column::Id, Column::ValidFrom], |row: &Model| row.valid_from.to_string())
        .await?;
    let mut sheet = export.begin(File::ReferenceRates, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        for row in export.rows::<Model>(ids).await? {
            sheet.write([
                row.valid_from.to_string(),
                Money(row.hundredths).to_string(),
                row.source,
            ])?;
        }
    }
    export.end(sheet)
}
