//! Reports as columns and rows, which every format renders in its own style.

use std::borrow::Cow;

use chrono::NaiveDate;
use entity::{money::Money, total::Total};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

/// A report as columns and rows, the same for every format.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// A row of sums below the others; null: there is none. Files for programs omit it, because the
    /// amounts would be counted twice.
    pub total: Option<Vec<Cell>>,
}

/// A column of a report.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in files for programs, as `days_left`.
    pub name: &'static str,
    /// Its heading in tables and workbooks, as `Dagar kvar`.
    pub heading: Cow<'static, str>,
    /// Type of its cells.
    pub kind: Kind,
}

impl Column {
    /// Returns a column.
    #[must_use]
    pub fn new(name: &'static str, heading: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Self { name, heading: heading.into(), kind }
    }
}

/// Type of the cells of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A day.
    Day,
    /// A count that can be summed.
    Number,
    /// A count that must not be summed, because some items count in several rows.
    Distinct,
    /// Kronor.
    Money,
}

impl Kind {
    /// Returns `true` if the column is aligned to the right.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Distinct | Self::Money)
    }
}

/// A cell of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// An empty cell.
    Empty,
    /// Text.
    Text(String),
    /// A day.
    Day(NaiveDate),
    /// A number.
    Number(i64),
    /// An amount.
    Money(Money),
    /// A sum of amounts, which may be larger than any of them.
    Sum(Total),
}

impl Cell {
    /// Returns a cell of text, or an empty one.
    #[must_use]
    pub fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Empty, |text| Self::Text(text.into()))
    }

    /// Returns the cell as text for programs: days as `2026-12-31`, amounts as `26800.00`.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Day(day) => day.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Money(amount) => amount.to_string(),
            Self::Sum(sum) => sum.to_string(),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Day(day) => serializer.collect_str(day),
            Self::Number(number) => serializer.serialize_i64(*number),
            // A number with exactly two decimals; a float would drop or change some.
            Self::Money(_) | Self::Sum(_) => RawValue::from_string(self.plain())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

/// A row as a JSON object: each cell under its column's name.
struct Object<'g> {
    columns: &'g [Column],
    cells: &'g [Cell],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, cell) in self.columns.iter().zip(self.cells) {
            object.serialize_entry(column.name, cell)?;
        }
        object.end()
    }
}

impl Grid {
    /// Returns the rows as JSON objects.
    pub fn objects(&self) -> Vec<impl Serialize + '_> {
        self.rows.iter().map(|cells| Object { columns: &self.columns, cells }).collect()
    }

    /// Returns the row of sums as a JSON object.
    pub fn total_object(&self) -> Option<impl Serialize + '_> {
        self.total.as_deref().map(|cells| Object { columns: &self.columns, cells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_preserves_every_ore() {
        let columns =
            vec![Column::new("name", "Name", Kind::Text), Column::new("net", "Net", Kind::Money)];
        let rows = vec![
            vec![Cell::Text("Å \"b\"".into()), Cell::Money(Money::MAX)],
            vec![Cell::Empty, Cell::Money(Money(-5))],
            vec![Cell::Empty, Cell::Sum(Total(1100 << 53))],
        ];
        let grid = Grid { columns, rows, total: None };
        let json = serde_json::to_string(&grid.objects()).unwrap();
        let sum = r#"{"name":null,"net":99079191802150912.00}"#;
        assert_eq!(
            json,
            format!(
                r#"[{{"name":"Å \"b\"","net":10000000000.00}},{{"name":null,"net":-0.05}},{sum}]"#
            )
        );
    }
}
