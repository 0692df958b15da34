//! Reads the rows of a CSV file for a fuzz target, without a database.

use std::path::Path;

use ::entity::{
    money::{Money, PerMille, Quantity},
    number::OrgNumber,
};

use super::{
    File,
    export::session::{instant, optional},
    import::report::BadRow,
    reader::{Next, Table},
    row::Cells,
};
use crate::error::{Result, TEXT};

/// The rows of a file by line, with each cell formatted as an export formats it; and the errors by
/// line.
pub type Rows = (Vec<(u64, Vec<String>)>, Vec<(u64, String)>);

/// Reads a file of the folder. The type of each column depends on its index, whatever its name.
///
/// # Errors
/// CONFLICT `FILE` when the disk fails.
pub fn rows(folder: &Path, file: File) -> Result<Rows> {
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    if let Some(mut table) = Table::open(folder, file, &mut bad)? {
        loop {
            match table.next()? {
                Next::Row(mut cells) => {
                    let line = cells.line;
                    let columns = file.columns().iter().chain(file.extra_columns());
                    let texts = columns
                        .enumerate()
                        .map(|(position, column)| text(&mut cells, position, column))
                        .collect();
                    let errors = cells.errors.into_inner();
                    if errors.is_empty() {
                        rows.push((line, texts));
                    }
                    bad.extend(
                        errors
                            .into_iter()
                            .map(|error| BadRow::new(file, line, &error.path, error.message)),
                    );
                }
                Next::Bad(row) => bad.push(row),
                Next::End => break,
            }
        }
    }
    Ok((rows, bad.into_iter().map(|row| (row.line, row.to_string())).collect()))
}

fn text(cells: &mut Cells<'_>, position: usize, column: &str) -> String {
    match position % 9 {
        0 => cells.optional_text(column, TEXT).unwrap_or_default(),
        1 => optional(cells.optional_decimal::<Money>(column)),
        2 => optional(cells.optional_day(column)),
        3 => cells.optional_instant(column).map(instant).unwrap_or_default(),
        4 => cells.list(column).join("|"),
        5 => optional(cells.optional_integer(column, -1000, 1000)),
        6 => optional(cells.optional_decimal::<PerMille>(column)),
        7 => optional(cells.optional_decimal::<Quantity>(column)),
        _ => optional(cells.optional::<OrgNumber>(column)),
    }
}
