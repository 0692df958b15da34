//! Partial rows: only the selected columns are decoded, because decoding is the largest part of a
//! list's cost.

use sea_orm::{DbErr, EntityTrait, QueryResult};

/// A row that can be read from a statement that selects some of its columns.
pub trait PartialRow: Sized {
    /// The table's entity.
    type Entity: EntityTrait;

    /// Returns the row with the values of `columns`, which the statement selects first, in this
    /// order; every other field has its default.
    ///
    /// # Errors
    /// A value that its field can't hold.
    fn read(
        row: &QueryResult,
        columns: &[<Self::Entity as EntityTrait>::Column],
    ) -> Result<Self, DbErr>;

    /// Returns every column, to read a complete row.
    fn every_column() -> Vec<<Self::Entity as EntityTrait>::Column>;
}

/// A column of a row's table.
pub type Column<M> = <<M as PartialRow>::Entity as EntityTrait>::Column;

/// Implements [`PartialRow`] for the `Model` of the file that calls it: each field with its column.
macro_rules! partial {
    ($($field:ident: $column:ident),* $(,)?) => {
        impl crate::partial::PartialRow for Model {
            type Entity = Entity;

            fn read(row: &sea_orm::QueryResult, columns: &[Column]) -> Result<Self, sea_orm::DbErr> {
                let mut model = Self::default();
                for (position, column) in columns.iter().enumerate() {
                    match column {
                        $(Column::$column => model.$field = row.try_get_by_index(position)?,)*
                    }
                }
                Ok(model)
            }

            fn every_column() -> Vec<Column> {
                vec![$(Column::$column),*]
            }
        }
    };
}
pub(crate) use partial;
