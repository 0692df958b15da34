//! books_closing.csv: the day through which the books are closed, if they have been closed.

use ::entity::books_closing::{Column, Entity, Model};
use chrono::NaiveDate;
use sea_orm::EntityTrait;

use super::{
    File,
    bulk_insert::Batch,
    export::session::{Export, optional},
    import::session::Import,
    row::Cells,
};
use crate::{
    books,
    error::{LINE, Result},
};

/// A row of books_closing.csv.
struct Draft {
    closed_through: Option<NaiveDate>,
    reason: Option<String>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    Some(Draft {
        closed_through: cells.optional_day("closed_through"),
        reason: cells.optional_text("reason", LINE),
    })
}

/// Imports books_closing.csv, which has at most one row.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::BooksClosing)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_names(File::BooksClosing, &mut lines, "", |_| {
                "the closing of the books".to_owned()
            })
            .await?;
        let before = Entity::find_by_id(books::id()).one(import.tx()).await?;
        let mut batch = Batch::default();
        for line in lines {
            let Some(Draft { closed_through, reason }) =
                import.accept(File::BooksClosing, |_| String::new(), line)
            else {
                continue;
            };
            let after = Model { id: books::id(), closed_through, reason };
            import.put(File::BooksClosing, before.as_ref(), after, &mut batch)?;
        }
        batch.write(import.tx()).await?;
        import.settle().await?;
    }
    Ok(())
}

/// Writes books_closing.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order(&[Column::Id], |row: &Model| row.id.0.to_string()).await?;
    let mut sheet = export.begin(File::BooksClosing, order.len())?;
    for row in export.rows::<Model>(&order).await? {
        sheet.write([optional(row.closed_through), row.reason.unwrap_or_default()])?;
    }
    export.end(sheet)
}
