//! Partial rows: only the selected columns are decoded, because decoding is the largest part of a
//! list's cost.

use std::{any::Any, marker::PhantomData};

use chrono::NaiveDate;
use sea_orm::{
    DbErr, EntityTrait, QueryResult, TryGetable,
    sqlx::{Row, ValueRef, sqlite::SqliteRow},
};

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

/// Type of a field, which decides how its value is read: the method of an optional type, else that
/// of [`ReadValue`].
pub(crate) struct FieldType<T>(PhantomData<T>);

impl<T> FieldType<T> {
    /// Returns the type of a field.
    pub(crate) fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

impl<T: TryGetable + 'static> FieldType<Option<T>> {
    /// Reads a value that may be null. SeaORM would write an error for each null, and drop it.
    pub(crate) fn read(self, row: &QueryResult, position: usize) -> Result<Option<T>, DbErr> {
        let is_null = row
            .try_as_sqlite_row()
            .and_then(|row| row.try_get_raw(position).ok())
            .is_some_and(|value| value.is_null());
        if is_null { Ok(None) } else { value(row, position) }
    }
}

/// Reads a value that may not be null.
pub(crate) trait ReadValue<T> {
    /// Reads the value at this position of a row.
    fn read(self, row: &QueryResult, position: usize) -> Result<T, DbErr>;
}

impl<T: TryGetable + 'static> ReadValue<T> for FieldType<T> {
    fn read(self, row: &QueryResult, position: usize) -> Result<T, DbErr> {
        match value(row, position)? {
            Some(value) => Ok(value),
            // Returns the error of a null.
            None => row.try_get_by_index(position),
        }
    }
}

fn value<T: TryGetable + 'static>(row: &QueryResult, position: usize) -> Result<Option<T>, DbErr> {
    let mut value: Option<T> = None;
    if let Some(value) = (&mut value as &mut dyn Any).downcast_mut::<Option<NaiveDate>>() {
        *value = row.try_as_sqlite_row().and_then(|row| day(row, position));
    }
    match value {
        Some(value) => Ok(Some(value)),
        None => row.try_get_by_index(position),
    }
}

/// Returns the day that SQLite stores as a text, `2026-11-21`; `None` for any other value. Chrono
/// would interpret its format for each.
fn day(row: &SqliteRow, position: usize) -> Option<NaiveDate> {
    parse_day(row.try_get::<&str, _>(position).ok()?)
}

fn parse_day(text: &str) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
    let number = |digits: &[&u8]| {
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(*digit - b'0'))
        })
    };
    let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&[m1, m2])?, number(&[d1, d2])?)
}

/// Implements [`PartialRow`] for the `Model` of the file that calls it: each field with its column.
macro_rules! partial {
    ($($field:ident: $column:ident),* $(,)?) => {
        impl crate::partial::PartialRow for Model {
            type Entity = Entity;

            fn read(row: &sea_orm::QueryResult, columns: &[Column]) -> Result<Self, sea_orm::DbErr> {
                use crate::partial::{FieldType, ReadValue as _};
                let mut model = Self::default();
                for (position, column) in columns.iter().enumerate() {
                    match column {
                        $(Column::$column => {
                            model.$field = FieldType::of(&model.$field).read(row, position)?;
                        })*
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_parsed_as_chrono_does() {
        let days = [
            "2026-11-21",
            "2024-02-29",
            "2023-02-29",
            "0001-01-01",
            "9999-12-31",
            "2026-13-01",
            "2026-00-10",
            "2026-1-01",
            "+026-01-01",
            "2026-01-0a",
            "2026-01-01 ",
            "",
            "2026/01/01",
        ];
        for text in days {
            let known = NaiveDate::parse_from_str(text, "%F").ok().filter(|_| text.len() == 10);
            let known = known.filter(|_| !text.starts_with('+'));
            assert_eq!(parse_day(text), known, "{text}");
        }
    }
}
