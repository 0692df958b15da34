//! Tables for the terminal: one line a row if it fits, numbers to the right, kronor in Swedish
//! format.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};
use entity::{money::Money, total::Total};

use crate::{
    grid::{Cell, Grid, Kind},
    swedish,
};

/// A line under the header and no other.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Renders the grid as lines of text, each with its line break. Text is wrapped between words to
/// fit into `width` characters, if possible; `None`: no limit.
#[must_use]
pub fn render(grid: &Grid, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(grid.columns.iter().map(|column| column.heading.as_ref()));
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in grid.rows.iter().chain(&grid.total) {
        table.add_row(row.iter().map(shown));
    }
    for (position, column) in grid.columns.iter().enumerate() {
        let Some(shown) = table.column_mut(position) else { continue };
        // With the blank between columns that makes two.
        shown.set_padding((0, 1));
        if column.kind.is_number() {
            shown.set_cell_alignment(CellAlignment::Right);
        }
        // A broken number or word is worse than a long line.
        shown.set_constraint(match column.kind {
            Kind::Text => {
                ColumnConstraint::LowerBoundary(Width::Fixed(longest_word(grid, position)))
            }
            _ => ColumnConstraint::ContentWidth,
        });
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let is_rule = |line: &&String| !line.is_empty() && line.chars().all(|char| char == '─');
    if grid.total.is_some()
        && let Some(rule) = lines.iter().find(is_rule).cloned()
    {
        // The row of sums has hardly any text that could be wrapped, so it is the last line.
        lines.insert(lines.len().saturating_sub(1), rule);
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns the width of the longest word in a column that wraps nothing shorter.
fn longest_word(grid: &Grid, position: usize) -> u16 {
    let cells = grid.rows.iter().chain(&grid.total).filter_map(|row| row.get(position)).map(shown);
    let heading = grid.columns.get(position).map(|column| column.heading.to_string());
    let length =
        |text: String| text.split(' ').map(|word| word.chars().count()).max().unwrap_or_default();
    u16::try_from(cells.chain(heading).map(length).max().unwrap_or_default() + 1)
        .unwrap_or(u16::MAX)
}

fn shown(cell: &Cell) -> String {
    match cell {
        // Zeros would distract from the other amounts.
        Cell::Money(Money::ZERO) | Cell::Sum(Total::ZERO) => "–".to_owned(),
        Cell::Money(amount) => swedish::kronor(*amount),
        Cell::Sum(sum) => swedish::kronor(*sum),
        Cell::Number(number) if *number < 0 => {
            format!("\u{2212}{}", swedish::thousands(&number.unsigned_abs().to_string()))
        }
        Cell::Number(number) => swedish::thousands(&number.to_string()),
        other => other.plain(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::grid::Column;

    #[test]
    fn numbers_stand_to_the_right_and_sums_below_a_line() {
        let columns = vec![
            Column::new("name", "Name", Kind::Text),
            Column::new("net", "Net", Kind::Money),
            Column::new("on", "On", Kind::Day),
        ];
        let rows = vec![
            vec![
                Cell::Text("Åmål".into()),
                Cell::Money(Money(123_456_700)),
                Cell::Day(NaiveDate::default()),
            ],
            vec![Cell::Empty, Cell::Money(Money::ZERO), Cell::Empty],
        ];
        let total =
            Some(vec![Cell::Text("Total".into()), Cell::Money(Money(-123_456_700)), Cell::Empty]);
        let table = render(&Grid { columns, rows, total }, None);
        insta::assert_snapshot!(table.replace('\u{a0}', " "), @r"
        Name             Net  On
        ─────────────────────────────────
        Åmål    1 234 567,00  1970-01-01
                           –
        ─────────────────────────────────
        Total  −1 234 567,00
        ");
    }
}
