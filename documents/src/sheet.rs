//! Files for spreadsheets and programs: CSV (RFC 4180) and XLSX.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use entity::total::Total;
use rust_xlsxwriter::{
    Chart as Drawing, ChartType, ColNum, DocProperties, ExcelDateTime, Format, FormatAlign,
    FormatBorder, Formula, RowNum, Workbook, Worksheet, XlsxError,
};

use crate::{
    error::{Error, Result},
    formula,
    grid::{Cell, Grid, Kind},
};

/// Renders the grid as CSV in UTF-8: a header line with the columns' names, CRLF at the end of
/// every line, amounts as `26800.00`. An apostrophe precedes texts that a spreadsheet would take
/// for formulas.
///
/// # Errors
/// [`Error::Internal`] if writing fails, which does not happen in memory.
pub fn csv(grid: &Grid) -> Result<Vec<u8>> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(grid.columns.iter().map(|column| column.name)).map_err(Error::internal)?;
    for row in &grid.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(text) => formula::neutralized(text),
            other => Cow::Owned(other.plain()),
        });
        writer.write_record(cells.map(|cell| cell.into_owned())).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(|error| Error::internal(error.into_error()))
}

/// Metadata of a workbook.
#[derive(Clone, Debug)]
pub struct About {
    /// Name of its sheet, at most 31 characters.
    pub sheet: String,
    /// Its title.
    pub title: String,
    /// Time at which it was made.
    pub made_at: DateTime<Utc>,
}

/// Amounts in two dimensions, as a table with its chart on a sheet of its own.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Name of its sheet, at most 31 characters.
    pub sheet: String,
    /// Its title.
    pub title: String,
    /// Headings of the table's columns. Each is a series of the chart with its own color.
    pub series: Vec<String>,
    /// Labels along the chart's axis, with an amount for each of the series.
    pub rows: Vec<(String, Vec<Total>)>,
}

/// Renders a workbook for people with these sheets, each a grid under its name of at most 31
/// characters. Headings are Swedish.
///
/// # Errors
/// [`Error::TooLong`] if a sheet has more than [`MAX_ROWS`].
pub fn workbook_of(
    title: &str,
    made_at: DateTime<Utc>,
    sheets: &[(String, Grid)],
) -> Result<Vec<u8>> {
    sheets.iter().try_for_each(|(_, grid)| check_size(grid))?;
    let written = || {
        let mut book = new_book(title, made_at)?;
        for (name, grid) in sheets {
            fill(book.add_worksheet(), name, grid)?;
        }
        book.save_to_buffer()
    };
    written().map_err(Error::internal)
}

fn check_size(grid: &Grid) -> Result<()> {
    let rows = grid.rows.len();
    if rows > MAX_ROWS {
        let message = format!(
            "the workbook has {rows} rows and can have {MAX_ROWS}; choose CSV, or fewer rows"
        );
        return Err(Error::TooLong(message));
    }
    Ok(())
}

fn new_book(title: &str, made_at: DateTime<Utc>) -> Result<Workbook, XlsxError> {
    let mut book = Workbook::new();
    let made_at = ExcelDateTime::from_timestamp(made_at.timestamp())?;
    book.set_properties(
        &DocProperties::new()
            .set_title(title)
            .set_author("Samregister")
            .set_creation_datetime(&made_at),
    );
    Ok(book)
}

/// Renders the grid as a workbook: the header is frozen, amounts are numbers, and sums are formulas
/// over the rows. A chart comes second, and last an optional further grid under the name of its
/// sheet. A server calls it in its worker pool.
///
/// # Errors
/// [`Error::TooLong`] if it has more than [`MAX_ROWS`].
pub fn xlsx(
    grid: &Grid,
    about: &About,
    chart: Option<&Chart>,
    more: Option<(&str, &Grid)>,
) -> Result<Vec<u8>> {
    check_size(grid)?;
    workbook(grid, about, chart, more).map_err(Error::internal)
}

/// Maximum number of rows of a workbook, so that it is made in two seconds; CSV has no limit.
pub const MAX_ROWS: usize = 20_000;
/// Maximum width of a column of text, in characters.
const MAX_COLUMN_WIDTH: usize = 60;

fn workbook(
    grid: &Grid,
    about: &About,
    chart: Option<&Chart>,
    more: Option<(&str, &Grid)>,
) -> Result<Vec<u8>, XlsxError> {
    let mut book = new_book(&about.title, about.made_at)?;
    fill(book.add_worksheet(), &about.sheet, grid)?;
    if let Some(chart) = chart {
        draw(book.add_worksheet(), chart)?;
    }
    if let Some((name, grid)) = more {
        fill(book.add_worksheet(), name, grid)?;
    }
    book.save_to_buffer()
}

/// Writes a grid onto a sheet.
fn fill(sheet: &mut Worksheet, name: &str, grid: &Grid) -> Result<(), XlsxError> {
    sheet.set_name(name)?.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    for (position, column) in (0..).zip(&grid.columns) {
        let align = if column.kind.is_number() { FormatAlign::Right } else { FormatAlign::Left };
        let header =
            Format::new().set_bold().set_border_bottom(FormatBorder::Thin).set_align(align);
        sheet.write_string_with_format(0, position, column.heading.as_ref(), &header)?;
        sheet.set_column_width(position, width(grid, usize::from(position)))?;
        let format = format_of(column.kind);
        for (row, cells) in (1..).zip(&grid.rows) {
            if let Some(cell) = cells.get(usize::from(position)) {
                write(sheet, row, position, cell, &format)?;
            }
        }
    }
    if let Some(total) = &grid.total {
        write_total(sheet, grid, total)?;
    }
    // The rows only, so that the totals stay at the bottom after filtering and sorting; if there
    // are no rows, the header.
    let last_row = RowNum::try_from(grid.rows.len()).unwrap_or(RowNum::MAX);
    if let Some(last_column) =
        grid.columns.len().checked_sub(1).and_then(|last| ColNum::try_from(last).ok())
    {
        sheet.autofilter(0, 0, last_row, last_column)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

/// Writes the table of a chart, its sums as formulas, and the chart below it.
fn draw(sheet: &mut Worksheet, chart: &Chart) -> Result<(), XlsxError> {
    let Chart { sheet: name, title, series, rows } = chart;
    let header = || Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
    let total = || format_of(Kind::Money).set_bold().set_border_top(FormatBorder::Thin);
    let last = RowNum::try_from(rows.len()).unwrap_or(RowNum::MAX);
    let sums = ColNum::try_from(series.len() + 1).unwrap_or(ColNum::MAX);
    sheet.set_name(name)?.set_landscape().set_print_fit_to_pages(1, 0).set_freeze_panes(1, 1)?;
    let widest = rows.iter().map(|(name, _)| name.chars().count()).fold(TOTAL.len(), usize::max);
    sheet.set_column_width(0, (widest.min(MAX_COLUMN_WIDTH) + 2) as f64)?;
    sheet.write_string_with_format(0, 0, "", &header())?;
    for (column, name) in (1..).zip(series.iter().map(String::as_str).chain([TOTAL])) {
        sheet.write_string_with_format(0, column, name, &header().set_align(FormatAlign::Right))?;
        sheet.set_column_width(column, 16)?;
    }
    for (row, (name, amounts)) in (1..).zip(rows) {
        sheet.write_string(row, 0, name)?;
        for (column, amount) in (1..).zip(amounts) {
            sheet.write_number_with_format(
                row,
                column,
                kronor(*amount),
                &format_of(Kind::Money),
            )?;
        }
        let sum = sum((row, 1), (row, sums - 1), amounts.iter().copied().sum());
        sheet.write_formula_with_format(row, sums, sum, &format_of(Kind::Money).set_bold())?;
    }
    sheet.write_string_with_format(last + 1, 0, TOTAL, &total())?;
    for column in 1..=sums {
        let of_row = |amounts: &Vec<Total>| match amounts.get(usize::from(column) - 1) {
            Some(amount) => *amount,
            None => amounts.iter().copied().sum(),
        };
        let sum =
            sum((1, column), (last, column), rows.iter().map(|(_, amounts)| of_row(amounts)).sum());
        sheet.write_formula_with_format(last + 1, column, sum, &total())?;
    }
    let mut drawing = Drawing::new(ChartType::Column);
    drawing.title().set_name(title);
    drawing.y_axis().set_num_format("#,##0");
    drawing.set_width(960).set_height(480).set_alt_text(format!("{title}, som i tabellen ovanför"));
    for column in 1..sums {
        let of_column = |row| (name.as_str(), row, column, last, column);
        drawing
            .add_series()
            .set_name((name.as_str(), 0, column))
            .set_categories((name.as_str(), 1, 0, last, 0))
            .set_values(of_column(1));
    }
    sheet.insert_chart(last + 3, 0, &drawing)?;
    Ok(())
}

/// Label of the row and the column of sums.
const TOTAL: &str = "Summa";

/// Returns the formula of the sum of these cells, with its result for programs that do not
/// calculate.
fn sum(
    (from_row, from): (RowNum, ColNum),
    (to_row, to): (RowNum, ColNum),
    result: Total,
) -> Formula {
    let cell = rust_xlsxwriter::utility::row_col_to_cell;
    Formula::new(format!("=SUM({}:{})", cell(from_row, from), cell(to_row, to)))
        .set_result(result.to_string())
}

fn format_of(kind: Kind) -> Format {
    match kind {
        Kind::Text => Format::new(),
        Kind::Day => Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left),
        Kind::Number | Kind::Distinct => Format::new().set_num_format("#,##0"),
        // The spreadsheet formats groups and decimals in its own language.
        Kind::Money => Format::new().set_num_format("#,##0.00"),
    }
}

fn write(
    sheet: &mut Worksheet,
    row: RowNum,
    column: ColNum,
    cell: &Cell,
    format: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) => _ = sheet.write_string_with_format(row, column, text, format)?,
        Cell::Day(day) => _ = sheet.write_datetime_with_format(row, column, date(*day)?, format)?,
        Cell::Number(number) => {
            _ = sheet.write_number_with_format(row, column, *number as f64, format)?
        }
        Cell::Money(amount) => {
            _ = sheet.write_number_with_format(row, column, kronor((*amount).into()), format)?
        }
        Cell::Sum(sum) => _ = sheet.write_number_with_format(row, column, kronor(*sum), format)?,
    }
    Ok(())
}

fn write_total(sheet: &mut Worksheet, grid: &Grid, total: &[Cell]) -> Result<(), XlsxError> {
    let last = RowNum::try_from(grid.rows.len()).unwrap_or(RowNum::MAX);
    for ((position, column), cell) in (0..).zip(&grid.columns).zip(total) {
        let format = format_of(column.kind).set_bold().set_border_top(FormatBorder::Thin);
        let can_be_added = matches!(column.kind, Kind::Number | Kind::Money) && last > 0;
        match cell {
            Cell::Money(_) | Cell::Sum(_) | Cell::Number(_) if can_be_added => {
                let letters = rust_xlsxwriter::utility::column_number_to_name(position);
                let formula = Formula::new(format!("=SUM({letters}2:{letters}{})", last + 1))
                    .set_result(cell.plain());
                sheet.write_formula_with_format(last + 1, position, formula, &format)?;
            }
            Cell::Empty => _ = sheet.write_blank(last + 1, position, &format)?,
            _ => write(sheet, last + 1, position, cell, &format)?,
        }
    }
    Ok(())
}

fn date(day: NaiveDate) -> Result<ExcelDateTime, XlsxError> {
    let part = |part: u32| u8::try_from(part).unwrap_or_default();
    ExcelDateTime::from_ymd(
        u16::try_from(day.year()).unwrap_or_default(),
        part(day.month()),
        part(day.day()),
    )
}

/// Spreadsheets have floats only; up to 2^46 kronor the nearest float shows the exact öre.
fn kronor(amount: Total) -> f64 {
    amount.0 as f64 / 100.0
}

fn width(grid: &Grid, position: usize) -> f64 {
    let cells =
        grid.rows.iter().chain(&grid.total).filter_map(|row| row.get(position)).map(|cell| {
            match cell {
                // Room for the spaces between groups of three.
                Cell::Money(_) | Cell::Sum(_) | Cell::Number(_) => {
                    cell.plain().len() + cell.plain().len() / 3
                }
                other => other.plain().chars().count(),
            }
        });
    // Room for the button of the filter.
    let heading = grid.columns.get(position).map_or(0, |column| column.heading.chars().count() + 3);
    (cells.fold(heading, usize::max).min(MAX_COLUMN_WIDTH) + 2) as f64
}

#[cfg(test)]
mod tests {
    use entity::money::Money;

    use super::*;
    use crate::grid::Column;

    fn grid() -> Grid {
        let columns = vec![
            Column::new("name", "Name", Kind::Text),
            Column::new("net", "Net", Kind::Money),
            Column::new("invoices", "Invoices", Kind::Distinct),
            Column::new("on", "On", Kind::Day),
        ];
        let rows = vec![
            vec![
                Cell::Text("Umeå, \"nya\"\n=1+1".into()),
                Cell::Money(Money(146_739_360)),
                Cell::Number(2),
                Cell::Day(NaiveDate::default()),
            ],
            vec![Cell::Empty, Cell::Money(Money(-5)), Cell::Number(1), Cell::Empty],
        ];
        let total = Some(vec![
            Cell::Text("Total".into()),
            Cell::Money(Money(146_739_355)),
            Cell::Number(2),
            Cell::Empty,
        ]);
        Grid { columns, rows, total }
    }

    fn chart() -> Chart {
        let rows = vec![
            ("BIP".into(), vec![Total(100), Total(250)]),
            ("Indikatorer".into(), vec![Total(0), Total(-50)]),
        ];
        Chart {
            sheet: "By year".into(),
            title: "By year".into(),
            series: vec!["2025".into(), "2026".into()],
            rows,
        }
    }

    #[test]
    fn csv_is_as_the_rfc_has_it() {
        let text = String::from_utf8(csv(&grid()).unwrap()).unwrap();
        assert_eq!(
            text,
            "name,net,invoices,on\r\n\"Umeå, \"\"nya\"\"\n'=1+1\",1467393.60,2,1970-01-01\r\n,-0.05,1,\r\n"
        );
    }

    fn about() -> About {
        About { sheet: "Revenue".into(), title: "Revenue".into(), made_at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn a_workbook_of_several_sheets_has_a_limit_for_each() {
        let sheets = |rows: usize| {
            let long = Grid { rows: vec![vec![Cell::Empty; 4]; rows], total: None, ..grid() };
            workbook_of(
                "Rapport",
                DateTime::UNIX_EPOCH,
                &[("Ett".into(), grid()), ("Två".into(), long)],
            )
        };
        assert!(sheets(1).unwrap().starts_with(b"PK"));
        let refused = sheets(MAX_ROWS + 1);
        assert!(matches!(refused, Err(Error::TooLong(_))), "{refused:?}");
    }

    #[test]
    fn a_workbook_is_the_same_every_time() {
        let bytes = xlsx(&grid(), &about(), Some(&chart()), None).unwrap();
        assert!(bytes.starts_with(b"PK"));
        assert_eq!(bytes, xlsx(&grid(), &about(), Some(&chart()), None).unwrap());
        assert_ne!(bytes, xlsx(&grid(), &about(), None, None).unwrap());
        let empty = Grid { rows: Vec::new(), ..grid() };
        assert!(xlsx(&empty, &about(), None, None).unwrap().starts_with(b"PK"));
    }
}
